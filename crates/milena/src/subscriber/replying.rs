use super::{Body, Subscriber};
use crate::route::{Replies, publishing};
use milena_core::{
    error::BoxError,
    handler::{Each, IntoOutcome, Outcome, Reply, Schema},
    reply::{IntoRecords, ProducerRecord, Publish},
};
use std::marker::PhantomData;

/// What becomes of the values that a handler returns.
impl<S: 'static, O: 'static, C: 'static> Subscriber<S, O, C> {
    /// Publishes what the handler returns, before the record counts as done.
    ///
    /// The target is the name of a topic, or [`publish(topic)`](crate::publish) with a key, a
    /// partition, headers or a timestamp. The handler may return a value, `(key, value)`, an
    /// `Option` or a `Vec` of those; see [`IntoRecords`]. Nobody waits for the broker here: the next
    /// record is handled while the replies are on their way, and each record counts as done when its
    /// replies have arrived. A reply that the broker refuses for good is a failure of its record,
    /// which is not retried.
    ///
    /// Said again, it publishes the same to one more topic:
    ///
    /// ```
    /// use milena::{Json, Router, each, publish};
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Deserialize, JsonSchema)] struct Order { id: u64 }
    /// # #[derive(Serialize, JsonSchema)] struct Invoice { order: u64 }
    ///
    /// async fn bill(Json(order): Json<Order>) -> Json<Invoice> {
    ///     Json(Invoice { order: order.id })
    /// }
    ///
    /// # let _: Router =
    /// Router::new("billing")
    ///     .subscribe("orders", each(bill).publish_to("invoices").publish_to(publish("audit").key("billing")))
    /// # ;
    /// ```
    ///
    /// # Panics
    ///
    /// If the target names a cluster, because replies go to that of their record, or says `autoflush`,
    /// because nobody waits for them.
    #[track_caller]
    pub fn publish_to(self, target: impl Into<Publish>) -> Subscriber<S, Published, C>
    where
        O: IntoRecords,
    {
        let to = target.into();
        check_reply(&to);
        let mut arms = self.body.close(publishing);
        arms.iter_mut().for_each(|arm| arm.about.replies.push::<O>(to.clone()));
        Subscriber {
            body: Body::Closed(arms),
            given: self.given,
            batching: self.batching,
            listener: self.listener,
            cardinality: PhantomData,
        }
    }

    /// Answers no record, also not one that asks for it with a header `reply_to`, and tells nobody of failures.
    ///
    /// Of several handlers each says so for the records that it takes; which of them that is for a failed record,
    /// its [`when`](Self::when) is asked once more. What none of them takes is answered unless all say so.
    pub fn no_reply(mut self) -> Self {
        self.body.abouts().into_iter().for_each(|about| about.operation.no_reply = true);
        self
    }
}

impl<S: 'static, O: 'static> Subscriber<S, O, Each> {
    /// Answers who asks with what the handler returns, and publishes it nowhere else.
    ///
    /// A record asks by the header `reply_to`, which names a topic; with [`publish_to`](Self::publish_to) it is answered as well, and with a null value
    /// where the handler returns none. The answer has the `correlation_id` of the record, and goes to the partition that
    /// `reply_partition` names. The record counts as done when it has arrived, or was refused: an
    /// asker that nobody can answer stops nobody. With `reply_errors: true` a failure is answered, too, once the record is skipped or a dead letter.
    /// Whoever can write to the topic chooses where answers go: the broker's rights bound that, and [`no_reply`](Self::no_reply) ends it.
    ///
    /// ```
    /// use milena::{Router, each};
    ///
    /// async fn price(tea: String) -> String {
    ///     format!("{} cents", tea.len())
    /// }
    ///
    /// # let _: Router =
    /// Router::new("prices").subscribe("prices", each(price).answer().skip_failures())
    /// # ;
    /// ```
    pub fn answer(self) -> Subscriber<S, Published, Each>
    where
        O: IntoRecords,
    {
        Subscriber {
            body: Body::Closed(self.body.close(publishing)),
            given: self.given,
            batching: self.batching,
            listener: self.listener,
            cardinality: PhantomData,
        }
    }
}

/// Refuses what could not count for a target of replies.
#[track_caller]
#[expect(clippy::panic, reason = "said at assembly, where a target is written once")]
fn check_reply(to: &Publish) {
    let topic = to.topic();
    if let Some(cluster) = to.on_cluster() {
        panic!(
            "`.publish_to` publishes to the cluster that a record came from, and `.cluster(\"{cluster}\")` of \
             `{topic}` could not count: a publisher of the app does that, \
             `app.publisher(publish(\"{topic}\").cluster(\"{cluster}\"))`"
        );
    }
    assert!(
        !to.flushes(),
        "`.publish_to` waits for no reply, and `.autoflush()` of `{topic}` could not count: a record is done \
         when its replies have arrived, also without it"
    );
}

/// Stands for a return value that is published: its topics are named, and it may be published to
/// [one more](Subscriber::publish_to).
#[derive(Clone, Copy, Debug)]
pub enum Published {}

#[diagnostic::do_not_recommend]
impl IntoRecords for Published {
    fn into_records(self, _: &Publish, _: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        match self {}
    }
}

#[diagnostic::do_not_recommend]
impl<C> IntoOutcome<C> for Published {
    fn into_outcome(self) -> Result<Outcome, BoxError> {
        match self {}
    }
}

/// The targets of a handler's return value, as they were written, and the schema of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replying {
    to: Vec<Publish>,
    value: Option<Schema>,
}

impl Replying {
    fn push<O: IntoRecords>(&mut self, to: Publish) {
        self.value = self.value.take().or_else(O::schema);
        self.to.push(to);
    }

    /// Where they go, under this prefix.
    pub(crate) fn replies(&self, prefix: &str) -> Replies {
        let to = self.to.iter().map(|to| to.clone().prefixed(prefix)).collect();
        Replies { to, answers: true }
    }

    /// What documents tell of them.
    #[cfg_attr(
        not(feature = "json"),
        allow(clippy::clone_on_copy, reason = "without schemas there is none to clone")
    )]
    pub(crate) fn described(&self, prefix: &str) -> Vec<Reply> {
        self.replies(prefix).to.iter().map(|to| Reply::new(to, self.value.clone())).collect()
    }
}
