//! The world of a simulation: a group on the embedded broker, what is written, and what goes wrong.

pub(crate) mod plan;
pub(crate) mod run;
pub(crate) mod shrink;

mod fault;
mod handlers;
mod members;
