use super::App;
use crate::router::{Consumes, Produces, Router, target_of};
use milena_core::{handler::Handler, reply::IntoRecords};
use std::sync::Arc;

/// Topics that functions are named after.
impl App {
    /// Has what [`consumes`](Self::consumes) adds be of this consumer group.
    pub fn group(mut self, name: impl Into<Arc<str>>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// Delivers the records of a topic to the function that is called `on_` and then as the topic is, in the
    /// [group](Self::group) of the app, from its default cluster; see [`Router::consumes`].
    ///
    /// ```
    /// use milena::{App, Json, Memory, Retry, each, unordered};
    /// # use schemars::JsonSchema;
    /// # use serde::Deserialize;
    /// # #[derive(Deserialize, JsonSchema)] struct Order { id: u64 }
    ///
    /// async fn on_orders(Json(order): Json<Order>) {}
    /// async fn on_clicks(click: String) {}
    ///
    /// let app = App::new("Billing", "1.4.0")
    ///     .cluster("eu", Memory::new())
    ///     .group("billing")
    ///     .consumes(on_orders) // one after the other
    ///     .consumes(each(on_clicks).concurrency(unordered(100)).skip_failures());
    /// assert_eq!(app.operations().count(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If the app has no group yet, and as [`Router::consumes`].
    #[track_caller]
    pub fn consumes<H: Consumes<(), M>, M>(self, handler: H) -> Self {
        let router = self.own_router().consumes(handler);
        self.router(router)
    }

    /// The same with another beginning than `on_`.
    ///
    /// # Panics
    ///
    /// As [`consumes`](Self::consumes).
    #[track_caller]
    pub fn consumes_prefixed<H: Consumes<(), M>, M>(self, prefix: &str, handler: H) -> Self {
        let router = self.own_router().consumes_prefixed(prefix, handler);
        self.router(router)
    }

    /// Has a call of the function that is called `to_` and then as a topic is publish what it returns there.
    ///
    /// What it may return is what [is published](milena_core::reply::IntoRecords): a value, `(key, value)`, a
    /// `Vec`, which is published at once. It is a [publisher](Self::publisher) of the app.
    ///
    /// ```
    /// use milena::{App, Json, Memory};
    /// # use schemars::JsonSchema;
    /// # use serde::Serialize;
    /// # #[derive(Clone, Serialize, JsonSchema)] struct Invoice { order: u64 }
    ///
    /// async fn to_invoices(order: u64) -> Json<Invoice> {
    ///     Json(Invoice { order })
    /// }
    ///
    /// let mut app = App::new("Billing", "1.4.0").cluster("eu", Memory::new());
    /// let to_invoices = app.produces(to_invoices);
    /// let app = app.background("bills", move |_| async move {
    ///     let Json(invoice) = to_invoices.call(7).await?; // the broker has it
    ///     println!("billed order {}", invoice.order);
    ///     Ok::<_, milena::Error>(())
    /// });
    /// # drop(app);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not a function of such a name; see [`Router::consumes`].
    #[track_caller]
    pub fn produces<H, Args>(&mut self, function: H) -> Produces<H, Args, H::Output>
    where
        H: Handler<Args>,
        H::Output: IntoRecords,
    {
        Produces::new(function, self.publisher(target_of::<H, Args>(None)))
    }

    /// The same with another beginning than `to_`.
    ///
    /// # Panics
    ///
    /// As [`produces`](Self::produces).
    #[track_caller]
    pub fn produces_prefixed<H, Args>(
        &mut self,
        prefix: &str,
        function: H,
    ) -> Produces<H, Args, H::Output>
    where
        H: Handler<Args>,
        H::Output: IntoRecords,
    {
        Produces::new(function, self.publisher(target_of::<H, Args>(Some(prefix))))
    }

    #[track_caller]
    #[expect(clippy::panic, reason = "said at assembly, where a group is named once")]
    fn own_router(&self) -> Router {
        match &self.group {
            Some(group) => Router::new(group.clone()),
            None => panic!("`consumes` has no consumer group: `App::group` comes first"),
        }
    }
}
