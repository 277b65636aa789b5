use crate::reply::Publish;
use std::sync::Arc;

/// What a subscription says of itself: what generated documents are made of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Operation {
    /// The name of the handler's type, as [`type_name`](std::any::type_name) tells it: for a function its path.
    pub handler: &'static str,
    /// What it is called in documents, instead of the name of its handler.
    pub title: Option<Arc<str>>,
    /// What it does, in a sentence or more.
    pub description: Option<Arc<str>>,
    /// Whether documents tell of it; they do by default.
    pub include_in_schema: bool,
    /// The schema of the value, when an argument knows it.
    pub value: Option<Schema>,
    /// The names of the headers that the arguments read.
    pub headers: Vec<&'static str>,
    /// What becomes of the handler's value: each topic that it is published to.
    pub replies: Vec<Reply>,
    /// Whether records that ask for an answer get none.
    pub no_reply: bool,
    /// Whether the handler is called once a batch, which answers nobody.
    pub is_batch: bool,
    /// Whether a handler argument acknowledges by hand.
    pub manual_ack: bool,
}

impl Default for Operation {
    fn default() -> Self {
        Self {
            handler: "",
            title: None,
            description: None,
            include_in_schema: true,
            value: None,
            headers: Vec::new(),
            replies: Vec::new(),
            no_reply: false,
            is_batch: false,
            manual_ack: false,
        }
    }
}

impl Operation {
    /// What the handler `H` says of itself, as yet without its arguments.
    pub fn of<H>() -> Self {
        Self { handler: std::any::type_name::<H>(), ..Self::default() }
    }
}

/// What a subscription publishes. Two are the same when topic and schema are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reply {
    /// The topic.
    pub topic: Arc<str>,
    /// The schema of the value, when it is known.
    pub value: Option<Schema>,
    /// Where it goes, with what its records have by default.
    pub to: Publish,
}

impl Reply {
    /// Values of this schema, published to this target, which may say another.
    pub fn new(to: &Publish, value: Option<Schema>) -> Self {
        Self { topic: to.topic().clone(), value: to.payload().or(value), to: to.clone() }
    }
}

impl PartialEq for Reply {
    fn eq(&self, other: &Self) -> bool {
        self.topic == other.topic && self.value == other.value
    }
}

/// A JSON Schema.
#[cfg(feature = "json")]
pub type Schema = schemars::Schema;

/// No format that describes itself is switched on.
#[cfg(not(feature = "json"))]
pub type Schema = std::convert::Infallible;
