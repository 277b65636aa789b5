use super::{Body, Subscriber};
use crate::route::settling;
use milena_core::{
    error::BoxError,
    handler::{Each, IntoOutcome, Outcome},
    record::Record,
};
use std::{marker::PhantomData, sync::Arc};

/// Several handlers for one subscription.
///
/// They are for handlers that are called once a record. A batch would have to be taken apart for them,
/// and what was to be one call would be several.
impl<S: 'static, O: 'static> Subscriber<S, O, Each> {
    /// Takes only the records that `takes` says yes to; the others are for the handlers that
    /// [`or`](Self::or) adds.
    ///
    /// What no handler takes is refused: it takes the failure path of the subscription, as a record that
    /// cannot be decoded does. A panic in `takes` is a failure of its record alone.
    ///
    /// ```
    /// use milena::{Json, Record, Router, each};
    /// # use schemars::JsonSchema;
    /// # use serde::Deserialize;
    /// # #[derive(Deserialize, JsonSchema)] struct Order { id: u64 }
    /// # #[derive(Deserialize, JsonSchema)] struct Refund { id: u64 }
    ///
    /// async fn bill(Json(order): Json<Order>) {}
    /// async fn pay_back(Json(refund): Json<Refund>) {}
    /// async fn print(record: Record) {}
    ///
    /// fn is(kind: &'static str) -> impl Fn(&Record) -> bool {
    ///     move |record| record.headers().get("kind") == Some(kind.as_bytes())
    /// }
    ///
    /// # let _: Router =
    /// Router::new("billing").subscribe(
    ///     "events",
    ///     each(bill).when(is("order")).or(each(pay_back).when(is("refund"))).or(each(print)).dead_letters(),
    /// )
    /// # ;
    /// ```
    ///
    /// # Panics
    ///
    /// If there are several handlers already: say it of one of them.
    #[track_caller]
    #[expect(clippy::panic, reason = "said at assembly")]
    pub fn when(mut self, takes: impl Fn(&Record) -> bool + Send + Sync + 'static) -> Self {
        let mut abouts = self.body.abouts();
        let [about] = &mut abouts[..] else {
            panic!(
                "`.when` behind `.or` may be of any of its handlers: say it inside, `.or(each(..).when(..))`"
            )
        };
        let before = about.when.take();
        about.when = Some(Arc::new(move |record| {
            before.as_ref().is_none_or(|takes| takes(record)) && takes(record)
        }));
        self
    }

    /// And `other` for records that the handlers so far do not take; the first that takes a record is
    /// called with it.
    ///
    /// Each handler keeps its layers, its `map_record` and its replies. How records are delivered, and what
    /// becomes of those that fail, is one for the whole subscription. So it is said of the first handler, or
    /// behind the last `or`. A layer behind it is around all handlers so far.
    ///
    /// # Panics
    ///
    /// If the handlers so far take every record already, or if `other` says something that could not count.
    #[track_caller]
    #[expect(clippy::panic, reason = "said at assembly")]
    pub fn or<O2>(self, other: Subscriber<S, O2, Each>) -> Subscriber<S, Alternatives, Each>
    where
        O: IntoOutcome<Each>,
        O2: IntoOutcome<Each> + 'static,
    {
        let said = other.given.said().chain(other.listener.as_ref().map(|_| "on_rebalance"));
        let said: Vec<_> = said.map(|method| format!("`.{method}`")).collect();
        let mut other = other;
        let handler = other.body.first().map_or("", |about| about.operation.handler);
        assert!(
            said.is_empty(),
            "{} of `{handler}` could not count: a subscription has one, which is that of its first handler",
            said.join(" and ")
        );
        let (mut arms, more) = (self.body.close(settling), other.body.close(settling));
        if let Some(all) = arms.iter().find(|arm| arm.about.when.is_none()) {
            let all = all.about.operation.handler;
            panic!("`{handler}` would never be called: `{all}` before it takes every record");
        }
        arms.extend(more);
        Subscriber {
            body: Body::Closed(arms),
            given: self.given,
            batching: self.batching,
            listener: self.listener,
            cardinality: PhantomData,
        }
    }
}

/// Stands for what several handlers return, which settles their records; [`Subscriber::or`] makes it.
#[derive(Clone, Copy, Debug)]
pub enum Alternatives {}

#[diagnostic::do_not_recommend]
impl IntoOutcome<Each> for Alternatives {
    fn into_outcome(self) -> Result<Outcome, BoxError> {
        match self {}
    }
}
