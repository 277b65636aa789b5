use super::Subscriber;
use std::sync::Arc;

/// What documents tell of a subscription.
impl<S, O, C> Subscriber<S, O, C> {
    /// Calls the subscription so in documents; the default is the name of its handler.
    pub fn title(mut self, title: impl Into<Arc<str>>) -> Self {
        self.operation.title = Some(title.into());
        self
    }

    /// Says in documents what the subscription does.
    pub fn description(mut self, description: impl Into<Arc<str>>) -> Self {
        self.operation.description = Some(description.into());
        self
    }

    /// Says whether documents tell of the subscription; they do by default.
    pub fn include_in_schema(mut self, include: bool) -> Self {
        self.operation.include_in_schema = include;
        self
    }
}
