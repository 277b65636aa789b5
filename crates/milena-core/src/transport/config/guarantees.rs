//! What Milena's guarantees stand on, which no option takes away.

use super::{options::canonical, refused};
use crate::error::Error;

const COMMITS: &str = "Milena commits what is done, and nothing else";
const WRITTEN_ONCE: &str = "a retry could write a record twice, or out of order";
const GIVEN_UP: &str = "a record is given up only when the broker refused it";

/// What cannot be set, and why. A value beside it is the only one that can.
const REFUSED: [(&str, Option<&str>, &str); 17] = [
    ("metadata.broker.list", None, "the addresses are given to `Kafka::new`"),
    ("group.id", None, "the group is the router's name"),
    (
        "auto.offset.reset",
        None,
        "Milena finds out itself that an offset is not there, so that nothing is passed over in silence; \
         say what happens then with `ConsumerConfig::auto_offset_reset`, and where a new group begins \
         with `Router::start_at`",
    ),
    ("auto.commit.enable", Some("false"), COMMITS),
    (
        "auto.commit.interval.ms",
        None,
        "Milena commits what is done, at times of its own: `Router::commit_interval` and `commit_every`",
    ),
    ("enable.auto.offset.store", Some("false"), COMMITS),
    ("enable.partition.eof", Some("false"), "it makes librdkafka miscount its position"),
    ("enable.idempotence", Some("true"), WRITTEN_ONCE),
    ("request.required.acks", Some("all"), "a record counts as written when all replicas have it"),
    ("message.send.max.retries", None, GIVEN_UP),
    (
        "message.timeout.ms",
        None,
        "a record that timed out may have been written; bound the time you wait for it instead",
    ),
    ("transactional.id", None, "only the runtime can begin and end transactions"),
    ("delivery.report.only.error", Some("false"), "each record is waited for"),
    ("queuing.strategy", Some("fifo"), "records of a partition keep their order"),
    ("max.poll.records", None, super::consumer::MAX_POLL_RECORDS),
    ("log.queue", None, "librdkafka's log goes to `tracing`"),
    ("log_level", None, "the log's level is that of the target `librdkafka` in `tracing`"),
];

pub(super) fn check(option: &str, value: &str) -> Result<(), Error> {
    let name = canonical(option);
    match REFUSED.iter().find(|(refused, ..)| *refused == name) {
        Some((_, only, why)) if *only != Some(normal(name, value)) => Err(refused(option, why)),
        _ => Ok(()),
    }
}

/// The value as the table has it.
fn normal<'a>(option: &str, value: &'a str) -> &'a str {
    match (option, value) {
        ("request.required.acks", "-1") => "all",
        (_, "t" | "1") => "true",
        (_, "f" | "0") => "false",
        _ => value,
    }
}
