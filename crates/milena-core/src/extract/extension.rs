use crate::{
    extract::{FromRecord, Rejection},
    record::Record,
};
use std::any::type_name;

/// A value that a layer put beside the record, by its type.
///
/// `Option<Extension<T>>` is `None` when no layer did.
///
/// ```
/// use milena_core::{Delivery, extract::Extension};
///
/// #[derive(Clone)]
/// struct Tenant(String);
///
/// /// What a layer does with the delivery on its way in.
/// fn with_tenant(delivery: Delivery) -> Delivery {
///     let tenant = delivery.first().topic().split('.').next().unwrap_or_default().to_owned();
///     delivery.with_extension(Tenant(tenant))
/// }
///
/// async fn print(Extension(tenant): Extension<Tenant>) {
///     println!("for {}", tenant.0);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Extension<T>(pub T);

impl<S: Sync, T: Clone + Send + Sync + 'static> FromRecord<S> for Extension<T> {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        record.extension().cloned().map(Self).ok_or_else(|| {
            let part = format!("extension `{}`", type_name::<T>());
            Rejection::new(part, "no layer added it; one has to, with `Delivery::with_extension`")
        })
    }

    fn is_absent(record: &Record) -> bool {
        !record.has_extension::<T>()
    }
}
