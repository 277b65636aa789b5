use super::Asked;
use milena_core::{
    error::BoxError,
    handler::{Decision, IntoOutcome, Outcome},
    record::{Record, names},
    reply::{IntoRecords, ProducerRecord, Publish},
};
use std::sync::Arc;

/// What becomes of a handler's return value; the record is the one that it was called with, or the first
/// of the batch.
pub(super) type Finish<O> = Arc<dyn Fn(O, &Record) -> Result<Outcome, BoxError> + Send + Sync>;

/// Makes that, when it is known where replies go.
pub(crate) type Ending<O> = Arc<dyn Fn(&Replies) -> Finish<O> + Send + Sync>;

/// The end of a handler whose return value settles its record, and is not published.
pub(crate) fn settling<O: IntoOutcome<C> + 'static, C>() -> Ending<O> {
    Arc::new(|replies| {
        let replies = replies.clone();
        Arc::new(move |value: O, record| replies.settle(value, record))
    })
}

/// The end of a handler whose return value is published.
pub(crate) fn publishing<O: IntoRecords + 'static>() -> Ending<O> {
    Arc::new(|replies| {
        let replies = replies.clone();
        Arc::new(move |value: O, record| replies.publish(value, record))
    })
}

/// Where the values of a handler go, once the routers around it are known, for a layer that answers instead
/// of the handler: [`Described::replies`](crate::router::Described::replies) tells it.
///
/// What becomes of a value is what becomes of the handler's own: it goes to each topic that `publish_to` names, and
/// to who asks by `reply_to`, with the correlation id of the record.
///
/// ```
/// use milena::{Outcome, Router, each, error::BoxError, router::{Replies, Route, handler::Delivery}};
/// use std::task::{Context, Poll};
/// use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};
///
/// async fn price(tea: String) -> String {
///     format!("{} cents", tea.len())
/// }
///
/// # fn is_open() -> bool { false }
/// /// Answers for the handler while the shop is closed.
/// fn closed(replies: Replies) -> impl Layer<Route, Service = BoxCloneSyncService<Delivery, Outcome, BoxError>> {
///     tower::layer::layer_fn(move |route: Route| {
///         let replies = replies.clone();
///         BoxCloneSyncService::new(tower::service_fn(move |delivery: Delivery| {
///             let (replies, route) = (replies.clone(), route.clone());
///             async move {
///                 match is_open() {
///                     true => route.oneshot(delivery).await,
///                     false => replies.publish("closed", delivery.first()),
///                 }
///             }
///         }))
///     })
/// }
///
/// # let _: Router =
/// Router::new("prices").subscribe("prices", each(price).answer()).layer_with(|it| closed(it.replies()))
/// # ;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Replies {
    pub(crate) to: Vec<Publish>,
    /// Whether records that ask for an answer get one.
    pub(crate) answers: bool,
}

impl Replies {
    /// The outcome of a call that ends with this value, which is published; the record is the one of the call, or the
    /// first of the batch.
    ///
    /// # Errors
    ///
    /// The value cannot be written, or is itself an error.
    pub fn publish(&self, value: impl IntoRecords, record: &Record) -> Result<Outcome, BoxError> {
        let mut records = match self.asked(record) {
            Some(asked) => answered(value, &self.to, &asked)?,
            None => written(value, &self.to)?,
        };
        self.correlate(&mut records, record);
        Ok(Outcome { records, ..Outcome::done() })
    }

    /// The outcome of a call that ends with this value, which settles the record and is not published: `()`, an
    /// [`Outcome`], or a `Result` of those.
    ///
    /// # Errors
    ///
    /// The value is an error.
    pub fn settle<C>(
        &self,
        value: impl IntoOutcome<C>,
        record: &Record,
    ) -> Result<Outcome, BoxError> {
        let mut outcome = value.into_outcome()?;
        // A decision that is no success is told where it is obeyed.
        if outcome.decision == Decision::Done {
            outcome.records.extend(self.asked(record).map(|asked| asked.nothing()));
        }
        Ok(outcome)
    }

    /// What a record asks for, if it is to be answered.
    fn asked(&self, record: &Record) -> Option<Asked> {
        if self.answers { asked(record) } else { None }
    }

    /// Passes the correlation id of the record on, to what has none of its own.
    fn correlate(&self, records: &mut [ProducerRecord], record: &Record) {
        if records.is_empty() || self.to.iter().all(Publish::is_bare) {
            return;
        }
        let Some(id) = record.header(names::CORRELATION_ID) else { return };
        let bare = |topic| self.to.iter().any(|to| to.is_bare() && to.topic() == topic);
        for reply in records {
            if !reply.headers.contains(names::CORRELATION_ID) && !bare(&reply.topic) {
                reply.headers.push(names::CORRELATION_ID, id.clone());
            }
        }
    }
}

fn asked(record: &Record) -> Option<Asked> {
    Asked::by(|name| record.header(name))
}

/// The records of a value for all its topics; it is written once.
fn written(value: impl IntoRecords, to: &[Publish]) -> Result<Vec<ProducerRecord>, BoxError> {
    match to {
        [] => Ok(Vec::new()),
        [only] => only.write(value),
        several => {
            let written = Publish::anywhere().write(value)?;
            Ok(completed(&written, several).collect())
        }
    }
}

/// The same, and the answer before them.
fn answered(
    value: impl IntoRecords,
    to: &[Publish],
    asked: &Asked,
) -> Result<Vec<ProducerRecord>, BoxError> {
    let written = Publish::anywhere().write(value)?;
    let mut records: Vec<_> = written.iter().cloned().map(|record| asked.answer(record)).collect();
    if records.is_empty() {
        // Who asked is to know that there is nothing.
        records.push(asked.nothing());
    }
    records.extend(completed(&written, to));
    Ok(records)
}

/// The records for each of these targets, with what they do not say themselves.
fn completed<'a>(
    records: &'a [ProducerRecord],
    to: &'a [Publish],
) -> impl Iterator<Item = ProducerRecord> + 'a {
    to.iter().flat_map(|to| records.iter().cloned().map(|record| to.complete(record)))
}
