use super::{Router, Scopes, names};
use crate::publishing::Declared;
use milena_core::reply::{Publish, PublishLayer, Publisher};
use std::sync::Arc;

/// A publisher of a router, and what is said of the routers around it.
pub(crate) struct Declaration {
    publisher: Declared,
    pub(super) scopes: Scopes,
}

impl Declaration {
    /// Where it publishes to within these scopes.
    fn target(&self, scopes: &Scopes) -> Arc<Publish> {
        Arc::new(self.publisher.declaration().clone().prefixed(&scopes.prefix()))
    }

    /// It with everything that the routers around it say.
    pub(super) fn declared(&self) -> Declared {
        self.publisher.within(&self.scopes.prefix(), self.scopes.publish_layers())
    }
}

impl<S> Router<S> {
    /// A publisher to this target, for as long as the router is served: in handlers, which can have it in
    /// their state, and outside of them.
    ///
    /// The names of its topics have the prefixes of this router and of those around it, and its records go
    /// through their [publish layers](Self::publish_layer). It publishes to the cluster that the router
    /// reads from, or to the one that the target names.
    ///
    /// ```
    /// use milena::{Json, Publisher, Router, State, each, publish};
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Deserialize, JsonSchema)] struct Order { id: u64 }
    /// # #[derive(Serialize, JsonSchema)] struct Invoice { order: u64 }
    ///
    /// async fn bill(Json(order): Json<Order>, State(invoices): State<Publisher<Json<Invoice>>>) -> Result<(), milena::Error> {
    ///     invoices.send(("ada", Json(Invoice { order: order.id }))).await?;
    ///     Ok(())
    /// }
    ///
    /// let mut router = Router::new("billing").subscribe("orders", each(bill));
    /// let invoices = router.publisher(publish("invoices").schema());
    /// let router: Router = router.with_state(invoices);
    /// ```
    ///
    /// At the end of the service, what it has handed over is delivered, within five seconds. What is not is
    /// the error that the service ends with.
    ///
    /// # Panics
    ///
    /// If no topic can be called so.
    #[track_caller]
    pub fn publisher<T>(&mut self, to: impl Into<Publish<T>>) -> Publisher<T> {
        let to = to.into().untyped();
        names::check(to.topic());
        let publisher = Declared::new(to);
        let handle = publisher.binding().publisher();
        self.groups[0].publishers.push(Declaration { publisher, scopes: Scopes::default() });
        handle
    }

    /// Where the publishers of this router, and of those in it, publish to: what generated documents are made
    /// of. Topics have the prefixes of this router and of those inside.
    pub fn publishers(&self) -> impl Iterator<Item = Arc<Publish>> {
        let scope = Arc::new(self.scope.clone());
        let all = self.groups.iter().flat_map(|group| &group.publishers);
        all.map(move |it| it.target(&it.scopes.within(&scope)))
    }

    /// Has every record that is published go through `layer`: replies, answers, requests, dead letters, and what publishers
    /// send, one by one or many at once. The last added is outermost, and those of outer routers are
    /// outside of those of inner ones.
    ///
    /// ```
    /// use milena::{Router, each, record::ProducerRecord};
    ///
    /// # async fn bill() {}
    /// # let _: Router =
    /// Router::new("billing").subscribe("orders", each(bill)).publish_layer(|record: ProducerRecord| {
    ///     Ok(record.header("sent-by", "billing"))
    /// })
    /// # ;
    /// ```
    ///
    /// See [`PublishLayer`] for what becomes of a record that a layer refuses.
    pub fn publish_layer(self, layer: impl PublishLayer) -> Self {
        self.publishing_through(Arc::new(layer))
    }

    /// The same with a layer that others have, too.
    pub(crate) fn publishing_through(mut self, layer: Arc<dyn PublishLayer>) -> Self {
        self.scope.publish_layers.push(layer);
        self
    }
}
