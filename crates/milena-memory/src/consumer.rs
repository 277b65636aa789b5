use crate::{
    Memory,
    group::{Group, GroupId},
    lookup::MemoryLookup,
    terms::isolation,
    topics::Topics,
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::{
        BoxFuture, Consumer, Event, GroupMetadata, IsolationLevel, Lookup, Membership, Selection,
    },
};
use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A member's own end: the broker knows everything else. Dropping it leaves the group.
pub(crate) struct MemoryConsumer {
    memory: Memory,
    group: GroupId,
    level: IsolationLevel,
    /// Its number in the group, unless it failed to join or has left.
    member: Option<u64>,
    /// What it is told when it is no member.
    news: VecDeque<Event>,
    closed: bool,
    /// Who waits while it is no member.
    waker: Option<Waker>,
}

impl MemoryConsumer {
    pub(crate) fn new(memory: Memory, membership: Membership) -> Self {
        let level = isolation(&membership.config).unwrap_or_default();
        let (group, joined) = memory.with(|broker| {
            let group = membership.group.clone().map(GroupId::Named);
            let group = group.unwrap_or_else(|| GroupId::Alone(broker.new_id()));
            let joined = broker.join(&group, membership);
            (group, joined)
        });
        let (member, news) = match joined {
            Ok(id) => (Some(id), VecDeque::new()),
            Err(error) => (None, VecDeque::from([Event::Failed(error)])),
        };
        Self { memory, group, level, member, news, closed: false, waker: None }
    }

    /// Does something in the group. Whoever waits for an event looks again.
    fn act(&self, act: impl FnOnce(&mut Group, u64, &Topics)) {
        let Some(id) = self.member else { return };
        let waker = self.memory.with(|broker| {
            broker.in_group(&self.group, |group, world| {
                act(group, id, world.topics);
                group.take_waker(id)
            })
        });
        waker.into_iter().for_each(Waker::wake);
    }

    /// Answers the commit of one that failed; behind `Closed` comes nothing.
    fn refuse_commit(&mut self) {
        if !self.closed {
            let message = "could not commit: the consumer has not joined, or is fenced".to_owned();
            self.tell(Event::Committed(Err(Error::new(ErrorKind::Fenced, message))));
        }
    }

    fn tell(&mut self, event: Event) {
        self.news.push_back(event);
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    fn leave(&mut self) {
        let Some(id) = self.member.take() else { return };
        let left = self.memory.with(|broker| broker.leave(&self.group, id));
        if let Some((answers, waker)) = left {
            self.news.extend(answers);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl Consumer for MemoryConsumer {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(event) = self.news.pop_front() {
            return Poll::Ready(event);
        }
        let Some(id) = self.member else {
            self.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        // The old waker is dropped when the lock is free: that may drop a whole task.
        let event = self.memory.with(|broker| broker.next_event(&self.group, id, cx.waker()));
        event.map_or(Poll::Pending, Poll::Ready)
    }

    fn assign(&mut self, partitions: Vec<(TopicPartition, Option<i64>)>) {
        self.act(|group, id, topics| group.assign(id, partitions, topics));
    }

    fn release(&mut self, partitions: Vec<TopicPartition>) {
        self.act(|group, id, _| group.release(id, &partitions));
    }

    fn commit(&mut self, offsets: Vec<(TopicPartition, i64)>) {
        let Some(id) = self.member else { return self.refuse_commit() };
        let waker = self.memory.with(|broker| broker.commit(&self.group, id, &offsets));
        waker.into_iter().for_each(Waker::wake);
    }

    fn group_metadata(
        &mut self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'static, Result<GroupMetadata, Error>> {
        // A member that is gone has a number that nobody has.
        let id = self.member.unwrap_or_default();
        let identity = self.memory.with(|broker| {
            broker.in_group(&self.group, |group, _| group.identify(id, &partitions))
        });
        Box::pin(std::future::ready(identity.map(GroupMetadata::new)))
    }

    fn seek(&mut self, to: Vec<(TopicPartition, i64)>) {
        self.act(|group, id, _| group.seek(id, to));
    }

    fn select(&mut self, selection: Selection) {
        let Some(id) = self.member else { return };
        self.memory.with(|broker| broker.select(&self.group, id, selection));
    }

    fn lookup(&self) -> Arc<dyn Lookup> {
        Arc::new(MemoryLookup::new(self.memory.clone(), self.group.clone(), self.level))
    }

    fn park(&mut self, partition: &TopicPartition) {
        self.act(|group, id, _| group.park(id, partition, true));
    }

    fn unpark(&mut self, partition: &TopicPartition) {
        self.act(|group, id, _| group.park(id, partition, false));
    }

    fn close(&mut self, _within: Duration) {
        if !std::mem::replace(&mut self.closed, true) {
            self.leave();
            self.tell(Event::Closed);
        }
    }
}

impl Drop for MemoryConsumer {
    fn drop(&mut self) {
        self.leave();
    }
}
