use milena_core::{
    error::BoxError,
    handler::{IntoOutcome, Outcome},
    record::Record,
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
}

/// The end of a handler whose return value settles its record, and is not published.
pub(crate) fn settling<O: IntoOutcome<C> + 'static, C>() -> Ending<O> {
    Arc::new(|_| Arc::new(|value: O, _| value.into_outcome()))
}

/// The end of a handler whose return value is published.
pub(crate) fn publishing<O: IntoRecords + 'static>() -> Ending<O> {
    Arc::new(|replies| {
        let to = replies.to.clone();
        Arc::new(move |value: O, _| {
            let records = written(value, &to)?;
            Ok(Outcome { records, ..Outcome::done() })
        })
    })
}

/// The records of a value for all its topics; it is written once.
fn written(value: impl IntoRecords, to: &[Publish]) -> Result<Vec<ProducerRecord>, BoxError> {
    match to {
        [] => Ok(Vec::new()),
        [only] => only.write(value),
        several => {
            let written = Publish::anywhere().write(value)?;
            let completed =
                |to: &Publish| written.iter().map(|it| to.complete(it.clone())).collect::<Vec<_>>();
            Ok(several.iter().flat_map(completed).collect())
        }
    }
}
