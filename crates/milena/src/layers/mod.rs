//! Layers of Milena's own, for [`Router::layer`](crate::Router::layer) and
//! [`Subscriber::layer`](crate::router::Subscriber::layer). Those of `tower` fit as they are.

mod from_extractor;

pub use self::from_extractor::{
    FromExtractor, FromExtractorLayer, from_extractor, from_extractor_with_state,
};
