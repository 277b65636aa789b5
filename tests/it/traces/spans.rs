use opentelemetry::{
    Value,
    propagation::TextMapCompositePropagator,
    trace::{SpanKind, Status, TracerProvider},
};
use opentelemetry_sdk::{
    propagation::{BaggagePropagator, TraceContextPropagator},
    trace::{InMemorySpanExporter, SdkTracerProvider, SpanData},
};
use std::collections::BTreeMap;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

/// The spans that end on the thread of a test, which is that of its service, too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(InMemorySpanExporter);

impl Spans {
    /// Listens until what it returns is dropped.
    pub(crate) fn listen(&self) -> impl Drop + use<> {
        // With two subscribers there is no moment in which one thread decides for all whether to log.
        crate::trace();
        let provider = SdkTracerProvider::builder().with_simple_exporter(self.0.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
        tracing_subscriber::registry().with(layer).set_default()
    }

    /// All that have ended, in the order in which they began.
    pub(crate) fn all(&self) -> Vec<SpanData> {
        let mut spans = self.0.get_finished_spans().unwrap();
        spans.sort_by_key(|span| span.start_time);
        spans
    }

    /// The only one of this name.
    pub(crate) fn one(&self, name: &str) -> SpanData {
        let [span] = &self.named(name)[..] else { panic!("not one `{name}`: {:?}", self.tree()) };
        span.clone()
    }

    pub(crate) fn named(&self, name: &str) -> Vec<SpanData> {
        self.all().into_iter().filter(|span| span.name == name).collect()
    }

    /// Their names, each with those of its ancestors before it.
    pub(crate) fn tree(&self) -> Vec<String> {
        let all = self.all();
        let path = |span: &SpanData| {
            let mut path = vec![span.name.to_string()];
            let mut parent = span.parent_span_id;
            while let Some(span) = all.iter().find(|it| it.span_context.span_id() == parent) {
                path.insert(0, span.name.to_string());
                parent = span.parent_span_id;
            }
            path.join(" > ")
        };
        all.iter().map(path).collect()
    }
}

/// The propagators of W3C.
pub(crate) fn w3c() -> TextMapCompositePropagator {
    TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ])
}

/// The attributes of the conventions, by their names.
pub(crate) fn attributes(span: &SpanData) -> BTreeMap<String, Value> {
    let ours = |name: &str| {
        name.starts_with("messaging.") || name.starts_with("milena.") || name == "error.type"
    };
    let attributes = span.attributes.iter().filter(|it| ours(it.key.as_str()));
    attributes.map(|it| (it.key.to_string(), it.value.clone())).collect()
}

pub(crate) fn attribute(span: &SpanData, name: &str) -> Option<String> {
    attributes(span).get(name).map(|value| value.as_str().into_owned())
}

pub(crate) fn is_child(span: &SpanData, of: &SpanData) -> bool {
    span.parent_span_id == of.span_context.span_id()
        && span.span_context.trace_id() == of.span_context.trace_id()
}

/// What an error says, if the span ended with one.
pub(crate) fn error(span: &SpanData) -> Option<&str> {
    match &span.status {
        Status::Error { description } => Some(description),
        _ => None,
    }
}

pub(crate) fn is_of(span: &SpanData, kind: &SpanKind) -> bool {
    span.span_kind == *kind
}
