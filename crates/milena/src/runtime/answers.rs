use super::{
    Work,
    replies::{One, hand_over_one},
    settle::{Item, RECORDS},
};
use crate::route::{Answering, Asked};
use milena_core::{
    error::Error,
    record::{Record, names},
};
use std::ops::ControlFlow;

/// Tells who asked with a record that it failed, if that is wanted; the record is held until the answer
/// is at the broker. Broken off when the partition has ended.
pub(super) async fn fail(item: &Item, why: &str) -> ControlFlow<()> {
    let Item { work, index } = item;
    let answering = &work.subscription.answering;
    if matches!(answering, Answering::Never) {
        return ControlFlow::Continue(());
    }
    let header = |name: &str| work.records().header(*index as usize, name);
    let Some(asked) = Asked::by(header) else { return ControlFlow::Continue(()) };
    let is_wanted = header(names::REPLY_ERRORS).as_deref() == Some(b"true");
    if !is_wanted || !answering.answers(|| Record::new(work.chunk(), *index)) {
        return ControlFlow::Continue(());
    }
    hand_over_one(work, asked.failure(why), &One { work, index: *index }).await
}

/// An answer was refused for good. Who asked for one where none can be given has harmed itself alone:
/// the record is done.
pub(super) fn refused(work: &Work, index: u32, error: &Error) {
    work.subscription.counters.answers_failed.add(1);
    let record = format!("{}/{}", work.assignment.place, work.offset(index as usize));
    tracing::warn!(target: RECORDS, record, %error, "an answer was refused, and is dropped");
}
