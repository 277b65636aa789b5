#![doc = include_str!("docs/crate.md")]
#![expect(clippy::panic, reason = "a test kit tells by panicking")]

mod app;
mod broker;
mod calls;
pub mod conformance;
mod isolated;
mod stand_in;

pub use self::{
    app::{Builder, TestApp, TestCluster},
    calls::Calls,
    isolated::Isolated,
    stand_in::{Answer, When},
};
