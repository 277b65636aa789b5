use crate::{error::config, log, security::Security};
use milena_core::{
    error::Error,
    transport::{ConsumerConfig, ProducerConfig, StartAt, config::is_secret},
};
use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};
use std::{collections::BTreeMap, time::Duration};

/// What the clients of a cluster are made with.
#[derive(Clone, Default)]
pub(crate) struct Options {
    /// What was set for consumers and producers alike, which counts for other clients, too.
    all: ProducerConfig,
    pub(crate) consumer: ConsumerConfig,
    pub(crate) producer: ProducerConfig,
    pub(crate) security: Security,
}

/// What every client has beside the defaults that users are told of.
const CLIENT: [(&str, &str); 1] = [
    // How long a topic may be unknown before that is an error.
    ("topic.metadata.propagation.max.ms", "10000"),
];

const CONSUMER: [(&str, &str); 6] = [
    ("allow.auto.create.topics", "false"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "false"),
    // With librdkafka's second, a consumer that catches up stands still most of the time.
    ("fetch.queue.backoff.ms", "10"),
    // A commit that loses its connection is sent again behind the question for the coordinator, which may
    // wait for the answer to a fetch. Sent before that, it fails for want of a coordinator, which is asked
    // for anew: so it goes round for many seconds, and no heartbeat gets through.
    ("retry.backoff.ms", "700"),
];

/// A client that asks for a topic does not want it to be made for that.
const ADMIN: [(&str, &str); 1] = [("allow.auto.create.topics", "false")];

impl Options {
    /// Sets an option for all clients.
    pub(crate) fn set(&mut self, option: &str, value: &str) {
        self.all = std::mem::take(&mut self.all).set(option, value);
        self.consumer = std::mem::take(&mut self.consumer).set(option, value);
        self.producer = std::mem::take(&mut self.producer).set(option, value);
    }

    /// These, with what a membership sets over them.
    pub(crate) fn of_member(&self, membership: &ConsumerConfig) -> Self {
        Self { consumer: self.consumer.clone().and(membership), ..self.clone() }
    }

    /// The options of a member of this group.
    pub(crate) fn consumer(
        &self,
        brokers: &str,
        group: &str,
        start: &StartAt,
    ) -> Result<ClientConfig, Error> {
        self.consumer.validate()?;
        check(self.consumer.options())?;
        let mut config = self.client(brokers, &CONSUMER, self.consumer.resolved())?;
        config.set("group.id", group);
        let reset = if *start == StartAt::Latest { "latest" } else { "earliest" };
        config.set("auto.offset.reset", reset);
        if by_broker(&config) {
            config.remove("partition.assignment.strategy");
            config.remove("session.timeout.ms");
        } else {
            beat_in_time(&mut config);
        }
        Ok(config)
    }

    pub(crate) fn producer(&self, brokers: &str) -> Result<ClientConfig, Error> {
        self.producer.validate()?;
        check(self.producer.options())?;
        self.client(brokers, &[], self.producer.resolved())
    }

    pub(crate) fn admin(&self, brokers: &str) -> Result<ClientConfig, Error> {
        self.all.validate()?;
        check(self.all.options())?;
        let mut options = BTreeMap::from([("client.id", "milena")]);
        options.extend(self.all.options());
        self.client(brokers, &ADMIN, options)
    }

    fn client(
        &self,
        brokers: &str,
        defaults: &[(&str, &str)],
        options: BTreeMap<&str, &str>,
    ) -> Result<ClientConfig, Error> {
        let mut config = client(brokers, defaults, options);
        self.security.apply(&mut config)?;
        Ok(config)
    }
}

/// Milliseconds as librdkafka has them.
pub(crate) fn millis(time: Duration) -> String {
    time.as_millis().min(i32::MAX as u128).to_string()
}

fn client(brokers: &str, defaults: &[(&str, &str)], options: BTreeMap<&str, &str>) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let defaults = CLIENT.iter().chain(defaults).copied();
    for (option, value) in defaults.chain(options) {
        config.set(option, value);
    }
    // librdkafka says itself what it refuses, so the level matters only when it is created.
    config.set_log_level(log::level());
    config
}

/// Has a member heard of three times in each session, unless that was set: librdkafka would let a short
/// session end before the first heartbeat.
fn beat_in_time(config: &mut ClientConfig) {
    if config.get("heartbeat.interval.ms").is_none() {
        let session = config.get("session.timeout.ms").and_then(|millis| millis.parse().ok());
        let third = session.unwrap_or(45_000_u64) / 3;
        config.set("heartbeat.interval.ms", third.clamp(1, 3_000).to_string());
    }
}

/// Whether the broker decides who of the group reads what.
pub(crate) fn by_broker(config: &ClientConfig) -> bool {
    config.get("group.protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("consumer"))
}

/// Whether librdkafka takes each of the options.
fn check<'a>(options: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), Error> {
    let known = options.filter(|(option, _)| *option != "exclude.internal.topics");
    for (option, value) in known {
        let checked = ClientConfig::new()
            .set(option, value)
            .set_log_level(RDKafkaLogLevel::Emerg)
            .create_native_config();
        let Err(error) = checked else { continue };
        let why = match error {
            KafkaError::ClientConfig(_, why, ..) if why.starts_with("No such") => {
                "no such option".into()
            }
            KafkaError::ClientConfig(_, why, ..) if !is_secret(option) => hint(&why),
            _ => "invalid value".into(),
        };
        return Err(config(format!("could not use option `{option}`: {why}")));
    }
    Ok(())
}

/// What to do about what this build of librdkafka cannot do.
fn hint(why: &str) -> String {
    let feature = match why {
        _ if !why.contains("not available at build time") => return why.to_owned(),
        _ if why.contains("zstd") || why.contains("ZSTD") => "zstd",
        _ if why.contains("CURL") || why.contains("oidc") || why.contains("OIDC") => {
            return format!("{why}; `Kafka::client_credentials` is there for that");
        }
        _ if why.contains("GSSAPI") || why.contains("cyrus") => "gssapi",
        _ => "tls",
    };
    format!("{why}; switch on the feature `{feature}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Client;
    use milena_core::transport::{Compression, GroupProtocol, Partitioner};

    fn heartbeat(config: ConsumerConfig) -> Result<String, String> {
        let options = Options::default().of_member(&config);
        let config = options.consumer("one:9092", "group", &StartAt::Earliest);
        let config = config.map_err(|error| error.to_string())?;
        Ok(config.get("heartbeat.interval.ms").unwrap_or_default().to_owned())
    }

    #[test]
    fn a_member_is_heard_of_three_times_in_a_session() {
        let config = ConsumerConfig::new;
        let second = Duration::from_secs(1);

        assert_eq!(heartbeat(config()), Ok("3000".into()));
        assert_eq!(heartbeat(config().session_timeout(2 * second)), Ok("666".into()));
        assert_eq!(heartbeat(config().heartbeat_interval(5 * second)), Ok("5000".into()));
        let by_broker = config().group_protocol(GroupProtocol::Consumer);
        assert_eq!(heartbeat(by_broker), Ok(String::new()));
    }

    #[test]
    fn a_membership_goes_over_its_cluster_and_both_are_checked_together() {
        let mut options = Options::default();
        options.set("session.timeout.ms", "2000");
        let member = options.of_member(&ConsumerConfig::new().set("heartbeat.interval.ms", "2000"));

        let error = member.consumer("one:9092", "group", &StartAt::Earliest).unwrap_err();

        let message = "could not use option `heartbeat.interval.ms`: 2000 is not lower than \
                       `session.timeout.ms`, which is 2000";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn librdkafka_takes_the_defaults_and_whatever_the_methods_set() {
        let create = |config: ClientConfig| config.create_native_config().map(drop).unwrap();
        let options = Options {
            consumer: ConsumerConfig::new().exclude_internal_topics(false).client_rack("here"),
            producer: ProducerConfig::new().linger(Duration::from_secs(1)),
            ..Options::default()
        };
        create(options.consumer("one:9092", "group", &StartAt::Earliest).unwrap());
        create(options.admin("one:9092").unwrap());
        for partitioner in [
            Partitioner::Murmur2Random,
            Partitioner::Murmur2,
            Partitioner::ConsistentRandom,
            Partitioner::Consistent,
            Partitioner::Fnv1aRandom,
            Partitioner::Fnv1a,
            Partitioner::Random,
        ] {
            let producer = options.producer.clone().partitioner(partitioner);
            let config = Options { producer, ..options.clone() }.producer("one:9092").unwrap();
            assert_eq!(config.get("queue.buffering.max.ms"), Some("1000"));
            create(config);
        }
        for with in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
            let producer = ProducerConfig::new().compression(with);
            create(Options { producer, ..Options::default() }.producer("one:9092").unwrap());
        }
    }

    #[test]
    fn what_is_in_a_transaction_is_given_up_within_its_time_whatever_was_set() {
        let transactions = |producer: ProducerConfig, seconds| {
            let options = Options { producer, ..Options::default() };
            let time = Duration::from_secs(seconds);
            let config = options.transactions("one:9092", "id", time).unwrap();
            config.create_native_config().unwrap();
            Client::producer(&config).unwrap();
            ["transaction.timeout.ms", "message.timeout.ms", "socket.timeout.ms", "linger.ms"]
                .map(|option| config.create_native_config().unwrap().get(option).unwrap())
        };
        let config = ProducerConfig::new;
        let second = Duration::from_secs(1);

        assert_eq!(transactions(config(), 10), ["10000", "7500", "5000", "5"]);
        assert_eq!(transactions(config(), 3600), ["3600000", "2700000", "60000", "5"]);
        assert_eq!(transactions(config(), 1), ["1000", "750", "500", "5"]);
        let long = config().transaction_timeout(70 * second).linger(9 * second);
        assert_eq!(transactions(long, 10), ["10000", "7500", "5000", "3750"]);
        let short = config().request_timeout(second);
        assert_eq!(transactions(short, 10), ["10000", "7500", "1000", "5"]);
    }

    #[cfg(not(feature = "zstd"))]
    #[test]
    fn what_this_build_cannot_do_names_the_feature() {
        let producer = ProducerConfig::new().compression(Compression::Zstd);
        let error = Options { producer, ..Options::default() }.producer("one:9092").unwrap_err();

        assert!(error.to_string().contains("switch on the feature `zstd`"), "{error}");
    }
}
