use super::{TraceLayer, error_type, fail};
use crate::control::Control;
use futures_util::{FutureExt, future::BoxFuture};
use milena_core::{
    error::BoxError,
    handler::{Decision, Delivery, Outcome},
    record::Record,
};
use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    task::{Context, Poll},
};
use tokio::time::Instant;
use tower::Service;
use tracing::{Instrument, Span, field::Empty, info_span};

/// A handler with a span around each call; [`TraceLayer`] makes one.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    pub(super) inner: S,
    pub(super) layer: TraceLayer,
}

impl<S> Service<Delivery> for Trace<S>
where
    S: Service<Delivery, Response = Outcome>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Outcome;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Outcome, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        let (span, layer) = (self.layer.process(&delivery), self.layer.clone());
        let call = Call { span: Some(span.clone()), of: delivery.clone(), began: Instant::now() };
        let future = span.in_scope(|| self.inner.call(delivery));
        Box::pin(async move {
            // A panic is told of here, and caught for good by whoever calls.
            match AssertUnwindSafe(future.instrument(span)).catch_unwind().await {
                Ok(result) => call.ended(&layer, result.map_err(Into::into)),
                Err(panic) => {
                    call.failed("panic", "the handler panicked");
                    resume_unwind(panic)
                }
            }
        })
    }
}

impl TraceLayer {
    /// The span of a call, with the context that its records came with.
    fn process(&self, delivery: &Delivery) -> Span {
        let (first, is_batch) = (delivery.first(), delivery.is_batch());
        let topic = first.topic();
        let span = info_span!(
            target: "milena::trace",
            "process",
            otel.name = format_args!("process {topic}"),
            otel.kind = "consumer",
            otel.status_code = Empty,
            otel.status_description = Empty,
            messaging.system = "kafka",
            messaging.operation.name = "process",
            "messaging.operation.type" = "process",
            messaging.destination.name = topic,
            messaging.destination.partition.id = Empty,
            messaging.consumer.group.name = group(first),
            messaging.kafka.offset = first.offset(),
            messaging.kafka.message.key = Empty,
            messaging.kafka.message.tombstone = Empty,
            messaging.message.conversation_id = Empty,
            messaging.batch.message_count = Empty,
            milena.attempt = first.attempt(),
            milena.outcome = Empty,
            "error.type" = Empty,
        );
        if span.is_disabled() {
            return span;
        }
        let mut partitions = delivery.records().map(Record::partition);
        if partitions.all(|partition| partition == first.partition()) {
            span.record("messaging.destination.partition.id", first.partition().to_string());
        }
        if is_batch {
            span.record("messaging.batch.message_count", delivery.len());
            for record in delivery.records() {
                self.propagation.link(&span, &record.headers());
            }
        } else {
            self.of_record(&span, first);
        }
        span
    }

    fn of_record(&self, span: &Span, record: &Record) {
        let headers = record.headers();
        self.describe(span, (record.key(), record.value()), &headers);
        self.propagation.extract(span, &headers);
    }
}

/// A call that runs. When it is dropped before it has ended, its span says so.
struct Call {
    span: Option<Span>,
    of: Delivery,
    began: Instant,
}

impl Call {
    fn ended(
        mut self,
        layer: &TraceLayer,
        mut result: Result<Outcome, BoxError>,
    ) -> Result<Outcome, BoxError> {
        let Some(span) = self.span.take() else { return result };
        match &mut result {
            Ok(outcome) => {
                let decision = decided(&outcome.decision);
                span.record("milena.outcome", decision);
                self.log(decision, None);
                layer.carry(&span, outcome);
            }
            Err(error) => {
                let (kind, text) = (error_type(&**error), error.to_string());
                fail(&span, kind, &text);
                self.log(kind, Some(&text));
            }
        }
        result
    }

    fn failed(mut self, kind: &str, text: &str) {
        if let Some(span) = self.span.take() {
            fail(&span, kind, text);
            self.log(kind, Some(text));
        }
    }

    /// One line of the access log.
    fn log(&self, outcome: &str, error: Option<&str>) {
        let first = self.of.first();
        tracing::debug!(
            target: "milena::access",
            parent: None,
            group = group(first),
            topic = first.topic(),
            partition = first.partition(),
            offset = first.offset(),
            records = self.of.len(),
            attempt = first.attempt(),
            outcome,
            error,
            seconds = self.began.elapsed().as_secs_f64(),
            "processed"
        );
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(span) = self.span.take() {
            fail(&span, "cancelled", "the call was dropped before it had ended");
            self.log("cancelled", None);
        }
    }
}

impl TraceLayer {
    /// Has everything that a call publishes carry its context.
    fn carry(&self, span: &Span, outcome: &mut Outcome) {
        for record in &mut outcome.records {
            self.propagation.inject(span, &mut record.headers);
        }
        if let Decision::OfEach(each) = &mut outcome.decision {
            each.iter_mut().for_each(|outcome| self.carry(span, outcome));
        }
    }
}

fn decided(decision: &Decision) -> &'static str {
    match decision {
        Decision::Done => "done",
        Decision::Skip(_) => "skip",
        Decision::DeadLetter(_) => "dead_letter",
        Decision::RetryAfter(_) => "retry",
        Decision::Stop(_) => "stop",
        Decision::OfEach(_) => "of_each",
        _ => "other",
    }
}

fn group(record: &Record) -> &str {
    record.extension::<Control>().map_or("", Control::group)
}
