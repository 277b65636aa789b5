//! What there is to see from outside: a page of metrics, and traces.

use crate::tree::Trees;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use milena::{Error, error::ErrorKind};
use opentelemetry::{global, propagation::TextMapCompositePropagator, trace::TracerProvider};
use opentelemetry_sdk::{
    propagation::{BaggagePropagator, TraceContextPropagator},
    trace::SdkTracerProvider,
};
use std::net::SocketAddr;
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt,
};

/// The bounds of histograms, in seconds.
const SECONDS: [f64; 12] = [1e-6, 1e-5, 1e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Writes the log to the standard error, and keeps traces when they are wanted.
pub(crate) fn log(traced: bool) -> Option<Trees> {
    // One line for each dead letter would be a lot here; `RUST_LOG=info` shows them and more.
    let quiet = || EnvFilter::new("warn,milena::record=error");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| quiet());
    if !traced {
        // With filters of layers, which traces need, lines were seen to be missing now and then.
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
        return None;
    }
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter);
    let trees = Trees::default();
    let traces = {
        // Contexts go into the headers of records, and come from there.
        global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(BaggagePropagator::new()),
        ]));
        let provider = SdkTracerProvider::builder().with_simple_exporter(trees.clone()).build();
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("quickstart"));
        spans.with_filter(Targets::new().with_target("milena::trace", Level::INFO))
    };
    tracing_subscriber::registry().with(log).with(traces).init();
    Some(trees)
}

/// Shows the metrics on a page, `http://<address>/metrics`.
pub(crate) fn metrics(address: SocketAddr) -> Result<(), Error> {
    let page = PrometheusBuilder::new()
        .with_http_listener(address)
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
    page.and_then(PrometheusBuilder::install).map_err(|error| {
        let message = format!("could not show metrics at `{address}`: {error}");
        Error::new(ErrorKind::Config, message)
    })
}
