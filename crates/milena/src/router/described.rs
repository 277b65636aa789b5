use super::{Replies, Topics};
use milena_core::handler::Operation;
use std::{borrow::Cow, panic::Location, sync::Arc};

/// What a router says of one of its subscriptions, with everything that the routers around it add:
/// what generated documents are made of.
///
/// ```
/// use milena::{Router, each};
///
/// # async fn bill() {}
/// let router: Router = Router::new("billing").subscribe("orders", each(bill).title("Bills").dead_letters());
/// let described = router.operations().next().expect("it subscribes");
/// assert_eq!((described.group, &*described.topics.names()[0]), ("billing", "orders"));
/// assert_eq!(described.operation.title.as_deref(), Some("Bills"));
/// assert_eq!(&*described.dead_letters[0], "orders.dead");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Described<'a> {
    /// The consumer group; `(none)` is none.
    pub group: &'a str,
    /// What is read.
    pub topics: Cow<'a, Topics>,
    /// The handler, and what it takes and returns; the first, if there are several.
    pub operation: Operation,
    /// The other handlers, when several share the subscription by
    /// [`or`](crate::router::Subscriber::or).
    pub alternatives: Vec<Operation>,
    /// The topics that dead letters go to, if they go anywhere; for a pattern the pattern with `.dead` behind it.
    pub dead_letters: Vec<Arc<str>>,
    /// Where in the source it was subscribed.
    pub at: &'static Location<'static>,
}

impl Described<'_> {
    /// Where the values of the handler go, for a layer that answers instead of it.
    pub fn replies(&self) -> Replies {
        let Operation { replies, no_reply, is_batch, .. } = &self.operation;
        let to = replies.iter().map(|reply| reply.to.clone()).collect();
        Replies { to, answers: !no_reply && !is_batch }
    }
}
