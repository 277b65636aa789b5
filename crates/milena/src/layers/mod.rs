//! Layers of Milena's own, for [`Router::layer`](crate::Router::layer) and
//! [`Subscriber::layer`](crate::router::Subscriber::layer). Those of `tower` fit as they are.

mod benchmark;
mod from_extractor;
mod trace;

pub use self::benchmark::{Benchmark, BenchmarkLayer, Figures};
pub use self::from_extractor::{
    FromExtractor, FromExtractorLayer, from_extractor, from_extractor_with_state,
};
pub use self::trace::{Trace, TraceLayer};
