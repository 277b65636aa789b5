use crate::reply::Binding;
use std::{fmt, sync::Arc};

/// Which publisher a record is from: each that is made when a service is assembled has one of its own, also of
/// several for one topic.
///
/// ```
/// use milena_core::{Publisher, publish, reply::Binding};
///
/// let (one, other) = (Binding::new(publish("invoices")), Binding::new(publish("invoices")));
/// let publisher: Publisher<String> = one.publisher();
/// assert_eq!(publisher.id(), publisher.clone().id());
/// assert_ne!(publisher.id(), other.publisher::<String>().id());
/// ```
#[derive(Clone)]
pub struct PublisherId(Arc<Binding>);

impl PublisherId {
    pub(super) fn new(binding: &Arc<Binding>) -> Self {
        Self(binding.clone())
    }

    /// The topic that the publisher is for, with the prefixes of the routers around it.
    pub fn topic(&self) -> Arc<str> {
        self.0.target().topic().clone()
    }
}

impl PartialEq for PublisherId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for PublisherId {}

impl fmt::Debug for PublisherId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublisherId").field(&self.topic()).finish()
    }
}
