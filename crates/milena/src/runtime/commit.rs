use super::{
    conductor::Conductor,
    drain::{Drain, Then},
    rebalance::listed,
};
use crate::{
    control::Reply,
    listener::Moment,
    planted::{Bug, planted},
};
use milena_core::{
    error::{Error, ErrorKind},
    record::{Epoch, TopicPartition},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How soon a commit that was refused for now is tried again at the end of a drain.
const AGAIN: Duration = Duration::from_millis(100);

/// Offsets of a commit, each under the assignment it belongs to.
pub(super) type Sent = Vec<(TopicPartition, Epoch, i64)>;

/// When to commit, and what is on its way. There is one commit at a time; the newest offsets win.
#[derive(Debug)]
pub(crate) struct Commits {
    interval: Duration,
    every: usize,
    due: Instant,
    settled: usize,
    sent: Option<Sent>,
    sent_at: Instant,
    /// Who wants a commit, and of which topics if not of all.
    asked: Vec<(Option<Vec<Arc<str>>>, Answer)>,
    /// Who waits for the one that is on its way.
    awaited: Vec<Answer>,
    /// What went wrong with one of the transactions under way.
    error: Option<Error>,
}

/// Where the outcome of a commit goes.
type Answer = Reply<Result<(), Error>>;

impl Commits {
    pub(crate) fn new(interval: Duration, every: usize) -> Self {
        let (sent_at, sent) = (Instant::now(), None);
        let due = sent_at + interval;
        Self {
            interval,
            every,
            due,
            settled: 0,
            sent,
            sent_at,
            asked: Vec::new(),
            awaited: Vec::new(),
            error: None,
        }
    }

    /// So many more records are settled.
    pub(crate) fn settled(&mut self, records: usize) {
        self.settled += records;
        if self.settled >= self.every {
            self.due = Instant::now();
        }
    }

    /// Whether a commit is to be sent now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.sent.is_none() && now >= self.due
    }

    /// When that is, if not for the commit on its way.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.sent.is_none().then_some(self.due)
    }

    /// Whether one is on its way.
    pub(crate) fn is_out(&self) -> bool {
        self.sent.is_some()
    }

    /// These offsets are on their way, or there was nothing to commit.
    pub(crate) fn sent(&mut self, offsets: Sent) {
        self.settled = 0;
        self.sent_at = Instant::now();
        self.due = self.sent_at + self.interval;
        self.sent = Some(offsets).filter(|offsets| !offsets.is_empty());
    }

    /// Whether somebody wants one, and none is on its way.
    fn is_asked(&self) -> bool {
        self.sent.is_none() && !self.asked.is_empty()
    }

    /// A commit is to be sent as soon as there is something to commit.
    pub(crate) fn hasten(&mut self) {
        self.due = Instant::now();
    }

    /// A transaction under way ended, with this error if it failed.
    pub(crate) fn transacted(&mut self, error: Option<Error>) {
        self.error = self.error.take().or(error);
    }

    /// How the transactions ended that were under way.
    pub(crate) fn outcome(&mut self) -> Result<(), Error> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// The answer came; these offsets were on their way.
    pub(crate) fn answered(&mut self) -> Sent {
        self.sent.take().unwrap_or_default()
    }
}

impl Conductor {
    /// Takes what is under way as far as it goes without waiting.
    pub(super) fn progress(&mut self) {
        let now = Instant::now();
        while let Some(drain) = self.drains.front() {
            let quiet = drain.places.iter().all(|place| self.is_quiet(place));
            let over = drain.is_over(now);
            if (!quiet && now < drain.deadline) || (self.commits.is_out() && !over) {
                break;
            }
            let (places, again) = (drain.places.clone(), drain.again);
            let told = drain.told.is_some();
            if told && !drain.heard {
                break;
            }
            let offsets = if over || told {
                Vec::new()
            } else {
                self.uncommitted(|place| places.contains(place))
            };
            if offsets.is_empty() {
                self.drained();
            } else if again.is_none_or(|again| now >= again) {
                self.commit(offsets);
            } else {
                break;
            }
        }
        if self.closing.is_none() && self.commits.is_asked() {
            self.commit_for_askers();
        }
        if self.closing.is_none() && self.commits.is_due(now) {
            let offsets = self.uncommitted(|_| true);
            self.commit(offsets);
        }
    }

    /// Somebody wants a commit, of these topics or of all.
    pub(super) fn commit_asked(&mut self, topics: Option<Vec<Arc<str>>>, answer: Answer) {
        if self.commits_at_all {
            self.commits.asked.push((topics, answer));
        } else {
            let message = "could not commit: the router has no group";
            // Who asked may have gone.
            let _ = answer.send(Err(Error::new(ErrorKind::Config, message)));
        }
    }

    /// Commits what was asked for, for all who asked by now.
    fn commit_for_askers(&mut self) {
        let asked = std::mem::take(&mut self.commits.asked);
        let wanted = |place: &TopicPartition| {
            asked.iter().any(|(topics, _)| {
                topics.as_ref().is_none_or(|topics| topics.contains(&place.topic))
            })
        };
        let offsets = self.uncommitted(wanted);
        let answers = asked.into_iter().map(|(_, answer)| answer);
        if offsets.is_empty() {
            answers.for_each(|answer| drop(answer.send(Ok(()))));
        } else {
            self.commits.awaited.extend(answers);
            self.commit(offsets);
        }
    }

    /// What is settled and not committed, under live epochs: the broker does not check who owns a partition.
    fn uncommitted(&mut self, mut of: impl FnMut(&TopicPartition) -> bool) -> Sent {
        if self.once.is_some() {
            return self.planned(of);
        }
        let at_all = self.commits_at_all;
        let partitions = self.partitions.iter_mut().filter(|(place, _)| at_all && of(place));
        let offset = |(place, partition): (&TopicPartition, &mut super::partition::Partition)| {
            let offset = partition.offsets.uncommitted()?;
            Some((place.clone(), partition.assignment.epoch, offset))
        };
        partitions.filter_map(offset).collect()
    }

    fn commit(&mut self, offsets: Sent) {
        if self.once.is_some() {
            self.transact(&offsets);
        }
        if !offsets.is_empty() && (self.once.is_none() || planted(Bug::OffsetsOutside)) {
            let plain = offsets.iter().map(|(place, _, offset)| (place.clone(), *offset)).collect();
            self.consumer.commit(plain);
        }
        if let Some(drain) = self.drains.front_mut() {
            drain.again = None;
        }
        self.commits.sent(offsets);
    }

    pub(super) fn committed(&mut self, result: Result<(), Error>) {
        let (sent, now) = (self.commits.answered(), Instant::now());
        if result.is_ok() {
            for (place, epoch, offset) in sent {
                self.partition(&place, epoch).into_iter().for_each(|it| {
                    it.offsets.committed(offset);
                    it.watch.committed(now);
                });
            }
        }
        self.commit_ended(result);
    }

    /// The commit that was on its way ended so; tells who waits for it.
    pub(super) fn commit_ended(&mut self, result: Result<(), Error>) {
        self.commits.answered();
        self.meter_commit(self.commits.sent_at.elapsed(), result.is_ok());
        for answer in self.commits.awaited.drain(..) {
            let _ = answer.send(told_again(&result));
        }
        let Err(error) = result else { return };
        let again = matches!(
            error.kind(),
            ErrorKind::Rebalancing | ErrorKind::Unreachable | ErrorKind::TimedOut
        );
        tracing::warn!(group = %self.group, %error, again, "a commit was refused");
        if let Some(drain) = self.drains.front_mut() {
            drain.again = Some(Instant::now() + AGAIN);
            drain.gave_up |= !again;
        }
    }

    fn is_quiet(&self, place: &TopicPartition) -> bool {
        self.partitions.get(place).is_none_or(|partition| partition.assignment.is_quiet())
    }

    /// The first drain is done, but for listeners, who are told now.
    fn drained(&mut self) {
        if self.is_heard()
            && let Some(drain) = self.drains.front()
            && drain.told.is_none()
            && !(drain.places.is_empty() || drain.listener_within.is_zero())
        {
            let within = drain.listener_within.min(self.options.listener_timeout);
            let epoch =
                |at: &TopicPartition| Some((at.clone(), self.partitions.get(at)?.assignment.epoch));
            let told: Vec<_> = drain.places.iter().filter_map(epoch).collect();
            let call = self.tell(Moment::Revoked, told, within);
            self.drains.front_mut().into_iter().for_each(|drain| drain.told = Some(call));
            return;
        }
        match self.drains.pop() {
            Some(Drain { then: Then::Release, places, began, .. }) => {
                self.meter_rebalance("revoked", began);
                places.iter().for_each(|place| self.forget(place));
                tracing::info!(group = %self.group, partitions = %listed(&places), "released");
                self.consumer.release(places);
            }
            Some(Drain { then: Then::Close, .. }) => self.close(),
            None => {}
        }
    }
}

/// The same outcome for somebody else.
fn told_again(result: &Result<(), Error>) -> Result<(), Error> {
    match result {
        Ok(()) => Ok(()),
        Err(error) => Err(Error::new(error.kind(), error.to_string())),
    }
}
