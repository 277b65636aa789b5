use super::{
    replies,
    settle::{Item, Next, failed, obey},
};
use crate::route::Failure;
use milena_core::{handler::Outcome, reply::ProducerRecord};
use std::{slice, time::Duration};

/// Settles each record of a batch as the outcome at its place says; `replies` are of the batch as a whole.
pub(super) async fn settle(
    items: &[Item],
    attempt: u32,
    outcomes: Vec<Outcome>,
    replies: Vec<ProducerRecord>,
) -> Next {
    if outcomes.len() != items.len() {
        let (given, returned) = (counted(items.len(), "item"), counted(outcomes.len(), "outcome"));
        let error = format!("the handler was given {given} and returned {returned}");
        return failed(items, attempt, &Failure::Failed(error.into())).await;
    }
    if replies::publish(items, replies).await.is_break() {
        return Next::Stop;
    }
    let (mut again, mut after) = (Vec::new(), Duration::ZERO);
    for (place, (item, outcome)) in items.iter().zip(outcomes).enumerate() {
        match obey(slice::from_ref(item), attempt, outcome).await {
            Next::Onward => {}
            Next::Again(delay) | Next::SomeAgain(_, delay) => {
                again.push(place);
                after = after.max(delay);
            }
            Next::Stop => return Next::Stop,
        }
    }
    match again.len() {
        0 => Next::Onward,
        all if all == items.len() => Next::Again(after),
        _ => Next::SomeAgain(again, after),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
