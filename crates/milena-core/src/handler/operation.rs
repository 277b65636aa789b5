use crate::reply::{IntoRecords, Publish};
use std::sync::Arc;

/// What a subscription says of itself: what generated documents are made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Operation {
    /// The schema of the value, when an argument knows it.
    pub value: Option<Schema>,
    /// The names of the headers that the arguments read.
    pub headers: Vec<&'static str>,
    /// The replies, when the handler's value is published.
    pub reply: Option<Reply>,
    /// Whether a handler argument acknowledges by hand.
    pub manual_ack: bool,
}

impl Operation {
    /// The same operation, publishing values of `R`.
    #[must_use]
    pub fn replying<R: IntoRecords>(self, to: &Publish) -> Self {
        Self { reply: Some(Reply { topic: to.topic().clone(), value: R::schema() }), ..self }
    }
}

/// What a subscription publishes.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The topic.
    pub topic: Arc<str>,
    /// The schema of the value, when it is known.
    pub value: Option<Schema>,
}

/// A JSON Schema.
#[cfg(feature = "json")]
pub type Schema = schemars::Schema;

/// No format that describes itself is switched on.
#[cfg(not(feature = "json"))]
pub type Schema = std::convert::Infallible;
