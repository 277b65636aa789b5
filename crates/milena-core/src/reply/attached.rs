use super::PublisherId;
use std::{any::Any, fmt, sync::Arc};

/// What is kept with a record while it is on its way: by layers, and which publisher it is from.
///
/// It is no part of the record: two records that differ in nothing else are equal.
#[derive(Clone, Default)]
pub struct Attached {
    newest: Option<Arc<Link>>,
    pub(super) publisher: Option<PublisherId>,
}

struct Link {
    value: Box<dyn Any + Send + Sync>,
    next: Option<Arc<Self>>,
}

impl Attached {
    /// The same with this value, which is found before others of its type.
    pub(super) fn with<T: Send + Sync + 'static>(self, value: T) -> Self {
        let link = Link { value: Box::new(value), next: self.newest };
        Self { newest: Some(Arc::new(link)), ..self }
    }

    /// The newest value of this type.
    pub(super) fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let mut link = self.newest.as_deref();
        while let Some(Link { value, next }) = link {
            if let Some(value) = value.downcast_ref() {
                return Some(value);
            }
            link = next.as_deref();
        }
        None
    }
}

impl PartialEq for Attached {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.newest.is_some() { "Attached" } else { "None" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_attached_is_found_by_its_type_and_the_newest_first() {
        let attached = Attached::default().with(1_u8).with("text").with(2_u8);

        assert_eq!(attached.get::<u8>(), Some(&2));
        assert_eq!(attached.get::<&str>(), Some(&"text"));
        assert_eq!(attached.get::<u16>(), None);
    }
}
