//! Apps whose handlers are called as in production: the engine is tested without anything around them.

use milena::Error;
use milena_memory::Memory;
use milena_test::Builder;
use std::ops::Deref;

/// An app whose calls are not recorded.
pub(crate) struct TestApp(milena_test::TestApp);

impl TestApp {
    pub(crate) async fn start(app: impl Into<Builder>) -> Self {
        Self(app.into().unrecorded().start().await)
    }

    pub(crate) async fn start_on(broker: Memory, app: impl Into<Builder>) -> Self {
        Self(app.into().unrecorded().broker(broker).start().await)
    }

    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.0.stop().await
    }
}

impl Deref for TestApp {
    type Target = milena_test::TestApp;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
