//! What is published: the trait out, [`IntoRecords`], and what makes up a published record.

mod attached;
mod binding;
mod item;
mod layer;
mod outlet;
mod part;
mod produce;
mod publish;
mod publisher;
mod request;
mod send_all;
mod sent;

pub(crate) use self::send_all::Waiter;
pub use self::{
    attached::Attached,
    binding::Binding,
    item::Item,
    layer::PublishLayer,
    outlet::Outlet,
    part::{Partition, RecordPart},
    produce::ProducerRecord,
    publish::{Publish, publish},
    publisher::{Publisher, PublisherId, Typed},
    request::{Question, Requests},
    send_all::SendAllError,
    sent::Sent,
};

use crate::{
    error::{BoxError, boxed},
    handler::Schema,
};
use bytes::Bytes;

/// A value that is published: what `publish_to` takes from a handler, and what a `Publisher` takes.
///
/// | value | publishes |
/// |---|---|
/// | `Json<T>`, `String`, `Bytes`, `Coded<T, C>` | one record |
/// | `AnyOf<A, B>` | the records of whichever it is |
/// | `(key, value)`, `(key, headers, value)`, ... | the records of `value` with these [parts](RecordPart) |
/// | `Tombstone` | one record whose value is null |
/// | `Option<value>` | the records of `value`, or none |
/// | `Vec<value>` | the records of all, in order |
/// | `Result<value, error>` | the records of `value`; the error is the handler's |
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be published",
    label = "this is published",
    note = "`Json<T>`, `String`, `Bytes`, `Coded<T, C>`, `AnyOf<A, B>`, `Tombstone`, tuples `(key, value)`, and `Option`, `Vec` or `Result` of those can be published"
)]
pub trait IntoRecords {
    /// Adds the records to `records`, each begun with [`Publish::record`].
    ///
    /// # Errors
    ///
    /// The value cannot be written, or is itself an error.
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError>;

    /// The schema of the value, when it is known.
    fn schema() -> Option<Schema> {
        None
    }
}

/// A record whose value is null, which deletes its key from a compacted topic.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tombstone;

impl IntoRecords for Tombstone {
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        records.push(to.record());
        Ok(())
    }
}

impl IntoRecords for Bytes {
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        records.push(to.record().value(self));
        Ok(())
    }
}

impl IntoRecords for String {
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        records.push(text(to, self.into()));
        Ok(())
    }
}

impl IntoRecords for &str {
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        records.push(text(to, Bytes::copy_from_slice(self.as_bytes())));
        Ok(())
    }
}

fn text(to: &Publish, value: Bytes) -> ProducerRecord {
    to.record().value(value).content_type("text/plain")
}

impl<R: IntoRecords> IntoRecords for Option<R> {
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        self.map_or(Ok(()), |value| value.into_records(to, records))
    }

    fn schema() -> Option<Schema> {
        R::schema()
    }
}

impl<R: IntoRecords> IntoRecords for Vec<R> {
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        self.into_iter().try_for_each(|value| value.into_records(to, records))
    }

    fn schema() -> Option<Schema> {
        R::schema()
    }
}

impl<R: IntoRecords, E: Into<BoxError> + 'static> IntoRecords for Result<R, E> {
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        self.map_err(boxed)?.into_records(to, records)
    }

    fn schema() -> Option<Schema> {
        R::schema()
    }
}

macro_rules! parts {
    ($($part:ident),*) => {
        impl<R: IntoRecords, $($part: RecordPart),*> IntoRecords for ($($part,)* R,) {
            #[allow(non_snake_case, reason = "the type parameters serve as names")]
            fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
                let ($($part,)* value,) = self;
                let before = records.len();
                value.into_records(to, records)?;
                for record in &mut records[before..] {
                    $($part.apply(record)?;)*
                }
                Ok(())
            }

            fn schema() -> Option<Schema> {
                R::schema()
            }
        }
    };
}

parts!(P1);
parts!(P1, P2);
parts!(P1, P2, P3);
parts!(P1, P2, P3, P4);
