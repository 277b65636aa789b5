//! The test kit of Milena: a service on the in-process broker, and the conformance suite for drivers.

mod app;
pub mod conformance;
mod isolated;

pub use self::{app::TestApp, isolated::Isolated};
