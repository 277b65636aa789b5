use super::{
    EVERY,
    series::{Labels, Series},
    table::{self, HOLDING, LAG},
};
use crate::runtime::{
    conductor::Conductor,
    counters::{Tallies, Tally},
    partition::Partition,
};
use milena_core::record::TopicPartition;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// When a group publishes its metrics again, and what it counts for each topic.
#[derive(Debug)]
pub(in crate::runtime) struct Meter {
    due: Instant,
    /// Of its group.
    labels: Labels,
    pub(in crate::runtime) tallies: Tallies,
}

impl Meter {
    pub(in crate::runtime) fn new(labels: Labels) -> Self {
        table::describe();
        Self { due: Instant::now() + EVERY, labels, tallies: Tallies::default() }
    }

    /// What is counted of this topic.
    pub(in crate::runtime) fn tally(&mut self, topic: &Arc<str>) -> Arc<Tally> {
        self.tallies.of(topic, &self.labels)
    }

    pub(in crate::runtime) fn gauges(&self, at: &TopicPartition) -> PartitionGauges {
        let topic = self.labels.and("topic", at.topic.clone());
        let labels = topic.and("partition", at.partition.to_string());
        PartitionGauges { lag: LAG.of(&labels), holding: HOLDING.of(&labels) }
    }

    pub(in crate::runtime) fn due(&self) -> Instant {
        self.due
    }
}

/// The gauges of a partition.
#[derive(Debug)]
pub(in crate::runtime) struct PartitionGauges {
    lag: Series,
    holding: Series,
}

impl PartitionGauges {
    /// The record that holds the partition back, or -1 when none does.
    pub(in crate::runtime) fn holding(&self, offset: Option<i64>) {
        self.holding.set(offset.unwrap_or(-1) as f64);
    }

    /// The partition is not this member's any more, so there is nothing to say of it.
    pub(in crate::runtime) fn clear(&self) {
        self.lag.set(0.0);
        self.holding(None);
    }
}

/// What is in work of a topic.
#[derive(Default)]
struct Standing {
    in_flight: usize,
    waiting: (usize, usize),
}

impl Conductor {
    /// Publishes what was counted, if it is time to.
    pub(in crate::runtime) fn meter(&mut self, now: Instant) {
        if now >= self.meter.due {
            self.meter.due = now + EVERY;
            self.publish_metrics();
        }
    }

    pub(in crate::runtime) fn publish_metrics(&mut self) {
        self.publish_topics();
        self.publish_group();
        self.publish_replies();
        for (_, subscription) in self.subscriptions.iter() {
            subscription.breaker.publish();
        }
    }

    /// The broker answered a commit, so long after it was sent.
    pub(in crate::runtime) fn meter_commit(&self, took: Duration, is_ok: bool) {
        let it = &self.counters;
        if is_ok { &it.commits } else { &it.refused_commits }.add(1);
        table::COMMIT_SECONDS.of(&self.meter.labels).record(took.as_secs_f64(), 1);
    }

    /// A change of the assignment that began then is answered.
    pub(in crate::runtime) fn meter_rebalance(&self, kind: &'static str, began: Instant) {
        let labels = self.meter.labels.and("kind", kind);
        table::REBALANCE_SECONDS.of(&labels).record(began.elapsed().as_secs_f64(), 1);
    }

    fn publish_topics(&mut self) {
        let mut standing: HashMap<Arc<str>, Standing> = HashMap::new();
        for (place, partition) in &mut self.partitions {
            partition.publish_gauges();
            partition.offsets.count();
            let topic = standing.entry(place.topic.clone()).or_default();
            topic.in_flight += partition.offsets.in_flight();
            let (records, bytes) = partition.assignment.waiting();
            topic.waiting.0 += records;
            topic.waiting.1 += bytes;
        }
        for tally in self.meter.tallies.iter() {
            let standing = standing.remove(&tally.topic).unwrap_or_default();
            table::IN_FLIGHT.set(standing.in_flight as f64, &tally.labels);
            table::BUFFER_RECORDS.set(standing.waiting.0 as f64, &tally.labels);
            table::BUFFER_BYTES.set(standing.waiting.1 as f64, &tally.labels);
            tally.publish();
        }
    }

    fn publish_group(&self) {
        let (it, group) = (&self.counters, &self.meter.labels);
        table::STALE.tell(&it.stale, group);
        table::LATE.tell(&it.late, group);
        table::OVERLAPS.tell(&it.overlaps, group);
        table::RESETS.tell(&it.resets, group);
        table::LISTENER_FAILURES.tell(&it.listener_failures, group);
        table::ANSWERS_FAILED.tell(&it.answers_failed, group);
        table::BARKS.tell(&it.barks, group);
        table::COMMITS.tell(&it.commits, &group.and("result", "ok"));
        table::COMMITS.tell(&it.refused_commits, &group.and("result", "refused"));
        if self.once.is_some() {
            table::TRANSACTIONS.tell(&it.transactions, &group.and("result", "committed"));
            table::TRANSACTIONS.tell(&it.aborted_transactions, &group.and("result", "aborted"));
            table::SESSIONS.tell(&it.sessions, group);
        }
        table::REBALANCES.tell(&it.assignments, &group.and("kind", "assigned"));
        table::REBALANCES.tell(&it.revocations, &group.and("kind", "revoked"));
        table::REBALANCES.tell(&it.losses, &group.and("kind", "lost"));
        let held_back = self.partitions.values().filter(|it| it.held_back.is_any()).count();
        let flowing = self.partitions.len() - held_back;
        table::PARTITIONS.set(flowing as f64, &group.and("state", "flowing"));
        table::PARTITIONS.set(held_back as f64, &group.and("state", "held_back"));
    }

    fn publish_replies(&self) {
        let (group, budget) = (&self.meter.labels, self.subscriptions.budget());
        let ((replies, bytes), ratio) = budget.used();
        table::REPLIES.set(replies as f64, group);
        table::REPLY_BYTES.set(bytes as f64, group);
        table::REPLY_RATIO.set(ratio, group);
    }
}

impl Partition {
    /// How far it is behind its end, where that is known, and what holds it back.
    fn publish_gauges(&mut self) {
        let holding = self.holding();
        self.gauges.holding(holding);
        let done = self.offsets.committable().or(self.began);
        if let (Some(end), Some(done)) = (self.end_offset, done) {
            self.gauges.lag.set((end - done).max(0) as f64);
        }
    }
}

impl Tally {
    fn publish(&self) {
        let topic = &self.labels;
        table::RECEIVED.tell(&self.received, topic);
        table::RECEIVED_BYTES.tell(&self.received_bytes, topic);
        table::RETRIED.tell(&self.retried, topic);
        for (outcome, counter) in [
            ("done", &self.done),
            ("skipped", &self.skipped),
            ("failed", &self.failed),
            ("dead_lettered", &self.dead_lettered),
            ("stopped", &self.stopped),
            ("dropped", &self.dropped),
        ] {
            table::SETTLED.tell(counter, &topic.and("outcome", outcome));
        }
        for (kind, counter) in [
            ("refused", &self.failures.refused),
            ("error", &self.failures.error),
            ("timeout", &self.failures.timeout),
            ("panic", &self.failures.panic),
            ("late", &self.failures.late),
        ] {
            table::FAILURES.tell(counter, &topic.and("kind", kind));
        }
    }
}
