//! What layers change of a record before its handler sees it; the record in the chunk stays as it is.

use super::{Headers, Record};
use bytes::Bytes;
use std::{any::Any, sync::Arc};

/// What was changed of a record, and what was put beside it.
#[derive(Clone, Default)]
pub(super) struct Overlay {
    pub(super) key: Option<Option<Bytes>>,
    pub(super) value: Option<Option<Bytes>>,
    pub(super) headers: Option<Headers>,
    extensions: Vec<Arc<dyn Any + Send + Sync>>,
}

impl Overlay {
    /// The value of this type that was added last.
    pub(super) fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.iter().rev().find_map(|extension| extension.downcast_ref())
    }
}

impl Record {
    /// The record with this value for those who read it from here on; `None` is null.
    ///
    /// It stays the record at its place and offset: it is acknowledged as it was, tried again as it was,
    /// and its dead letter is what was read, byte for byte.
    ///
    /// ```
    /// # use milena_core::Record;
    /// use bytes::Bytes;
    ///
    /// /// Takes away the five bytes that the serializers of a schema registry begin with.
    /// fn unframed(record: Record) -> Record {
    ///     let value = record.value().and_then(|value| value.get(5..)).map(Bytes::copy_from_slice);
    ///     record.with_value(value)
    /// }
    /// ```
    #[must_use]
    pub fn with_value(self, value: impl Into<Option<Bytes>>) -> Self {
        let value = value.into();
        self.changed(|own| own.value = Some(value))
    }

    /// The record with this key for those who read it from here on; `None` is null. What is in order by
    /// key stays so by the key that was read.
    #[must_use]
    pub fn with_key(self, key: impl Into<Option<Bytes>>) -> Self {
        let key = key.into();
        self.changed(|own| own.key = Some(key))
    }

    /// The record with these headers, and no others, for those who read them from here on.
    #[must_use]
    pub fn with_headers(self, headers: Headers) -> Self {
        self.changed(|own| own.headers = Some(headers))
    }

    /// The record with this value beside it, which the extractor [`Extension`](crate::extract::Extension)
    /// finds by its type; one of its type before it is hidden.
    #[must_use]
    pub fn with_extension<T: Send + Sync + 'static>(self, value: T) -> Self {
        self.with_shared(Arc::new(value))
    }

    pub(crate) fn with_shared(self, value: Arc<dyn Any + Send + Sync>) -> Self {
        self.changed(|own| own.extensions.push(value))
    }

    /// Whether there is a value of this type beside the record.
    pub fn has_extension<T: Send + Sync + 'static>(&self) -> bool {
        self.extension::<T>().is_some()
    }

    fn changed(mut self, change: impl FnOnce(&mut Overlay)) -> Self {
        // Clones of the record keep what they have.
        change(Arc::make_mut(self.own.get_or_insert_default()));
        self
    }
}
