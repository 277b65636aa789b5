use super::{
    Note, Work,
    acks::Acks,
    answers,
    dead_letter::{self, Why},
    outcomes, replies,
};
use crate::{
    planted::{Bug, planted},
    route::Failure,
    subscriber::{DeadLetters, Failing},
};
use milena_core::{
    error::{Error, ErrorKind},
    handler::{Decision, Outcome},
};
use std::{borrow::Cow, ops::ControlFlow, sync::Arc, time::Duration};

/// The target of log lines that tell of one record each, so that they can be filtered.
pub(super) const RECORDS: &str = "milena::record";

/// A record of a chunk in work.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) work: Arc<Work>,
    pub(crate) index: u32,
}

/// What a lane does behind a call.
#[derive(Debug)]
pub(crate) enum Next {
    /// The next record.
    Onward,
    /// The same again, after this time.
    Again(Duration),
    /// Of a batch those at these places again, after this time.
    SomeAgain(Vec<usize>, Duration),
    /// Nothing: the service stops, or the partition is no longer ours.
    Stop,
}

/// Does what the end of a call asks for; nothing here waits for the broker's answer.
pub(crate) async fn settle(items: &[Item], attempt: u32, result: Result<Outcome, Failure>) -> Next {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(failure) => return failed(items, attempt, &failure).await,
    };
    match outcome {
        Outcome { decision: Decision::OfEach(each), records } => {
            outcomes::settle(items, attempt, each, records).await
        }
        outcome => obey(items, attempt, outcome).await,
    }
}

/// Does what an outcome asks for, which is one for all these records.
pub(super) async fn obey(items: &[Item], attempt: u32, outcome: Outcome) -> Next {
    if let Decision::RetryAfter(delay) = outcome.decision {
        void_acks(items);
        return Next::Again(delay);
    }
    let items = match acknowledged(items, attempt).await {
        Ok(items) => items,
        Err(next) => return next,
    };
    if replies::publish(&items, outcome.records).await.is_break() {
        return Next::Stop;
    }
    for item in &*items {
        if item.decided(attempt, &outcome.decision).await.is_break() {
            return Next::Stop;
        }
    }
    Next::Onward
}

/// The records of a call that ended well but for those whose `Ack` failed while it ran: for them the
/// call failed. In a batch such a record fails alone.
async fn acknowledged(items: &[Item], attempt: u32) -> Result<Cow<'_, [Item]>, Next> {
    if !items.iter().any(|item| item.work.acks.in_use()) {
        return Ok(items.into());
    }
    let mut good = Vec::with_capacity(items.len());
    for item in items {
        let Some(error) = item.work.acks.returned(item.index) else {
            good.push(item.clone());
            continue;
        };
        let failure = Failure::Failed(error.into());
        if items.len() == 1 {
            return Err(failed(items, attempt, &failure).await);
        }
        Acks::void(&item.work, item.index);
        if item.fail(attempt, &failure).await.is_break() {
            return Err(Next::Stop);
        }
    }
    Ok(good.into())
}

/// What comes of a failed call: another one, or the end of the policy.
pub(super) async fn failed(items: &[Item], attempt: u32, failure: &Failure) -> Next {
    void_acks(items);
    let [first, ..] = items else { return Next::Onward };
    let subscription = &first.work.subscription;
    first.work.tally().failures.of(failure).add(1);
    if let Some(delay) = first.again(attempt, failure) {
        first.work.tally().retried.add(items.len());
        tracing::info!(
            target: RECORDS, group = %subscription.group, record = first.name(), records = items.len(), attempt, ?delay, error = %failure,
            "a call failed and will be tried again"
        );
        return Next::Again(delay);
    }
    for item in items {
        if item.fail(attempt, failure).await.is_break() {
            return Next::Stop;
        }
    }
    Next::Onward
}

fn void_acks(items: &[Item]) {
    items.iter().for_each(|item| Acks::void(&item.work, item.index));
}

/// A reply or an `Ack` failed behind the end of its call. The lane is further on, so there is no retry.
pub(crate) fn late_failure(work: &Work, index: u32, error: Error) {
    // Behind the end of the partition it is not ours to fail: whoever reads it next will see.
    let Some(work) = work.this().filter(|work| work.assignment.is_live()) else { return };
    let busy = work.assignment.busy();
    work.subscription.handle.clone().spawn(async move {
        let attempt = work.attempts(index);
        let item = Item { work, index };
        item.work.tally().failures.late.add(1);
        // Broken off or not, there is no lane to stop.
        let _ = item.fail(attempt, &Failure::Failed(error.into())).await;
        drop(busy);
    });
}

impl Item {
    /// Where the record stands, for a message.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.work.assignment.place, self.work.offset(self.index as usize))
    }

    /// How long to wait before another call behind this failure, if there is to be one.
    fn again(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        let retry = &self.work.subscription.policy.retry;
        let refused = matches!(failure, Failure::Refused(_));
        if refused || !retry.takes(failure.error()) {
            return None;
        }
        let delay = retry.delay(attempt, self.work.elapsed(self.index))?;
        Some(if planted(Bug::RetryAtOnce) { Duration::ZERO } else { delay })
    }

    /// Obeys a decision. The hold of the call is given back when nothing more is to come of it here.
    async fn decided(&self, attempt: u32, decision: &Decision) -> ControlFlow<()> {
        match decision {
            Decision::Done => {
                self.work.succeeded(self.index);
                self.work.release(self.index);
            }
            Decision::Skip(why) => {
                self.work.set_aside(&self.work.tally().skipped);
                tracing::debug!(target: RECORDS, group = %self.work.subscription.group, record = self.name(), why, "a record was skipped");
                answers::fail(self, why).await?;
                self.work.succeeded(self.index);
                self.work.release(self.index);
            }
            Decision::DeadLetter(why) => {
                let Failing::DeadLetter(letters) = &self.work.subscription.policy.failing else {
                    return self.stop(
                        attempt,
                        &format!(
                            "{why} (a dead letter, but its subscription has no topic for them)"
                        ),
                    );
                };
                return self.dead_letter(letters, attempt, Why::Decided(why)).await;
            }
            Decision::Stop(why) => return self.stop(attempt, why),
            other => return self.stop(attempt, &format!("no such decision is known: {other:?}")),
        }
        ControlFlow::Continue(())
    }

    /// The end of the policy for a record that failed for good.
    pub(crate) async fn fail(&self, attempt: u32, failure: &Failure) -> ControlFlow<()> {
        let subscription = &self.work.subscription;
        match &subscription.policy.failing {
            Failing::Stop => self.stop(attempt, &failure.to_string()),
            Failing::DeadLetter(letters) => {
                self.dead_letter(letters, attempt, Why::Failed(&failure.to_string())).await
            }
            Failing::Skip => {
                self.work.set_aside(&self.work.tally().failed);
                tracing::warn!(target: RECORDS, group = %subscription.group, record = self.name(), attempt, error = %failure, "a record failed and was skipped");
                answers::fail(self, &failure.to_string()).await?;
                self.work.failed(self.index, &failure.to_string());
                self.work.release(self.index);
                ControlFlow::Continue(())
            }
        }
    }

    async fn dead_letter(
        &self,
        letters: &DeadLetters,
        attempt: u32,
        why: Why<'_>,
    ) -> ControlFlow<()> {
        let (record, topic) = (self.name(), letters.of(&self.work.assignment.place.topic));
        let group = &self.work.subscription.group;
        match why {
            Why::Failed(error) => {
                tracing::warn!(target: RECORDS, %group, record, attempt, error, %topic, "a record failed and becomes a dead letter");
            }
            Why::Decided(reason) => {
                tracing::debug!(target: RECORDS, %group, record, attempt, reason, %topic, "a record is to be a dead letter");
            }
        }
        let (Why::Failed(text) | Why::Decided(text)) = why;
        self.work.failed(self.index, text);
        dead_letter::send(self, topic, attempt, why).await?;
        answers::fail(self, text).await?;
        self.work.release(self.index);
        ControlFlow::Continue(())
    }

    /// Stops the service before this record, which stays unsettled.
    fn stop(&self, attempt: u32, why: &str) -> ControlFlow<()> {
        let calls = if attempt == 1 { "1 call" } else { &format!("{attempt} calls") };
        let message = format!("could not process record {} in {calls}: {why}", self.name());
        if self.work.assignment.is_live() {
            self.work.stopped();
            if planted(Bug::AdvanceOverFailed) {
                self.work.release(self.index);
            }
            self.work.assignment.note(Note::Failed(Error::new(ErrorKind::Record, message)));
        }
        ControlFlow::Break(())
    }
}
