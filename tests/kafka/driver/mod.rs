//! The driver, answered as the runtime would.

mod closing;
pub(crate) mod cluster;
mod commits;
mod consumer;
mod fetches;
mod hand_over;
mod lookup;
mod manual;
pub(crate) mod member;
mod patterns;
mod recreated;
mod resets;
mod seeks;
mod selections;
mod starts;
mod transactions;
