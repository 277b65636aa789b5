//! Traces, for a person to read.

use opentelemetry::{
    SpanId, TraceId,
    trace::{SpanKind, Status},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// So many traces are kept, those that end first.
const MOST: usize = 10;

/// Traces, each a tree of spans: what was published, processed, and published again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trees(Arc<Mutex<Vec<Trace>>>);

/// The spans of a trace that have ended.
type Trace = (TraceId, Vec<SpanData>);

impl SpanExporter for Trees {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut traces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for span in batch {
            let (id, room) = (span.span_context.trace_id(), traces.len() < MOST);
            match traces.iter_mut().find(|(known, _)| *known == id) {
                Some((_, spans)) => spans.push(span),
                None if room => traces.push((id, vec![span])),
                None => {}
            }
        }
        Ok(())
    }
}

impl fmt::Display for Trees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut traces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, spans) in &mut *traces {
            writeln!(f, "trace {id}")?;
            spans.sort_by_key(|span| span.start_time);
            let known = |id: SpanId| spans.iter().any(|span| span.span_context.span_id() == id);
            for root in spans.iter().filter(|span| !known(span.parent_span_id)) {
                write(f, root, spans, "")?;
            }
        }
        Ok(())
    }
}

/// Writes a span, and below it those that came of it.
fn write(
    f: &mut fmt::Formatter<'_>,
    span: &SpanData,
    all: &[SpanData],
    before: &str,
) -> fmt::Result {
    let name = format!("{before}{}", span.name);
    writeln!(f, "  {name:<40} {}", described(span))?;
    let before = match before.strip_suffix("└─ ") {
        Some(further) => format!("{further}   └─ "),
        None => "└─ ".to_owned(),
    };
    let id = span.span_context.span_id();
    all.iter()
        .filter(|child| child.parent_span_id == id)
        .try_for_each(|child| write(f, child, all, &before))
}

fn described(span: &SpanData) -> String {
    let took = span.end_time.duration_since(span.start_time).unwrap_or_default();
    let kind = match span.span_kind {
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        _ => "",
    };
    let mut text = format!("{kind} {took:>10.1?}");
    for (name, attribute) in [
        ("group", "messaging.consumer.group.name"),
        ("partition", "messaging.destination.partition.id"),
        ("offset", "messaging.kafka.offset"),
        ("key", "messaging.kafka.message.key"),
        ("attempt", "milena.attempt"),
        ("outcome", "milena.outcome"),
        ("error", "error.type"),
    ] {
        if let Some(it) = span.attributes.iter().find(|it| it.key.as_str() == attribute) {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "  {name} {}", it.value);
        }
    }
    if let Status::Error { description } = &span.status {
        let _ = write!(text, "  ({description})");
    }
    text
}
