use crate::{
    error::BoxError,
    extract::{FromRecord, Rejection},
    record::Record,
    reply::{ProducerRecord, RecordPart},
};
use bytes::Bytes;

/// The key of the record, decoded.
///
/// `Option<Key<T>>` is `None` for a null key; an empty key is a key. In a reply's tuple it is the
/// reply's key.
///
/// ```
/// use milena_core::extract::Key;
///
/// async fn print(Key(customer): Key<String>) {
///     println!("an order of {customer}");
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Key<T>(pub T);

/// A type that a key can be decoded into.
#[diagnostic::on_unimplemented(
    message = "a key cannot be decoded into `{Self}`",
    note = "`Bytes`, `Vec<u8>`, `String`, `i32`, `i64`, `u32`, `u64` (big endian, as Java writes them), `Json<T>` and `Coded<T, C>` can be keys"
)]
pub trait FromKey: Sized {
    /// Decodes it.
    ///
    /// # Errors
    ///
    /// The bytes are not such a key.
    fn from_key(key: &[u8]) -> Result<Self, BoxError>;
}

/// A value that can be the key of a record.
pub trait IntoKey {
    /// The bytes of the key.
    ///
    /// # Errors
    ///
    /// The value cannot be written.
    fn to_key(&self) -> Result<Bytes, BoxError>;
}

impl<S: Sync, T: FromKey + Send> FromRecord<S> for Key<T> {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        let hint = "it is null; `Option<Key<T>>` takes it as `None`";
        let key = record.key().ok_or_else(|| Rejection::new("key", hint))?;
        T::from_key(key).map(Key).map_err(|error| Rejection::new("key", error))
    }

    fn is_absent(record: &Record) -> bool {
        record.key().is_none()
    }
}

impl<T: IntoKey> RecordPart for Key<T> {
    fn apply(&self, record: &mut ProducerRecord) -> Result<(), BoxError> {
        record.key = Some(self.0.to_key()?);
        Ok(())
    }
}

impl FromKey for Bytes {
    fn from_key(key: &[u8]) -> Result<Self, BoxError> {
        Ok(Self::copy_from_slice(key))
    }
}

impl FromKey for Vec<u8> {
    fn from_key(key: &[u8]) -> Result<Self, BoxError> {
        Ok(key.to_vec())
    }
}

impl FromKey for String {
    fn from_key(key: &[u8]) -> Result<Self, BoxError> {
        Ok(str::from_utf8(key)?.to_owned())
    }
}

macro_rules! written_as {
    ($($key:ty => |$this:ident| $bytes:expr;)*) => {$(
        impl IntoKey for $key {
            fn to_key(&self) -> Result<Bytes, BoxError> {
                let $this = self;
                Ok($bytes)
            }
        }

        impl RecordPart for $key {
            fn apply(&self, record: &mut ProducerRecord) -> Result<(), BoxError> {
                record.key = Some(self.to_key()?);
                Ok(())
            }
        }
    )*};
}

written_as! {
    Bytes => |key| key.clone();
    Vec<u8> => |key| Bytes::copy_from_slice(key);
    &[u8] => |key| Bytes::copy_from_slice(key);
    String => |key| Bytes::copy_from_slice(key.as_bytes());
    &str => |key| Bytes::copy_from_slice(key.as_bytes());
    i32 => |key| Bytes::copy_from_slice(&key.to_be_bytes());
    i64 => |key| Bytes::copy_from_slice(&key.to_be_bytes());
    u32 => |key| Bytes::copy_from_slice(&key.to_be_bytes());
    u64 => |key| Bytes::copy_from_slice(&key.to_be_bytes());
}

macro_rules! integer {
    ($($integer:ty),*) => {$(
        impl FromKey for $integer {
            fn from_key(key: &[u8]) -> Result<Self, BoxError> {
                match key.try_into() {
                    Ok(bytes) => Ok(Self::from_be_bytes(bytes)),
                    Err(_) => Err(format!("it has {} bytes, not {}", key.len(), size_of::<Self>()).into()),
                }
            }
        }
    )*};
}

integer!(i32, i64, u32, u64);
