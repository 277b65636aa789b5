//! Whether options can be used: each on its own, and all together.

use super::{
    ConsumerConfig, ProducerConfig,
    defaults::of_consumer,
    options::{EXCLUDE_INTERNAL_TOPICS, canonical},
    refused,
};
use crate::error::Error;

/// What librdkafka takes, by the names that stand for all.
const RANGES: [(&str, i64, i64); 23] = [
    ("batch.size", 1, 2_147_483_647),
    ("connections.max.idle.ms", 0, 2_147_483_647),
    ("fetch.max.bytes", 0, 2_147_483_135),
    ("fetch.message.max.bytes", 1, 1_000_000_000),
    ("fetch.min.bytes", 1, 100_000_000),
    ("fetch.wait.max.ms", 0, 300_000),
    ("heartbeat.interval.ms", 1, 3_600_000),
    // More could change the order of records that are sent again.
    ("max.in.flight.requests.per.connection", 1, 5),
    ("max.poll.interval.ms", 1, 86_400_000),
    ("message.max.bytes", 1_000, 1_000_000_000),
    ("queue.buffering.max.kbytes", 1, 2_147_483_647),
    ("queue.buffering.max.messages", 0, 2_147_483_647),
    ("queue.buffering.max.ms", 0, 900_000),
    ("queued.max.messages.kbytes", 1, 2_097_151),
    ("receive.message.max.bytes", 1_000, 2_147_483_647),
    ("request.timeout.ms", 1, 900_000),
    ("retry.backoff.max.ms", 1, 300_000),
    ("retry.backoff.ms", 1, 300_000),
    ("session.timeout.ms", 1, 3_600_000),
    ("socket.timeout.ms", 10, 300_000),
    ("sticky.partitioning.linger.ms", 0, 900_000),
    ("topic.metadata.refresh.interval.ms", -1, 3_600_000),
    ("transaction.timeout.ms", 1_000, 2_147_483_647),
];

/// What is a name, of something or somebody.
const NAMES: [&str; 4] = ["client.id", "client.rack", "group.instance.id", STRATEGIES];

const STRATEGIES: &str = "partition.assignment.strategy";

/// What the broker decides under `group.protocol=consumer`.
const CLASSIC_ONLY: [&str; 4] =
    ["session.timeout.ms", "heartbeat.interval.ms", STRATEGIES, "group.protocol.type"];

/// Checks an option on its own.
pub(super) fn value(option: &str, value: &str) -> Result<(), Error> {
    let name = canonical(option);
    if let Some((_, least, most)) = RANGES.iter().find(|(ranged, ..)| *ranged == name) {
        // librdkafka has fractions of a millisecond here and there.
        let number: f64 =
            value.parse().map_err(|_| refused(option, "the value is not a number"))?;
        #[expect(clippy::cast_precision_loss, reason = "the bounds are exact")]
        let fits = (*least as f64..=*most as f64).contains(&number);
        if !fits {
            return Err(refused(option, &format!("{value} is not from {least} to {most}")));
        }
    }
    if NAMES.contains(&name) && value.is_empty() {
        return Err(refused(option, "it is empty"));
    }
    if name == EXCLUDE_INTERNAL_TOPICS && !["true", "false"].contains(&value) {
        return Err(refused(option, "the value is neither `true` nor `false`"));
    }
    Ok(())
}

/// Checks the options of a consumer together.
pub(super) fn consumer(config: &ConsumerConfig) -> Result<(), Error> {
    let both = Both(config);
    if config.get("group.protocol").is_some_and(|it| it.eq_ignore_ascii_case("consumer")) {
        if let Some(option) = CLASSIC_ONLY.iter().find(|option| config.get(option).is_some()) {
            return Err(refused(option, "the broker decides it under `group.protocol=consumer`"));
        }
    } else {
        both.check("heartbeat.interval.ms", 1, "session.timeout.ms")?;
        both.check("session.timeout.ms", 0, "max.poll.interval.ms")?;
        strategies(config)?;
    }
    both.check("fetch.min.bytes", 0, "fetch.max.bytes")?;
    if config.get("fetch.max.bytes").is_some() {
        both.check("max.partition.fetch.bytes", 0, "fetch.max.bytes")?;
        both.check("message.max.bytes", 0, "fetch.max.bytes")?;
        both.check("fetch.max.bytes", 512, "receive.message.max.bytes")?;
    }
    both.check("fetch.wait.max.ms", 1_000, "socket.timeout.ms")
}

/// Members of a group that hand over one by one cannot work with those that hand over everything.
fn strategies(config: &ConsumerConfig) -> Result<(), Error> {
    let Some(list) = config.get(STRATEGIES) else { return Ok(()) };
    let names = || list.split(',').map(str::trim);
    if names().any(|name| name == "cooperative-sticky")
        && names().any(|name| name != "cooperative-sticky")
    {
        let why = format!("`{list}` mixes a cooperative strategy with eager ones");
        return Err(refused(STRATEGIES, &why));
    }
    Ok(())
}

/// Checks the options of a producer together.
pub(super) fn producer(config: &ProducerConfig) -> Result<(), Error> {
    // A batch that is larger than a request may be would never be sent whole.
    let number = |option| config.get(option).and_then(|value| value.parse::<f64>().ok());
    match (number("batch.size"), number("message.max.bytes")) {
        (Some(batch), Some(request)) if batch > request => Err(refused(
            "batch.size",
            &format!("{batch} is not at most `message.max.bytes`, which is {request}"),
        )),
        _ => Ok(()),
    }
}

/// Two options of a consumer that go together, or not.
struct Both<'a>(&'a ConsumerConfig);

impl Both<'_> {
    /// Whether `a` is so much less than `b`, if one of them was set.
    fn check(&self, a: &str, less: u32, b: &str) -> Result<(), Error> {
        let (Some((of_a, set_a)), Some((of_b, set_b))) = (self.value(a), self.value(b)) else {
            return Ok(());
        };
        if of_a + f64::from(less) <= of_b || !(set_a || set_b) {
            return Ok(());
        }
        let relation = match less {
            0 => "at most".into(),
            1 => "lower than".into(),
            less => format!("{less} below"),
        };
        let default = |set| if set { "" } else { " by default" };
        let (default_a, default_b) = (default(set_a), default(set_b));
        let why = format!("{of_a}{default_a} is not {relation} `{b}`, which is {of_b}{default_b}");
        Err(refused(a, &why))
    }

    /// The number, and whether it was set.
    fn value(&self, option: &str) -> Option<(f64, bool)> {
        let set = self.0.get(option);
        let value = set.or_else(|| of_consumer(canonical(option)))?;
        Some((value.parse().ok()?, set.is_some()))
    }
}
