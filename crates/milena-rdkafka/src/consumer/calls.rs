//! What is told to the runtime, and to librdkafka.

use super::{
    partitions::list_at,
    starts::Kind,
    step::{Call, Notice, SUPERSEDED, Step},
    worker::Worker,
};
use crate::error::error;
use milena_core::{record::TopicPartition, transport::Event};
use rdkafka::{TopicPartitionList, error::RDKafkaErrorCode as Code};
use std::{collections::HashMap, time::Instant};

impl Worker {
    /// Takes steps of a rebalance.
    pub(super) fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Tell(ticket, notice) => self.mailbox.tell_with(ticket, self.event(notice)),
                Step::End(partitions) => {
                    self.partitions.end(&partitions);
                    self.starts.end(&partitions);
                    self.mailbox.withdraw(&partitions);
                }
                Step::Withdraw(partitions) => self.mailbox.withdraw(&partitions),
                Step::Move(moves) => {
                    let now = Instant::now();
                    let waiting = self.partitions.go_to(&moves, now);
                    self.starts.begin_at(waiting);
                    self.partitions.seek(now);
                    self.ids.look_soon();
                }
                Step::Call(call) => self.call(&call),
            }
        }
    }

    fn event(&self, notice: Notice) -> Event {
        match notice {
            Notice::Assigned(partitions) => Event::Assigned(partitions),
            // The other half is what is left for being late.
            Notice::Revoked(partitions) => {
                Event::Revoked(partitions, self.settings.max_poll_interval / 2)
            }
            Notice::Lost(partitions, why) => {
                let (group, partitions_lost) = (self.settings.group(), partitions.len());
                if why == SUPERSEDED {
                    tracing::warn!(
                        group,
                        partitions_lost,
                        "partitions may be worked on twice for a while: {why}"
                    );
                } else {
                    tracing::info!(group, partitions_lost, "lost partitions: {why}");
                }
                Event::Lost(partitions)
            }
            Notice::Moved((at, epoch, offset)) => Event::Moved(at, epoch, offset),
            Notice::Reset(partition, from, to) => Event::Reset { partition, from, to },
        }
    }

    fn call(&mut self, call: &Call) {
        let result = match call {
            Call::Assign { partitions, eager } => {
                self.answer_held();
                let now = Instant::now();
                self.partitions.add(partitions, now);
                self.ids.look_soon();
                self.starts.hold(partitions, if *eager { Kind::Whole } else { Kind::Added }, now);
                if self.rebalance.is_closing() {
                    self.answer_held();
                }
                return self.begin(now);
            }
            Call::Unassign(partitions) => {
                self.answer_held();
                self.client.incremental_unassign(&list(&self.starts.take_back(partitions)))
            }
            Call::UnassignAll => {
                self.starts.clear();
                self.client.assign(None)
            }
        };
        self.told(result);
    }

    /// Has librdkafka read what it is known of where it begins.
    pub(super) fn begin(&mut self, now: Instant) {
        if let Some((kind, starts)) = self.starts.take(now, self.rebalance.is_settled()) {
            self.begin_at(kind, &starts, now);
        }
    }

    /// Has librdkafka begin again what it has given up. It would take that for an answer to what it asks.
    pub(super) fn restart(&mut self, now: Instant) {
        let is_asked = !self.rebalance.is_settled() || self.starts.is_held();
        if is_asked || !self.partitions.is_restarting() {
            return;
        }
        let eager = self.is_eager();
        let starts = self.partitions.restart(eager, now);
        let all = list_at(&starts);
        let result = if eager {
            self.client.assign(Some(&all))
        } else {
            self.client
                .incremental_unassign(&all)
                .and_then(|()| self.client.incremental_assign(&all))
        };
        self.partitions.restarted(&starts, now);
        self.told(result);
    }

    /// Answers what librdkafka waits for, with what is known.
    pub(super) fn answer_held(&mut self) {
        if let Some((kind, starts)) = self.starts.take_held() {
            self.begin_at(Some(kind), &starts, Instant::now());
        }
    }

    fn begin_at(
        &mut self,
        kind: Option<Kind>,
        starts: &HashMap<TopicPartition, i64>,
        now: Instant,
    ) {
        let begun = self.partitions.begin(starts, now);
        let result = match kind {
            Some(Kind::Whole) => self.client.assign(Some(&list_at(&begun))),
            Some(Kind::Added) => self.client.incremental_assign(&list_at(&begun)),
            None if begun.is_empty() => Ok(()),
            None if self.is_eager() => {
                let all = self.partitions.restart(true, now);
                let result = self.client.assign(Some(&list_at(&all)));
                self.partitions.restarted(&all, now);
                result
            }
            None => self.client.incremental_assign(&list_at(&begun)),
        };
        self.told(result);
    }

    /// Whether librdkafka takes assignments as a whole only.
    pub(super) fn is_eager(&self) -> bool {
        !self.settings.is_manual && !self.client.is_cooperative()
    }

    /// librdkafka stands still when it refuses an answer.
    fn told(&mut self, result: Result<(), Code>) {
        if let Err(code) = result {
            let what = format!("tell librdkafka what to read for {}", self.settings.whom());
            self.fail(error(&what, code));
        }
    }
}

fn list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for at in partitions {
        list.add_partition(&at.topic, at.partition);
    }
    list
}
