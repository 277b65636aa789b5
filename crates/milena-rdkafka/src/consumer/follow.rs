//! What is read follows what was selected, and which topics there are.

use super::{
    step::{Kind, Op},
    worker::Worker,
};
use crate::{error::error_or, native::Client};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::{Event, Selection},
};
use rdkafka::{TopicPartitionList, error::RDKafkaErrorCode as Code};
use std::{collections::BTreeSet, mem::discriminant, sync::Arc, time::Instant};

impl Worker {
    /// The runtime wants to read something else.
    pub(super) fn select(&mut self, selection: Selection) {
        if discriminant(&selection) != discriminant(&self.settings.selection) {
            let message = format!(
                "could not select other things for {}: topics stay topics, and partitions partitions",
                self.settings.whom()
            );
            return self.mailbox.tell(Event::Trouble(Error::new(ErrorKind::Config, message)));
        }
        self.topics.select(&selection);
        self.settings.selection = selection;
        self.follows = false;
    }

    /// Looks which topics there are, and sees to it that they are read.
    pub(super) fn follow(&mut self, now: Instant) {
        if let Some(verdicts) = self.topics.look(now) {
            self.follows = false;
            verdicts.into_iter().for_each(|verdict| self.judge(verdict));
        }
        if self.follows || self.failed {
            return;
        }
        if self.settings.is_manual {
            self.follow_partitions();
        } else {
            self.follow_topics();
        }
    }

    /// Waits for what the broker says of the topics first. librdkafka keeps it in mind then; were it to
    /// ask by itself, it would take partitions that are given up for lost, not to be committed.
    fn follow_topics(&mut self) {
        if !self.topics.is_answered() {
            return;
        }
        self.follows = true;
        let names = self.topics.names();
        if names == self.subscribed {
            return;
        }
        if let Err(error) = subscribe(&self.client, &names, &self.settings.whom()) {
            self.fail(error);
        }
        self.subscribed = names;
    }

    /// Gives and takes partitions as a group would, one thing after the other.
    fn follow_partitions(&mut self) {
        if !self.rebalance.is_settled() || self.starts.is_held() {
            return;
        }
        let wanted = self.topics.places();
        let gone: Vec<_> =
            self.rebalance.held().filter(|at| !wanted.contains(at)).cloned().collect();
        let come: Vec<_> = wanted.into_iter().filter(|at| !self.rebalance.has(at)).collect();
        let (kind, mut partitions) =
            if gone.is_empty() { (Kind::Assign, come) } else { (Kind::Revoke, gone) };
        if partitions.is_empty() {
            self.follows = true;
            return;
        }
        partitions.sort_by(|one, other| order(one).cmp(&order(other)));
        let steps = self.rebalance.on(Op { kind, partitions, eager: false });
        self.take(steps);
    }
}

/// Has the group's topics be these. Without any the member waits, and has nothing.
pub(super) fn subscribe(
    client: &Client,
    names: &BTreeSet<Arc<str>>,
    whom: &str,
) -> Result<(), Error> {
    let mut list = TopicPartitionList::with_capacity(names.len());
    for name in names {
        list.add_topic_unassigned(name);
    }
    let result: Result<(), Code> =
        if names.is_empty() { client.unsubscribe() } else { client.subscribe(&list) };
    result.map_err(|code| {
        error_or(ErrorKind::Config, &format!("subscribe {whom} to topics {names:?}"), code)
    })
}

fn order(at: &TopicPartition) -> (&str, i32) {
    (&at.topic, at.partition)
}
