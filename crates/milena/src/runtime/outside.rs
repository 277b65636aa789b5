use super::{Means, Provided};
use crate::control::{Ask, Control, News, Outer};
use milena_core::{reply::Outlet, transport::Consumer};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;

/// What a group has of its service.
pub(crate) struct Outside {
    pub(crate) cluster: Arc<str>,
    pub(crate) outer: Outer,
    pub(crate) consumer: Box<dyn Consumer>,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) provided: Provided,
    /// What is there to publish results exactly once.
    pub(crate) once: Option<Means>,
}

/// The end of a group's line that the conductor has.
pub(crate) struct Line {
    pub(crate) control: Control,
    pub(crate) asks: UnboundedReceiver<Ask>,
    pub(crate) news: News,
}
