use super::App;
use crate::router::{Described, Route};
use milena_core::{
    error::BoxError,
    handler::{Delivery, Outcome},
};
use std::sync::Arc;
use tower::{Layer, Service};

/// What is around all handlers of the app.
impl App {
    /// Wraps each handler of the routers that were added so far in the layer that `layer` makes for it,
    /// outside of all others; see [`Router::layer_with`](crate::Router::layer_with).
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
        let layer = Arc::new(layer);
        self.parts.map(|router| {
            let layer = layer.clone();
            router.layer_with(move |described| layer(described))
        });
        self
    }
}
