use super::Router;
use crate::layers::TraceLayer;

impl<S> Router<S> {
    /// Makes spans of all calls, and of all that is published: the [`TraceLayer`] as a layer, and as a publish layer.
    ///
    /// It stands for the layer around those that were added before it:
    ///
    /// ```
    /// # use milena::{Router, layers::TraceLayer};
    /// # let router: Router = Router::new("billing");
    /// # let router: Router =
    /// router.layer(TraceLayer::new()).publish_layer(TraceLayer::new())
    /// # ;
    /// ```
    pub fn traced(self) -> Self {
        self.layer(TraceLayer::new()).publish_layer(TraceLayer::new())
    }
}
