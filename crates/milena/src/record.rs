//! Records as they are consumed, and those that are published.

pub use milena_core::{record::*, reply::*};
