//! The driver, answered as the runtime would.

mod closing;
mod commits;
mod consumer;
mod hand_over;
pub(crate) mod member;
