use super::{TraceLayer, fail};
use milena_core::{
    error::{BoxError, Error},
    record::{Headers, names},
    reply::{ProducerRecord, PublishLayer},
    transport::Delivered,
};
use std::sync::{Mutex, PoisonError};
use tracing::{Span, field::Empty, info_span};

/// The span of a record on its way to the broker, until that has answered.
struct Sending(Mutex<Option<Span>>);

impl PublishLayer for TraceLayer {
    fn publish(&self, mut record: ProducerRecord) -> Result<ProducerRecord, BoxError> {
        let span = self.send(&record);
        if span.is_disabled() {
            return Ok(record);
        }
        self.describe(&span, (record.key.as_deref(), record.value.as_deref()), &record.headers);
        self.propagation.adopt(&span, &record.headers);
        self.propagation.inject(&span, &mut record.headers);
        Ok(record.attach(Sending(Mutex::new(Some(span)))))
    }

    fn published(&self, record: &ProducerRecord, result: Result<&Delivered, &Error>) {
        let Some(Sending(span)) = record.attached() else { return };
        let span = span.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(span) = span else { return };
        match result {
            Ok(Delivered { partition, offset }) => {
                span.record("messaging.destination.partition.id", partition.to_string());
                span.record("messaging.kafka.offset", offset);
            }
            Err(error) => fail(&span, super::error_type(error), &error.to_string()),
        }
    }
}

impl TraceLayer {
    fn send(&self, record: &ProducerRecord) -> Span {
        let topic = &*record.topic;
        info_span!(
            target: "milena::trace",
            "send",
            otel.name = format_args!("send {topic}"),
            otel.kind = "producer",
            otel.status_code = Empty,
            otel.status_description = Empty,
            messaging.system = "kafka",
            messaging.operation.name = "send",
            "messaging.operation.type" = "send",
            messaging.destination.name = topic,
            messaging.destination.partition.id = Empty,
            messaging.kafka.offset = Empty,
            messaging.kafka.message.key = Empty,
            messaging.kafka.message.tombstone = Empty,
            messaging.message.conversation_id = Empty,
            "error.type" = Empty,
        )
    }

    /// Says of a record what spans of both kinds say.
    pub(super) fn describe(
        &self,
        span: &Span,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        headers: &Headers,
    ) {
        if let Some(key) = self.key(key) {
            span.record("messaging.kafka.message.key", key);
        }
        if value.is_none() {
            span.record("messaging.kafka.message.tombstone", true);
        }
        if let Some(id) =
            headers.get(names::CORRELATION_ID).and_then(|it| std::str::from_utf8(it).ok())
        {
            span.record("messaging.message.conversation_id", id);
        }
    }
}
