use super::App;
use crate::{publishing::Declared, router::check_topic};
use milena_core::reply::{Publish, Publisher};
use std::sync::Arc;

/// What the app publishes by itself, and where its requests are answered.
impl App {
    /// A publisher to this target, for as long as the app runs: in handlers, background tasks and lifespans.
    ///
    /// It publishes to the default cluster, or to the one that the target names, through the
    /// [publish layers](Self::publish_layer) of the app.
    ///
    /// ```
    /// use milena::{App, Json, Memory, publish};
    /// # use schemars::JsonSchema;
    /// # use serde::Serialize;
    /// # #[derive(Serialize, JsonSchema)] struct Invoice { order: u64 }
    ///
    /// let mut app = App::new("Billing", "1.4.0").cluster("eu", Memory::new());
    /// let invoices = app.publisher::<Json<Invoice>>(publish("invoices").key("ada").schema());
    /// let app = app.background("bill", async move |_| {
    ///     invoices.send(Json(Invoice { order: 7 })).await?;
    ///     Ok::<(), milena::Error>(())
    /// });
    /// ```
    ///
    /// At the end of the app, what it has handed over is delivered, within five seconds. What is not is
    /// told by the [`Failure`](crate::serve::Failure) that the app ends with.
    ///
    /// # Errors
    ///
    /// That no cluster has the name is an error when the app is served.
    ///
    /// # Panics
    ///
    /// If no topic can be called so.
    #[track_caller]
    pub fn publisher<T>(&mut self, to: impl Into<Publish<T>>) -> Publisher<T> {
        let to = to.into().untyped();
        check_topic(to.topic());
        let publisher = Declared::new(to);
        let handle = publisher.binding().publisher();
        self.publishers.push(publisher);
        handle
    }

    /// Has requests to the default cluster that name no other reply topic be answered in `topic`, which has to
    /// exist; see [`Serve::replies`](crate::serve::Serve::replies).
    ///
    /// # Panics
    ///
    /// If no topic can be called so.
    #[track_caller]
    pub fn replies(mut self, topic: impl Into<Arc<str>>) -> Self {
        let topic = topic.into();
        check_topic(&topic);
        self.replies = Some(topic);
        self
    }

    /// Where the publishers of the app and of its routers publish to: what generated documents are made of.
    pub fn publishers(&self) -> impl Iterator<Item = Arc<Publish>> {
        let own = self.publishers.iter().map(Declared::target);
        own.chain(self.parts.iter().flat_map(|(_, router)| router.publishers()))
    }
}
