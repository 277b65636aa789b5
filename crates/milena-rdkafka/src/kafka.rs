use crate::{address, consumer, error::config, options::Options, producer, topics};
use milena_core::{
    error::Error,
    transport::{
        BoxFuture, Consumer, Creation, Membership, NewTopic, Producer, TopicDescription, Transport,
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
    options: Options,
}

/// How the members of a group agree on who reads what.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum GroupProtocol {
    /// The members do, as ever.
    #[default]
    Classic,
    /// The broker does (KIP-848), from Kafka 4.0 on. It also decides about session time-outs and heartbeats.
    Consumer,
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
        self.options.set(option.into(), value.into());
        self
    }

    /// What the broker's logs and metrics call this client; by default `milena`.
    #[must_use]
    pub fn client_id(self, id: impl Into<String>) -> Self {
        self.set("client.id", id)
    }

    /// How long a member of a classic group may be silent before the others go on without it; by default
    /// 45 seconds. In whole milliseconds.
    #[must_use]
    pub fn session_timeout(mut self, time: Duration) -> Self {
        self.options.set_millis("session.timeout.ms", time);
        self
    }

    /// How long the members of a group wait for one that is to hand partitions over; by default 5 minutes.
    /// Half of it is for calls of handlers that still run. In whole milliseconds.
    #[must_use]
    pub fn max_poll_interval(mut self, time: Duration) -> Self {
        self.options.set_millis("max.poll.interval.ms", time);
        self
    }

    /// How the members of a group agree on who reads what; by default [`GroupProtocol::Classic`].
    #[must_use]
    pub fn group_protocol(self, protocol: GroupProtocol) -> Self {
        let name = match protocol {
            GroupProtocol::Classic => "classic",
            GroupProtocol::Consumer => "consumer",
        };
        self.set("group.protocol", name)
    }

    /// Makes its consumers static members: the group keeps their partitions for them while they restart,
    /// as long as the session lasts. No other member of a group may have the same name.
    #[must_use]
    pub fn instance_id(self, id: impl Into<String>) -> Self {
        self.set("group.instance.id", id)
    }

    fn brokers(&self) -> Result<String, Error> {
        address::brokers(&self.brokers)
    }
}

impl Transport for Kafka {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        Box::pin(async move { consumer::join(&self.options, &self.brokers()?, membership) })
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        Box::pin(async move { producer::produce(&self.options, &self.brokers()?) })
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>> {
        Box::pin(async move {
            let created = vec![Creation::Created; topics.len()];
            topics::create(&self.options, &self.brokers()?, topics).await.map(|()| created)
        })
    }

    fn describe_topics(
        &self,
        _topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>> {
        todo!()
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Kafka");
        if let Ok(brokers) = self.brokers() {
            shown.field("brokers", &brokers);
        }
        let mut options = std::collections::BTreeMap::new();
        options.extend(self.options.shown());
        shown.field("options", &options).finish()
    }
}
