use crate::{
    error::{error_or, kind},
    log,
    native::{Client, Event, Message, Said},
    security::Identity,
};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::Delivered,
};
use rdkafka::error::RDKafkaErrorCode as Code;

/// How a record ended.
pub(super) fn outcome(
    client: &Client,
    message: &Message,
    error: Option<Code>,
) -> Result<Delivered, Error> {
    let delivered = Delivered { partition: message.partition(), offset: message.offset() };
    let Some(code) = error else { return Ok(delivered) };
    let sent = Sent {
        topic: message.topic(),
        partition: delivered.partition,
        bytes: message.size(),
        limit: "and its batch is more than the broker takes: `batch.size` here, `max.message.bytes` of the topic there",
    };
    Err(sent.explain(client, code))
}

/// Why librdkafka did not take a record.
pub(super) fn refused(client: &Client, record: &ProducerRecord, code: Code) -> Error {
    let sent = Sent {
        topic: &record.topic,
        partition: record.partition.unwrap_or(-1),
        bytes: record.bytes(),
        limit: "more than `message.max.bytes` allows",
    };
    sent.explain(client, code)
}

pub(super) fn no_name(topic: &str) -> Error {
    Error::new(
        ErrorKind::Publish,
        format!("could not publish to topic `{topic}`: no topic can be called so"),
    )
}

/// What a producer tells beside its answers; what is returned is to be its end.
pub(super) fn hear(client: &Client, identity: &Identity, event: &Event) -> Option<Error> {
    let said = event.said();
    if let Said::Statistics(json) = &said {
        log::statistics(json);
    }
    if let Said::Error(code, reason) = said {
        let explained = identity.explain((code, &reason), client.distrust().as_deref());
        match client.fatal_error() {
            None if let Some(error) = explained => {
                if identity.stops && error.kind() == ErrorKind::Unauthorized {
                    return Some(error);
                }
                tracing::warn!(%error, "a producer has trouble");
            }
            Some((_, reason)) => tracing::error!("a producer cannot go on: {reason}"),
            None if kind(code) == Some(ErrorKind::Unreachable) => {
                tracing::debug!("a producer waits: {reason}")
            }
            None => tracing::warn!("a producer has trouble: {reason}"),
        }
    }
    None
}

/// A record that was not written.
struct Sent<'a> {
    topic: &'a str,
    partition: i32,
    bytes: usize,
    /// What its size may have been too much for.
    limit: &'static str,
}

impl Sent<'_> {
    fn explain(&self, client: &Client, code: Code) -> Error {
        let what = format!("publish to topic `{}`", self.topic);
        let say = |kind, cause: String| Error::new(kind, format!("could not {what}: {cause}"));
        match code {
            Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => {
                let cause = format!("the record has {} bytes, {}", self.bytes, self.limit);
                say(ErrorKind::TooLarge, cause)
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition => {
                say(ErrorKind::UnknownTopic, "the broker has no such topic".into())
            }
            Code::UnknownPartition => {
                say(ErrorKind::Publish, format!("it has no partition {}", self.partition))
            }
            Code::PurgeQueue | Code::PurgeInflight => {
                say(ErrorKind::Driver, "the producer was dropped before the broker answered".into())
            }
            Code::Fatal => {
                let cause = client.fatal_error().map(|(_, reason)| reason);
                say(ErrorKind::Driver, cause.unwrap_or_else(|| "a fatal error".into()))
            }
            code => error_or(ErrorKind::Publish, &what, code),
        }
    }
}
