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

/// Where the replies of a subscription go, once the routers around it are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replies {
    pub(crate) to: Vec<Publish>,
    /// Whether records that ask for an answer get one.
    pub(crate) answers: bool,
}

/// The end of a handler whose return value settles its record, and is not published.
pub(crate) fn settling<O: IntoOutcome<C> + 'static, C>() -> Ending<O> {
    Arc::new(|replies| {
        let answers = replies.answers;
        Arc::new(move |value: O, record| {
            let mut outcome = value.into_outcome()?;
            // A decision that is no success is told where it is obeyed.
            if answers && outcome.decision == Decision::Done {
                outcome.records.extend(asked(record).map(|asked| asked.nothing()));
            }
            Ok(outcome)
        })
    })
}

/// The end of a handler whose return value is published.
pub(crate) fn publishing<O: IntoRecords + 'static>() -> Ending<O> {
    Arc::new(|replies| {
        let replies = replies.clone();
        Arc::new(move |value: O, record| {
            let mut records = match replies.asked(record) {
                Some(asked) => answered(value, &replies.to, &asked)?,
                None => written(value, &replies.to)?,
            };
            replies.correlate(&mut records, record);
            Ok(Outcome { records, ..Outcome::done() })
        })
    })
}

impl Replies {
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
