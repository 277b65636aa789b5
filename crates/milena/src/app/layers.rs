use super::App;
use crate::{
    layers::TraceLayer,
    router::{Described, Route},
};
use milena_core::{
    error::BoxError,
    handler::{Delivery, Outcome},
    reply::PublishLayer,
};
use std::sync::Arc;
use tower::{Layer, Service};

/// What is around all handlers of the app, and around all that it publishes.
impl App {
    /// Wraps each handler in the layer that `layer` makes for it, outside of those of routers, whenever these are
    /// added; see [`Router::layer_with`](crate::Router::layer_with).
    ///
    /// ```
    /// use milena::{App, Memory, Router, each};
    /// use std::time::Duration;
    /// use tower::timeout::TimeoutLayer;
    ///
    /// async fn bill() {}
    ///
    /// let app = App::new("Billing", "1.4.0")
    ///     .cluster("eu", Memory::new())
    ///     .router(Router::new("billing").subscribe("orders", each(bill)))
    ///     .layer_with(|_| TimeoutLayer::new(Duration::from_secs(10)));
    /// ```
    pub fn layer_with<L>(
        mut self,
        layer: impl Fn(&Described<'_>) -> L + Send + Sync + 'static,
    ) -> Self
    where
        L: Layer<Route>,
        L::Service: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<Delivery>>::Error: Into<BoxError>,
        <L::Service as Service<Delivery>>::Future: Send + 'static,
    {
        self.parts.say(|router| router.layer_with(layer));
        self
    }

    /// Has every record that the app publishes go through `layer`: those of its routers, whenever they are added, and
    /// those of its own [publishers](Self::publisher). It is outside of the layers of routers, and the last
    /// added is outermost; see [`Router::publish_layer`](crate::Router::publish_layer).
    ///
    /// ```
    /// use milena::{App, Memory, Router, each, record::ProducerRecord};
    ///
    /// async fn bill() {}
    ///
    /// let app = App::new("Billing", "1.4.0")
    ///     .cluster("eu", Memory::new())
    ///     .router(Router::new("billing").subscribe("orders", each(bill)))
    ///     .publish_layer(|record: ProducerRecord| Ok(record.header("sent-by", "billing")));
    /// ```
    pub fn publish_layer(mut self, layer: impl PublishLayer) -> Self {
        let layer: Arc<dyn PublishLayer> = Arc::new(layer);
        self.publish_layers.push(layer.clone());
        self.parts.say(|router| router.publishing_through(layer));
        self
    }

    /// Makes spans of all calls, and of all that is published, also by publishers of the app: the
    /// [`TraceLayer`] as a layer, and as a publish layer.
    ///
    /// ```
    /// use milena::{App, Memory, Router, each};
    ///
    /// async fn bill() {}
    ///
    /// let app = App::new("Billing", "1.4.0")
    ///     .cluster("eu", Memory::new())
    ///     .router(Router::new("billing").subscribe("orders", each(bill)))
    ///     .traced();
    /// ```
    pub fn traced(self) -> Self {
        self.layer_with(|_| TraceLayer::new()).publish_layer(TraceLayer::new())
    }
}
