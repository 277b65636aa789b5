//! How are metrics and traces seen?

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use milena::{Error, Kafka, Router, each};
use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::Level;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

async fn greet(name: String) -> String {
    format!("Hello, {name}!")
}

/// `traced` makes a span for each call and each record that is published, and sends their context along. There is
/// nothing to say for metrics.
fn app() -> Router {
    Router::new("greeter").subscribe("names", each(greet).publish_to("greetings")).traced()
}

/// The page of metrics, with histograms in seconds.
fn page() -> PrometheusBuilder {
    let seconds = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];
    let page = PrometheusBuilder::new();
    page.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
        .unwrap_or_else(|_| PrometheusBuilder::new())
}

/// Spans as text; `opentelemetry-otlp` sends them to a collector instead.
fn traces() -> SdkTracerProvider {
    global::set_text_map_propagator(TraceContextPropagator::new());
    SdkTracerProvider::builder()
        .with_simple_exporter(opentelemetry_stdout::SpanExporter::default())
        .build()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    page().with_http_listener(([127, 0, 0, 1], 9464)).install()?; // http://localhost:9464/metrics
    let spans = tracing_opentelemetry::layer().with_tracer(traces().tracer("greeter"));
    let calls = Targets::new().with_target("milena::trace", Level::INFO);
    tracing_subscriber::registry().with(spans).with(calls).init();
    let kafka = Kafka::from_env()?;
    milena::serve(kafka, app()).await.map_err(|error: Error| error.into())
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn a_greeting_is_counted_and_belongs_to_the_trace_of_its_name() {
    let metrics = page().build_recorder();
    let _here = metrics::set_default_local_recorder(&metrics);
    let spans = opentelemetry_sdk::trace::InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    global::set_text_map_propagator(TraceContextPropagator::new());
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _listening = tracing_subscriber::registry().with(layer).set_default();
    let test = milena_test::TestApp::start(app()).await;

    test.publish("names", "ada").await;

    let greetings = test.records("greetings");
    let context = String::from_utf8(greetings[0].header("traceparent").unwrap().to_vec()).unwrap();
    test.stop().await.unwrap();
    let spans = spans.get_finished_spans().unwrap();
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["process names", "send greetings"]);
    assert_eq!(spans[1].parent_span_id, spans[0].span_context.span_id());
    assert!(context.contains(&spans[1].span_context.span_id().to_string()));
    let done = r#"milena_records_settled_total{cluster="default",group="greeter",topic="names",outcome="done"} 1"#;
    assert!(metrics.handle().render().contains(done));
}
