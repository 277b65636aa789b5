use super::Shared;
use crate::{
    error::{error_or, kind},
    log,
    native::{Event, Message, Said},
};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::Delivered,
};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::sync::atomic::Ordering::SeqCst;

/// How a record ended.
pub(super) fn outcome(
    shared: &Shared,
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
    Err(sent.explain(shared, code))
}

/// Why librdkafka did not take a record.
pub(super) fn refused(shared: &Shared, record: &ProducerRecord, code: Code) -> Error {
    let sent = Sent {
        topic: &record.topic,
        partition: record.partition.unwrap_or(-1),
        bytes: record.bytes(),
        limit: "more than `message.max.bytes` allows",
    };
    sent.explain(shared, code)
}

pub(super) fn no_name(topic: &str) -> Error {
    Error::new(
        ErrorKind::Publish,
        format!("could not publish to topic `{topic}`: no topic can be called so"),
    )
}

/// What a producer tells beside its answers; what is returned is to be its end.
pub(super) fn hear(shared: &Shared, event: &Event) -> Option<Error> {
    let Shared { client, identity, refusal, .. } = shared;
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
                refusal.note(&error);
            }
            Some((code, reason)) => {
                tracing::error!("a producer cannot go on: {reason}");
                let kind = kind(code).unwrap_or(ErrorKind::Driver);
                let error = Error::new(kind, format!("could not go on publishing: {reason}"));
                // Of transactions it is told by what they are asked for, and another session may do.
                return shared.scope.is_none().then_some(error);
            }
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
    fn explain(&self, shared: &Shared, code: Code) -> Error {
        let what = format!("publish to topic `{}`", self.topic);
        let say = |kind, cause: String| Error::new(kind, format!("could not {what}: {cause}"));
        let scope = shared.scope.as_ref().filter(|_| !shared.dropped.load(SeqCst));
        match code {
            Code::State if scope.is_some_and(|scope| scope.is_open()) => {
                say(ErrorKind::Aborted, "its transaction has failed already".into())
            }
            Code::State => say(ErrorKind::Publish, "no transaction is open".into()),
            Code::PurgeQueue | Code::PurgeInflight if scope.is_some() => {
                say(ErrorKind::Aborted, "its transaction is not committed".into())
            }
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
            Code::InvalidProducerEpoch if scope.is_some() => {
                say(ErrorKind::Fenced, "another producer has its transactional id now".into())
            }
            Code::MessageTimedOut => {
                let cause = "it was not written within the time of its transaction";
                say(ErrorKind::TimedOut, cause.into())
            }
            Code::Fatal => {
                let fatal = shared.client.fatal_error();
                let (code, cause) = fatal.unwrap_or((code, "a fatal error".into()));
                say(kind(code).unwrap_or(ErrorKind::Driver), cause)
            }
            code => error_or(ErrorKind::Publish, &what, code),
        }
    }
}
