use super::Subscriber;
use milena_core::handler::Operation;
use std::sync::Arc;

/// What documents tell of a subscription.
impl<S, O, C> Subscriber<S, O, C> {
    /// Calls the subscription so in documents; the default is the name of its handler.
    pub fn title(self, title: impl Into<Arc<str>>) -> Self {
        self.saying(|operation| operation.title = Some(title.into()))
    }

    /// Says in documents what the subscription does.
    pub fn description(self, description: impl Into<Arc<str>>) -> Self {
        self.saying(|operation| operation.description = Some(description.into()))
    }

    /// Says whether documents tell of the subscription; they do by default.
    pub fn include_in_schema(self, include: bool) -> Self {
        self.saying(|operation| operation.include_in_schema = include)
    }

    /// Of several handlers it is the first that speaks for the subscription.
    fn saying(mut self, say: impl FnOnce(&mut Operation)) -> Self {
        if let Some(about) = self.body.first() {
            say(&mut about.operation);
        }
        self
    }
}
