use super::{
    conductor::Conductor,
    drain::{Drain, Drains, HASTE, Then},
    partition::Partition,
    rebalance::listed,
};
use crate::planted::{Bug, planted};
use milena_core::error::{Error, ErrorKind};
use std::time::Duration;
use tokio::time::Instant;

/// How long a consumer may take to leave its group: a JoinGroup on its way can hold it up for seconds.
const CLOSE_WITHIN: Duration = Duration::from_secs(8);

impl Conductor {
    /// Ends the group in good order, for this reason.
    pub(super) fn end(&mut self, reason: Result<(), Error>) {
        match &self.ending {
            // The first error is the reason; others follow from it, or come too late to matter.
            Some(Err(_)) => return,
            Some(Ok(())) if reason.is_ok() => return,
            Some(Ok(())) => {
                self.ending = Some(reason);
                return;
            }
            None => self.ending = Some(reason),
        }
        self.partitions.values_mut().for_each(Partition::end);
        if planted(Bug::LoseLastBatch) {
            self.partitions.values_mut().for_each(|it| it.offsets.give_up());
        }
        self.shared.clear();
        let places: Vec<_> = self.partitions.keys().cloned().collect();
        self.moves.give_up(&places);
        let within = (self.options.drain_timeout, self.options.listener_timeout);
        self.drains.add(Drain::new(places, Then::Close, within));
    }

    /// Ends the group without what needs the broker.
    pub(super) fn failed(&mut self, error: Error) {
        if !matches!(self.ending, Some(Err(_))) {
            self.ending = Some(Err(error));
        }
        self.partitions.values_mut().for_each(Partition::end);
        self.shared.clear();
        self.drains = Drains::default();
        self.close();
    }

    /// Leaves the group, whatever has not ended yet.
    pub(super) fn close(&mut self) {
        tracing::info!(group = %self.group, partitions = %listed(self.partitions.keys()), "leaving");
        let mut unfinished = Vec::new();
        for (place, mut partition) in std::mem::take(&mut self.partitions) {
            if !partition.assignment.is_quiet() {
                let offset = partition.offsets.committable().unwrap_or_default();
                unfinished.push(format!("{place}/{offset}"));
            }
            self.leave(&place, &mut partition);
        }
        if !unfinished.is_empty() && matches!(self.ending, Some(Ok(()))) {
            unfinished.sort_unstable();
            let limit = match self.drains.is_hurried() {
                true => "before the second signal".to_owned(),
                false => format!("within {:?}", self.options.drain_timeout),
            };
            let records = unfinished.join(", ");
            let message = format!(
                "could not finish {limit}: calls have not ended with the records {records}"
            );
            self.ending = Some(Err(Error::new(ErrorKind::Unfinished, message)));
        }
        let within = if self.drains.is_hurried() { HASTE } else { CLOSE_WITHIN };
        self.consumer.close(within);
        self.closing = Some(Instant::now() + 2 * within);
    }

    /// Waits for no call any more, and hardly for the broker.
    pub(super) fn hurry(&mut self) {
        self.drains.hurry();
        let soon = Instant::now() + HASTE;
        self.closing = self.closing.map(|until| until.min(soon));
    }

    /// Whether there is nothing left to wait for.
    pub(super) fn is_over(&mut self) -> bool {
        if self.closing.is_some_and(|until| Instant::now() >= until) {
            tracing::warn!(group = %self.group, "the consumer did not leave the group in time");
            self.closed = true;
        }
        self.closed
    }

    /// Says what the group did, in one line.
    pub(super) fn report(&mut self) {
        self.publish_metrics();
        let (it, topics) = (&self.counters, &self.meter.tallies);
        tracing::info!(
            group = %self.group,
            received = topics.sum(|it| &it.received),
            retried = topics.sum(|it| &it.retried),
            done = topics.sum(|it| &it.done),
            skipped = topics.sum(|it| &it.skipped),
            failed = topics.sum(|it| &it.failed),
            dead_lettered = topics.sum(|it| &it.dead_lettered),
            stale = it.stale.get(),
            late = it.late.get(),
            "left the group"
        );
    }
}
