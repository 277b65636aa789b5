mod context;
mod process;
mod send;

pub use self::process::Trace;

use self::context::Propagation;
use std::fmt;
use tower::Layer;

/// Spans of [OpenTelemetry's conventions for messaging](https://opentelemetry.io/docs/specs/semconv/messaging/) around
/// calls of handlers, and for what is published.
///
/// As a layer of a subscription or a router it makes a span `process {topic}` of kind consumer for each call; as a
/// publish layer a span `send {topic}` of kind producer for each record, from the moment at which it is handed
/// over until the broker has answered. [`Router::traced`](crate::Router::traced) does both:
///
/// ```
/// use milena::{Router, each};
///
/// async fn bill(order: String) -> String { order }
///
/// let billing = each(bill).publish_to("invoices");
/// let router: Router = Router::new("billing").subscribe("orders", billing).traced();
/// ```
///
/// The spans are those of `tracing`, at level `INFO` and with the target `milena::trace`, so any subscriber shows them. With the
/// feature `otel` and a `tracing_opentelemetry` layer in the subscriber they belong to traces:
///
/// * A call is a child of the span that its record was published under: the context is taken from the headers of the
///   record, by OpenTelemetry's global propagator (`traceparent`, `tracestate` and `baggage` with those of W3C). A batch
///   is a span of its own with a link to each of those.
/// * What a handler publishes, returns, or answers is a child of its call, and carries its context, in the place of
///   headers of the same names. Baggage is passed on, and is there during the call in
///   `opentelemetry::Context::current()`.
/// * A dead letter is a child of the span that its record was published under, and its context takes the place of that
///   one in the headers.
///
/// Whoever installs no propagator has no context in headers: `opentelemetry::global::set_text_map_propagator`, or
/// `TraceLayer::propagator` for this layer alone. `examples/observed.rs` has all of it.
///
/// | attribute | of | is |
/// |---|---|---|
/// | `messaging.system` | both | `kafka` |
/// | `messaging.operation.name`, `messaging.operation.type` | both | `process` or `send` |
/// | `messaging.destination.name` | both | the topic |
/// | `messaging.destination.partition.id` | both | the partition; of a batch when there is one |
/// | `messaging.kafka.offset` | both | the offset; of a batch that of its first record |
/// | `messaging.kafka.message.key` | both | the key, if it is text |
/// | `messaging.kafka.message.tombstone` | both | `true` when the value is null |
/// | `messaging.message.conversation_id` | both | the header `correlation_id` |
/// | `messaging.batch.message_count` | process | how many records a batch has |
/// | `messaging.consumer.group.name` | process | the consumer group |
/// | `milena.attempt` | process | the how manieth call with the record it is |
/// | `milena.outcome` | process | `done`, `skip`, `dead_letter`, `retry`, `stop`, `of_each`: what the handler decided |
/// | `error.type` | both | `refused`, `panic`, `cancelled` (the call took too long, or was dropped), the kind of a Milena error as in `timed_out`, else `_OTHER`; the span has the status of an error then |
///
/// Behind each call there is an event at level `DEBUG` with the target `milena::access`, with group, topic, partition, offset,
/// attempt, outcome and seconds: an access log.
///
/// Keys are attributes, because they say what a record is about; [`without_keys`](Self::without_keys) leaves them out where
/// they are nobody's business. Values and other headers are never in a span.
#[derive(Clone)]
pub struct TraceLayer {
    keys: bool,
    propagation: Propagation,
}

impl TraceLayer {
    /// A layer that uses the global propagator, and shows keys.
    pub fn new() -> Self {
        Self { keys: true, propagation: Propagation::default() }
    }

    /// No keys in spans.
    #[must_use]
    pub fn without_keys(self) -> Self {
        Self { keys: false, ..self }
    }

    /// With this propagator instead of the global one.
    #[cfg(feature = "otel")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
    #[must_use]
    pub fn propagator(
        self,
        propagator: impl opentelemetry::propagation::TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        Self { propagation: Propagation::of(propagator), ..self }
    }

    /// A key as an attribute has it.
    fn key<'a>(&self, key: Option<&'a [u8]>) -> Option<&'a str> {
        key.filter(|_| self.keys).and_then(|key| std::str::from_utf8(key).ok())
    }
}

impl Default for TraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace { inner, layer: self.clone() }
    }
}

impl fmt::Debug for TraceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceLayer").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// What an error is called in `error.type`: few names, as the conventions ask for.
fn error_type(error: &(dyn std::error::Error + 'static)) -> &'static str {
    use milena_core::error::{Error, ErrorKind};
    if error.is::<crate::route::Refused>() {
        return "refused";
    }
    match error.downcast_ref::<Error>().map(Error::kind) {
        Some(ErrorKind::Config) => "config",
        Some(ErrorKind::Unreachable) => "unreachable",
        Some(ErrorKind::UnknownTopic) => "unknown_topic",
        Some(ErrorKind::Unauthorized) => "unauthorized",
        Some(ErrorKind::Publish) => "publish",
        Some(ErrorKind::TooLarge) => "too_large",
        Some(ErrorKind::Fenced) => "fenced",
        Some(ErrorKind::TimedOut) => "timed_out",
        Some(ErrorKind::Driver) => "driver",
        _ => "_OTHER",
    }
}

/// Says in a span that what it is of has failed.
fn fail(span: &tracing::Span, kind: &str, description: &str) {
    span.record("error.type", kind);
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", description);
}
