use super::{Router, Subscriber};
use crate::subscriber::each;
use milena_core::handler::{Arguments, Each, Handler, IntoOutcome};

/// What stands before the topic in the name of a function that consumes it.
const PREFIX: &str = "on_";

/// What [`Router::consumes`] takes: a function, or `each(function)` and `batch(function)` with what is said of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler that can be consumed with",
    label = "this is neither an async function nor a subscriber",
    note = "`consumes` takes an async function whose arguments are extractors, or `each(..)` or `batch(..)` of one"
)]
pub trait Consumes<S, M> {
    /// What the function returns.
    type Output: IntoOutcome<Self::Cardinality> + 'static;
    /// Whether it is called once a record or once a batch.
    type Cardinality: 'static;

    /// The subscriber.
    fn subscriber(self) -> Subscriber<S, Self::Output, Self::Cardinality>;
}

/// Marks a subscriber.
#[derive(Debug)]
pub struct Said;

/// Marks a function with these arguments.
#[derive(Debug)]
pub struct Bare<Args>(Args);

impl<S, O, C> Consumes<S, Said> for Subscriber<S, O, C>
where
    O: IntoOutcome<C> + 'static,
    C: 'static,
{
    type Output = O;
    type Cardinality = C;

    fn subscriber(self) -> Self {
        self
    }
}

impl<S, H, Args> Consumes<S, Bare<Args>> for H
where
    H: Handler<Args>,
    H::Output: IntoOutcome<Each> + 'static,
    H::Future: Send,
    Args: Arguments<S> + Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    type Output = H::Output;
    type Cardinality = Each;

    fn subscriber(self) -> Subscriber<S, H::Output, Each> {
        each(self)
    }
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Delivers the records of a topic to the function that is called `on_` and then as the topic is.
    ///
    /// ```
    /// use milena::{Json, Retry, Router, each};
    /// # use schemars::JsonSchema;
    /// # use serde::Deserialize;
    /// # #[derive(Deserialize, JsonSchema)] struct Order { id: u64 }
    ///
    /// async fn on_orders(Json(order): Json<Order>) {}
    /// async fn on_refunds(Json(order): Json<Order>) {}
    ///
    /// let router: Router = Router::new("billing")
    ///     .consumes(on_orders)
    ///     .consumes(each(on_refunds).retry(Retry::exponential(5)).dead_letters());
    /// let topics: Vec<_> = router.operations().map(|it| it.topics.names()[0].to_string()).collect();
    /// assert_eq!(topics, ["orders", "refunds"]);
    /// ```
    ///
    /// A topic whose name is no name of a function is subscribed to with [`subscribe`](Self::subscribe).
    ///
    /// # Panics
    ///
    /// If it is not a function of such a name: a closure, a function with type parameters, or one whose name
    /// begins otherwise or has nothing behind that. And as [`subscribe`](Self::subscribe).
    #[track_caller]
    pub fn consumes<H: Consumes<S, M>, M>(self, handler: H) -> Self {
        self.consumes_prefixed(PREFIX, handler)
    }

    /// The same with another beginning than `on_`.
    ///
    /// # Panics
    ///
    /// As [`consumes`](Self::consumes).
    #[track_caller]
    pub fn consumes_prefixed<H: Consumes<S, M>, M>(self, prefix: &str, handler: H) -> Self {
        let subscriber = handler.subscriber();
        let topic = topic_of("consumes", subscriber.handler(), prefix);
        self.subscribe(topic, subscriber)
    }
}

/// The topic in the name of a function, which stands behind the prefix.
#[track_caller]
#[expect(clippy::panic, reason = "said at assembly, where a function is named once")]
pub(crate) fn topic_of(method: &str, function: &'static str, prefix: &str) -> String {
    let refuse = |why: &str| -> ! {
        panic!(
            "`{method}` finds no topic in the name of `{function}`: {why}; `{prefix}orders` is for topic `orders`"
        )
    };
    let name = function.rsplit("::").next().unwrap_or_default();
    if function.contains('<') || function.contains('(') || function.is_empty() {
        refuse("it is no plain function")
    }
    if name == "{{closure}}" {
        refuse("a closure has no name")
    }
    match name.strip_prefix(prefix) {
        None => refuse(&format!("the name does not begin with `{prefix}`")),
        Some("") => refuse(&format!("there is nothing behind `{prefix}`")),
        Some(topic) => topic.to_owned(),
    }
}
