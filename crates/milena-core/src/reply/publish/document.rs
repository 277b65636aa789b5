//! What generated documents say of a target.

use super::Publish;
use crate::{handler::Schema, reply::IntoRecords};
use std::sync::Arc;

impl<T> Publish<T> {
    /// Under this title in generated documents; by default it is the topic.
    #[must_use]
    pub fn title(mut self, title: impl Into<Arc<str>>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// With this description in generated documents.
    #[must_use]
    pub fn description(mut self, description: impl Into<Arc<str>>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Whether generated documents speak of it; by default they do.
    #[must_use]
    pub fn include_in_schema(mut self, include: bool) -> Self {
        self.hidden = !include;
        self
    }

    /// For values of this type alone, whose schema is that of the topic in generated documents.
    ///
    /// ```
    /// use milena_core::{Json, Publish, publish};
    /// # use schemars::JsonSchema;
    /// # use serde::Serialize;
    /// # #[derive(Serialize, JsonSchema)] struct Invoice { order: u64 }
    ///
    /// let invoices: Publish<Json<Invoice>> = publish("invoices").schema();
    /// assert!(invoices.payload().is_some());
    /// ```
    #[must_use]
    pub fn schema<U: IntoRecords>(self) -> Publish<U> {
        Publish { schema: Some(U::schema), ..self.of() }
    }

    /// The same target for values of any type; what was said of their schema stays.
    #[must_use]
    pub fn untyped(self) -> Publish {
        self.of()
    }

    /// The title, when one was given.
    pub fn titled(&self) -> Option<&Arc<str>> {
        self.title.as_ref()
    }

    /// The description, when one was given.
    pub fn described(&self) -> Option<&Arc<str>> {
        self.description.as_ref()
    }

    /// Whether generated documents speak of it.
    pub fn is_included_in_schema(&self) -> bool {
        !self.hidden
    }

    /// The schema of the values that were said to be published here, when it is known.
    pub fn payload(&self) -> Option<Schema> {
        self.schema.and_then(|schema| schema())
    }
}
