//! Spans, and the context that goes from one to the next in the headers of records.

mod chain;
mod failures;
mod spans;
