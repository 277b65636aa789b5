use super::{Router, consumes::topic_of};
use milena_core::{
    error::Error,
    handler::Handler,
    reply::{IntoRecords, Publish, Publisher, publish},
};
use std::{fmt, marker::PhantomData};

/// What stands before the topic in the name of a function that produces for it.
const PREFIX: &str = "to_";

/// A function whose value is published when it is called; [`App::produces`](crate::App::produces) and
/// [`Router::produces`] make one.
///
/// It has up to three arguments. Before the service has started, and when it has ended, a call is an error.
pub struct Produces<H, Args, T> {
    function: H,
    publisher: Publisher<T>,
    arguments: PhantomData<fn(Args)>,
}

impl<H: Handler<Args>, Args> Produces<H, Args, H::Output> {
    pub(crate) fn new(function: H, publisher: Publisher<H::Output>) -> Self {
        Self { function, publisher, arguments: PhantomData }
    }
}

macro_rules! arity {
    ($($name:ident: $argument:ident),*) => {
        impl<H, T, $($argument),*> Produces<H, ($($argument,)*), T>
        where
            H: Handler<($($argument,)*), Output = T>,
            T: IntoRecords,
        {
            /// Calls the function, publishes what it returns, and waits until the broker has all of it.
            ///
            /// # Errors
            ///
            /// The function's own, if it returns a `Result`; or what it returned cannot be written, or a
            /// record of it was refused.
            pub async fn send(&self, $($name: $argument),*) -> Result<(), Error> {
                let value = self.function.call(($($name,)*)).await;
                self.publisher.send_all([value]).await?;
                Ok(())
            }

            /// The same, and gives what the function returned.
            ///
            /// # Errors
            ///
            /// As those of `send`.
            pub async fn call(&self, $($name: $argument),*) -> Result<T, Error>
            where
                T: Clone,
            {
                let value = self.function.call(($($name,)*)).await;
                self.publisher.send_all([value.clone()]).await?;
                Ok(value)
            }
        }
    };
}

arity!();
arity!(a: A);
arity!(a: A, b: B);
arity!(a: A, b: B, c: C);

impl<H: Clone, Args, T> Clone for Produces<H, Args, T> {
    fn clone(&self) -> Self {
        let (function, publisher) = (self.function.clone(), self.publisher.clone());
        Self { function, publisher, arguments: PhantomData }
    }
}

impl<H, Args, T> fmt::Debug for Produces<H, Args, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Produces").field(&self.publisher).finish()
    }
}

/// Where the function `H` publishes to, by its name.
#[track_caller]
pub(crate) fn target_of<H, Args>(prefix: Option<&str>) -> Publish<H::Output>
where
    H: Handler<Args>,
    H::Output: IntoRecords,
{
    let function = std::any::type_name::<H>();
    publish(topic_of("produces", function, prefix.unwrap_or(PREFIX))).schema()
}

impl<S> Router<S> {
    /// Has a call of the function that is called `to_` and then as a topic is publish what it returns there;
    /// see [`App::produces`](crate::App::produces).
    ///
    /// # Panics
    ///
    /// If it is not a function of such a name; see [`consumes`](Self::consumes).
    #[track_caller]
    pub fn produces<H, Args>(&mut self, function: H) -> Produces<H, Args, H::Output>
    where
        H: Handler<Args>,
        H::Output: IntoRecords,
    {
        Produces::new(function, self.publisher(target_of::<H, Args>(None)))
    }
}
