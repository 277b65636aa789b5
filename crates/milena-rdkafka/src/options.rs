use crate::{error::config, log};
use milena_core::{error::Error, transport::StartAt};
use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};
use std::time::Duration;

/// The options of librdkafka that differ from its defaults, in the order in which they were set.
#[derive(Clone, Default)]
pub(crate) struct Options(Vec<(String, String)>);

/// What every client has.
const BOTH: [(&str, &str); 3] = [
    ("client.id", "milena"),
    // A broker that was away is found again as soon as by Java's client.
    ("reconnect.backoff.max.ms", "1000"),
    // How long a topic may be unknown before that is an error.
    ("topic.metadata.propagation.max.ms", "10000"),
];

const CONSUMER: [(&str, &str); 9] = [
    ("allow.auto.create.topics", "false"),
    ("check.crcs", "true"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "false"),
    // With librdkafka's second, a consumer that catches up stands still most of the time.
    ("fetch.queue.backoff.ms", "10"),
    ("isolation.level", "read_committed"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("queued.max.messages.kbytes", "8192"),
];

const PRODUCER: [(&str, &str); 5] = [
    ("enable.idempotence", "true"),
    // What is too large is for the broker to say, which has a limit for each topic.
    ("message.max.bytes", "10485760"),
    // A record is given up only when the broker refused it, so what failed was never written.
    ("message.timeout.ms", "0"),
    ("partitioner", "murmur2_random"),
    // Records without a key go to a partition each, not all to one for a while.
    ("sticky.partitioning.linger.ms", "0"),
];

/// What cannot be set, and why. A value beside it is the only one that can.
const REFUSED: [(&str, Option<&str>, &str); 16] = [
    ("metadata.broker.list", None, "the addresses are given to `Kafka::new`"),
    ("group.id", None, "the group is the router's name"),
    ("auto.offset.reset", None, "the router says where a new group starts"),
    ("auto.commit.enable", Some("false"), "Milena commits what is done, and nothing else"),
    ("auto.commit.interval.ms", None, "Milena commits what is done, at times of its own"),
    ("enable.auto.offset.store", Some("false"), "Milena commits what is done, and nothing else"),
    ("enable.partition.eof", Some("false"), "it makes librdkafka miscount its position"),
    ("enable.idempotence", Some("true"), "a retry could write a record twice, or out of order"),
    ("request.required.acks", Some("all"), "a record counts as written when all replicas have it"),
    ("message.send.max.retries", None, "a record is given up only when the broker refused it"),
    (
        "message.timeout.ms",
        None,
        "a record that timed out may have been written; bound the time you wait for it instead",
    ),
    ("transactional.id", None, "only the runtime can begin and end transactions"),
    ("delivery.report.only.error", Some("false"), "each record is waited for"),
    ("queuing.strategy", Some("fifo"), "records of a partition keep their order"),
    ("log.queue", None, "librdkafka's log goes to `tracing`"),
    ("log_level", None, "the log's level is that of the target `librdkafka` in `tracing`"),
];

/// Names of librdkafka for the same option.
const ALIASES: [(&str, &str); 12] = [
    ("bootstrap.servers", "metadata.broker.list"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("retries", "message.send.max.retries"),
    ("compression.type", "compression.codec"),
    ("acks", "request.required.acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("enable.auto.commit", "auto.commit.enable"),
];

/// What the broker decides under `group.protocol=consumer`, where librdkafka refuses it.
const CLASSIC_ONLY: [&str; 4] = [
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "partition.assignment.strategy",
    "group.protocol.type",
];

/// Whose values are never shown.
const SECRET: [&str; 6] =
    ["password", "passphrase", "token", "key", "secret", "oauthbearer.config"];

impl Options {
    pub(crate) fn set(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    pub(crate) fn set_millis(&mut self, name: &str, time: Duration) {
        self.set(name.to_owned(), time.as_millis().to_string());
    }

    /// The names and values as they may be shown.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| {
            (name.as_str(), if is_secret(name) { "..." } else { value.as_str() })
        })
    }

    /// The options of a member of this group.
    pub(crate) fn consumer(
        &self,
        brokers: &str,
        group: &str,
        start: &StartAt,
    ) -> Result<ClientConfig, Error> {
        let mut config = self.config(brokers, &CONSUMER)?;
        config.set("group.id", group);
        let reset = if *start == StartAt::Latest { "latest" } else { "earliest" };
        config.set("auto.offset.reset", reset);
        if by_broker(&config) {
            if let Some((name, _)) =
                self.0.iter().find(|(name, _)| CLASSIC_ONLY.contains(&name.as_str()))
            {
                return Err(refuse(name, "the broker decides it under `group.protocol=consumer`"));
            }
            config.remove("partition.assignment.strategy");
        } else {
            beat_in_time(&mut config)?;
        }
        Ok(config)
    }

    pub(crate) fn producer(&self, brokers: &str) -> Result<ClientConfig, Error> {
        self.config(brokers, &PRODUCER)
    }

    pub(crate) fn admin(&self, brokers: &str) -> Result<ClientConfig, Error> {
        self.config(brokers, &[])
    }

    fn config(&self, brokers: &str, defaults: &[(&str, &str)]) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        for (name, value) in BOTH.iter().chain(defaults) {
            config.set(*name, *value);
        }
        for (name, value) in &self.0 {
            check(name, value)?;
            config.set(canonical(name), value.as_str());
        }
        // librdkafka says itself what it refuses, so the level matters only when it is created.
        config.set_log_level(log::level());
        Ok(config)
    }
}

/// Has a member heard of three times in each session, unless that was set: librdkafka would let a short
/// session end before the first heartbeat.
fn beat_in_time(config: &mut ClientConfig) -> Result<(), Error> {
    let millis = |name| config.get(name).and_then(|value| value.parse::<u64>().ok());
    let session = millis("session.timeout.ms").unwrap_or(45_000);
    match millis("heartbeat.interval.ms") {
        None => {
            config.set("heartbeat.interval.ms", (session / 3).clamp(1, 3_000).to_string());
            Ok(())
        }
        Some(heartbeat) if heartbeat < session => Ok(()),
        Some(_) => {
            Err(refuse("heartbeat.interval.ms", "it must be lower than `session.timeout.ms`"))
        }
    }
}

/// Whether the broker decides who of the group reads what.
pub(crate) fn by_broker(config: &ClientConfig) -> bool {
    config.get("group.protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("consumer"))
}

fn check(name: &str, value: &str) -> Result<(), Error> {
    let refused = REFUSED.iter().find(|(refused, ..)| *refused == canonical(name));
    if let Some((_, only, why)) = refused
        && *only != Some(normal(canonical(name), value))
    {
        return Err(refuse(name, why));
    }
    let checked = ClientConfig::new()
        .set(name, value)
        .set_log_level(RDKafkaLogLevel::Emerg)
        .create_native_config();
    match checked {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(_, why, ..)) if why.starts_with("No such") => {
            Err(refuse(name, "no such option"))
        }
        Err(KafkaError::ClientConfig(_, why, ..)) if !is_secret(name) => {
            Err(refuse(name, &hint(&why)))
        }
        Err(_) => Err(refuse(name, "invalid value")),
    }
}

fn refuse(name: &str, why: &str) -> Error {
    config(format!("could not use option `{name}`: {why}"))
}

/// What to do about what this build of librdkafka cannot do.
fn hint(why: &str) -> String {
    let feature = match why {
        _ if !why.contains("not available at build time") => return why.to_owned(),
        _ if why.contains("zstd") || why.contains("ZSTD") => "zstd",
        _ if why.contains("GSSAPI") || why.contains("cyrus") => "gssapi",
        _ => "tls",
    };
    format!("{why}; switch on the feature `{feature}`")
}

fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, canonical)| canonical)
}

/// The value as the table of refused options has it.
fn normal<'a>(name: &str, value: &'a str) -> &'a str {
    match (name, value) {
        ("request.required.acks", "-1") => "all",
        (_, "t" | "1") => "true",
        (_, "f" | "0") => "false",
        _ => value,
    }
}

fn is_secret(name: &str) -> bool {
    SECRET.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(options: &[(&str, &str)]) -> Result<String, String> {
        let mut set = Options::default();
        options.iter().for_each(|(name, value)| set.set((*name).into(), (*value).into()));
        let config = set.consumer("one:9092", "group", &StartAt::Earliest);
        let config = config.map_err(|error| error.to_string())?;
        Ok(config.get("heartbeat.interval.ms").unwrap_or_default().to_owned())
    }

    #[test]
    fn a_member_is_heard_of_three_times_in_a_session() {
        assert_eq!(heartbeat(&[]), Ok("3000".into()));
        assert_eq!(heartbeat(&[("session.timeout.ms", "2000")]), Ok("666".into()));
        assert_eq!(heartbeat(&[("heartbeat.interval.ms", "5000")]), Ok("5000".into()));
        assert_eq!(heartbeat(&[("group.protocol", "consumer")]), Ok(String::new()));
    }

    #[test]
    fn a_heartbeat_that_is_too_late_for_its_session_is_refused() {
        let slow = [("session.timeout.ms", "2000"), ("heartbeat.interval.ms", "2000")];
        let message = "could not use option `heartbeat.interval.ms`: it must be lower than `session.timeout.ms`";

        assert_eq!(heartbeat(&slow), Err(message.into()));
    }
}
