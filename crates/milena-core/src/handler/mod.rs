//! Handlers: their arguments, what they are called with, and what they return.

mod delivery;
mod operation;
mod outcome;

pub use self::{
    delivery::Delivery,
    operation::{Operation, Reply, Schema},
    outcome::{Batched, Decision, Each, IntoOutcome, Outcome},
};

use crate::{
    error::BoxError,
    extract::{Batch, FromRecord},
    record::Record,
};

/// An async function whose arguments are `Args`.
///
/// Only the arity is checked here. What takes a handler checks its arguments, its return value and
/// `Send` as bounds of their own, so that a compile error names the one that is wrong.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "this is not a handler",
    note = "a handler is an `async fn`, or a closure that can be cloned and returns a future, of at most 8 arguments"
)]
pub trait Handler<Args>: Clone + Send + Sync + 'static {
    /// What it returns in the end.
    type Output;
    /// What it returns at once.
    type Future: Future<Output = Self::Output>;
    /// Calls it.
    fn call(&self, args: Args) -> Self::Future;
}

/// The arguments of a handler that is called once a record: a tuple of extractors.
pub trait Arguments<S>: Sized {
    /// Extracts them, in order, up to the first that refuses the record.
    fn from_record(
        record: &Record,
        state: &S,
    ) -> impl Future<Output = Result<Self, BoxError>> + Send;

    /// Says what they add to the generated document.
    fn describe(operation: &mut Operation);
}

/// The arguments of a handler that is called once a batch: the batch, then extractors.
///
/// The extractors behind the batch see its first record, so they are for what does not differ
/// between records: `State`, `Publisher`. What differs is extracted with each record, in a tuple:
/// `Batch<(Json<Click>, Metadata)>`.
#[diagnostic::on_unimplemented(
    message = "these are not the arguments of a batch handler",
    label = "the arguments are `{Self}`",
    note = "a batch handler takes `Batch<T>` first, then extractors such as `State<T>` and `Publisher`"
)]
pub trait BatchArguments<S>: Sized {
    /// Extracts them; a record that `T` refuses is [refused](Delivery::refuse) alone. `None` when
    /// that leaves nothing.
    fn from_delivery(
        delivery: &Delivery,
        state: &S,
    ) -> impl Future<Output = Result<Option<Self>, BoxError>> + Send;

    /// Says what they add to the generated document: the items of the batch, and the extractors behind it.
    fn describe(items: &mut Operation, rest: &mut Operation);
}

async fn batch<S: Sync, T: FromRecord<S> + Send>(delivery: &Delivery, state: &S) -> Vec<T> {
    let mut batch = Vec::with_capacity(delivery.len());
    let gone = delivery.refused_so_far();
    for (index, record) in delivery.records().enumerate() {
        if gone.contains(&index) {
            continue;
        }
        match T::from_record(record, state).await {
            Ok(item) => batch.push(item),
            Err(rejection) => delivery.refuse(index, rejection.into()),
        }
    }
    batch
}

macro_rules! arity {
    ($($arg:ident),*) => {
        #[diagnostic::do_not_recommend]
        impl<F, Fut, $($arg),*> Handler<($($arg,)*)> for F
        where
            F: Fn($($arg),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future,
        {
            type Output = Fut::Output;
            type Future = Fut;

            #[allow(non_snake_case, reason = "the type parameters serve as names")]
            fn call(&self, ($($arg,)*): ($($arg,)*)) -> Fut {
                self($($arg),*)
            }
        }

        impl<S, $($arg),*> Arguments<S> for ($($arg,)*)
        where
            S: Sync,
            $($arg: FromRecord<S> + Send,)*
        {
            #[allow(unused_variables, clippy::unused_unit, reason = "no arguments is an arity, too")]
            async fn from_record(record: &Record, state: &S) -> Result<Self, BoxError> {
                Ok(($($arg::from_record(record, state).await.map_err(Into::into)?,)*))
            }

            #[allow(unused_variables, reason = "no arguments is an arity, too")]
            fn describe(operation: &mut Operation) {
                $($arg::describe(operation);)*
            }
        }

        impl<S, T, $($arg),*> BatchArguments<S> for (Batch<T>, $($arg,)*)
        where
            S: Sync,
            T: FromRecord<S> + Send,
            $($arg: FromRecord<S> + Send,)*
        {
            async fn from_delivery(delivery: &Delivery, state: &S) -> Result<Option<Self>, BoxError> {
                let batch = batch(delivery, state).await;
                if batch.is_empty() {
                    return Ok(None);
                }
                Ok(Some((
                    Batch(batch),
                    $($arg::from_record(delivery.first(), state).await.map_err(Into::into)?,)*
                )))
            }

            #[allow(unused_variables, reason = "nothing behind the batch is an arity, too")]
            fn describe(items: &mut Operation, rest: &mut Operation) {
                T::describe(items);
                $($arg::describe(rest);)*
            }
        }
    };
}

arity!();
arity!(A1);
arity!(A1, A2);
arity!(A1, A2, A3);
arity!(A1, A2, A3, A4);
arity!(A1, A2, A3, A4, A5);
arity!(A1, A2, A3, A4, A5, A6);
arity!(A1, A2, A3, A4, A5, A6, A7);
arity!(A1, A2, A3, A4, A5, A6, A7, A8);
