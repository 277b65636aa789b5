use crate::{address, consumer, error::config, options::Options, producer, topics, transactions};
use milena_core::{
    error::Error,
    transport::{
        BoxFuture, Consumer, ConsumerConfig, Creation, GroupProtocol, Membership, NewTopic,
        Producer, ProducerConfig, TopicDescription, Transactions, Transport,
    },
};
use std::{env, fmt, sync::Arc, time::Duration};

/// Apache Kafka, reached through librdkafka.
///
/// ```
/// use milena_rdkafka::Kafka;
/// use std::time::Duration;
///
/// let kafka = Kafka::new("one:9092,two:9092")
///     .client_id("billing")
///     .session_timeout(Duration::from_secs(10))
///     .set("compression.type", "lz4");
/// ```
///
/// An option that cannot be used is refused when a consumer or a producer is made, with an error of kind [`Config`](milena_core::error::ErrorKind::Config) that names it.
#[derive(Clone)]
pub struct Kafka {
    brokers: String,
    pub(crate) options: Options,
}

const BROKERS: &str = "KAFKA_BROKERS";
const CLIENT_OPTION: &str = "KAFKA_CLIENT_";

impl Kafka {
    /// The cluster that these brokers are part of: `host:port` each, with commas between them. The port
    /// is 9092 where it is left out. An IPv6 address stands in brackets.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self { brokers: brokers.into(), options: Options::default() }
    }

    /// The same, as a URL: `kafka://one:9092,two:9092`.
    ///
    /// # Errors
    ///
    /// [`Config`](milena_core::error::ErrorKind::Config) when it does not begin with `kafka://`, or what
    /// follows is not a list of addresses.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        address::brokers_of_url(url).map(Self::new)
    }

    /// The cluster of `KAFKA_BROKERS`, with an option of librdkafka for each variable `KAFKA_CLIENT_*`:
    /// `KAFKA_CLIENT_SASL_USERNAME=ada` is [`set("sasl.username", "ada")`](Self::set).
    ///
    /// # Errors
    ///
    /// [`Config`](milena_core::error::ErrorKind::Config) when `KAFKA_BROKERS` is not set, or is not a list of
    /// addresses.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    fn from_variables(variables: impl Iterator<Item = (String, String)>) -> Result<Self, Error> {
        let (mut brokers, mut set) = (None, Vec::new());
        for (name, value) in variables {
            if name == BROKERS {
                brokers = Some(value);
            } else if let Some(option) = name.strip_prefix(CLIENT_OPTION) {
                set.push((option.to_lowercase().replace('_', "."), value));
            }
        }
        let Some(brokers) = brokers else {
            let message = format!("could not find a broker: the variable `{BROKERS}` is not set");
            return Err(config(message));
        };
        set.sort();
        let kafka = Self::new(address::brokers(&brokers)?);
        Ok(set.into_iter().fold(kafka, |kafka, (name, value)| kafka.set(name, value)))
    }

    /// Sets an [option of librdkafka], for consumers and producers alike; of two values the later one counts.
    ///
    /// Some are refused because Milena's guarantees stand on them, such as `enable.auto.commit`.
    ///
    /// [option of librdkafka]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/CONFIGURATION.md
    #[must_use]
    pub fn set(mut self, option: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.set(&option.into(), &value.into());
        self
    }

    /// Configures its consumers, over what was set before. What a router has of its own goes over it.
    ///
    /// ```
    /// use milena_core::transport::ConsumerConfig;
    /// use milena_rdkafka::Kafka;
    /// use std::time::Duration;
    ///
    /// let near = ConsumerConfig::new().client_rack("eu-1a").fetch_max_wait(Duration::from_millis(100));
    /// let kafka = Kafka::new("localhost:9092").consumer_config(near);
    /// ```
    #[must_use]
    pub fn consumer_config(mut self, config: ConsumerConfig) -> Self {
        self.options.consumer = self.options.consumer.and(&config);
        self
    }

    /// Configures its producers, over what was set before.
    #[must_use]
    pub fn producer_config(mut self, config: ProducerConfig) -> Self {
        self.options.producer = self.options.producer.and(&config);
        self
    }

    /// What the broker's logs and metrics call this client; by default `milena`.
    #[must_use]
    pub fn client_id(self, id: impl Into<String>) -> Self {
        self.set("client.id", id)
    }

    /// How long a member of a classic group may be silent before the others go on without it: see
    /// [`ConsumerConfig::session_timeout`].
    #[must_use]
    pub fn session_timeout(self, time: Duration) -> Self {
        self.consumer_config(ConsumerConfig::new().session_timeout(time))
    }

    /// How long the members of a group wait for one that is to hand partitions over: see
    /// [`ConsumerConfig::max_poll_interval`].
    #[must_use]
    pub fn max_poll_interval(self, time: Duration) -> Self {
        self.consumer_config(ConsumerConfig::new().max_poll_interval(time))
    }

    /// How the members of a group agree on who reads what; by default [`GroupProtocol::Classic`].
    #[must_use]
    pub fn group_protocol(self, protocol: GroupProtocol) -> Self {
        self.consumer_config(ConsumerConfig::new().group_protocol(protocol))
    }

    /// Makes its consumers static members: see [`ConsumerConfig::instance_id`].
    #[must_use]
    pub fn instance_id(self, id: impl Into<String>) -> Self {
        self.consumer_config(ConsumerConfig::new().instance_id(id))
    }

    /// The library under the driver, and its version: `librdkafka 2.12.1`.
    pub fn driver_version() -> String {
        format!("librdkafka {}", rdkafka::util::get_rdkafka_version().1)
    }

    fn brokers(&self) -> Result<String, Error> {
        address::brokers(&self.brokers)
    }
}

impl Transport for Kafka {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        Box::pin(async move {
            if self.options.consumer.reset().is_some() {
                let why = "it is for a group to say: set it with `Router::consumer`";
                return Err(config(format!("could not use option `auto_offset_reset`: {why}")));
            }
            let options = self.options.of_member(&membership.config);
            consumer::join(&options, &self.brokers()?, membership)
        })
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        Box::pin(async move { producer::produce(&self.options, &self.brokers()?) })
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>> {
        Box::pin(async move { topics::create(&self.options, &self.brokers()?, topics).await })
    }

    fn describe_topics(
        &self,
        topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>> {
        Box::pin(async move { topics::describe(&self.options, &self.brokers()?, topics).await })
    }

    fn transactions(
        &self,
        id: Arc<str>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Arc<dyn Transactions>, Error>> {
        Box::pin(
            async move { transactions::begin(&self.options, &self.brokers()?, id, timeout).await },
        )
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Kafka");
        if let Ok(brokers) = self.brokers() {
            shown.field("brokers", &brokers);
        }
        let (consumer, producer) = (&self.options.consumer, &self.options.producer);
        shown.field("security", &self.options.security);
        shown.field("consumer", consumer).field("producer", producer).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Kafka;

    #[test]
    fn the_library_under_the_driver_has_a_version() {
        assert!(Kafka::driver_version().starts_with("librdkafka 2."));
    }
}
