use super::{
    generation,
    lookup::Lookups,
    mailbox::{Command, Mailbox},
    step::Ticket,
};
use crate::promise::promise;
use milena_core::{
    error::Error,
    record::TopicPartition,
    transport::{BoxFuture, Consumer, Event, GroupMetadata, Lookup, Selection},
};
use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// How long a consumer that is dropped may take to leave its group; nobody waits for it.
const LEAVE: Duration = Duration::from_secs(10);

/// The handle of a consumer; its thread does the work.
pub(super) struct Member {
    mailbox: Arc<Mailbox>,
    lookups: Arc<Lookups>,
    /// The last news that the runtime was told.
    seen: Ticket,
    closing: bool,
}

impl Member {
    pub(super) fn new(mailbox: Arc<Mailbox>, lookups: Lookups) -> Self {
        Self { mailbox, lookups: Arc::new(lookups), seen: 0, closing: false }
    }
}

impl Consumer for Member {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.mailbox.poll(cx).map(|(ticket, event)| {
            self.seen = self.seen.max(ticket);
            event
        })
    }

    fn assign(&mut self, partitions: Vec<(TopicPartition, Option<i64>)>) {
        self.mailbox.send(Command::Assign(self.seen, partitions));
    }

    fn release(&mut self, partitions: Vec<TopicPartition>) {
        self.mailbox.send(Command::Release(self.seen, partitions));
    }

    fn commit(&mut self, offsets: Vec<(TopicPartition, i64)>) {
        self.mailbox.send(Command::Commit(self.seen, offsets));
    }

    fn group_metadata(
        &mut self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'static, Result<GroupMetadata, Error>> {
        let (promise, answer) = promise();
        self.mailbox.send(Command::Generation(self.seen, partitions, promise));
        Box::pin(async { answer.await.unwrap_or_else(|| Err(generation::too_late())) })
    }

    fn seek(&mut self, to: Vec<(TopicPartition, i64)>) {
        self.mailbox.send(Command::Seek(to));
    }

    fn select(&mut self, selection: Selection) {
        self.mailbox.send(Command::Select(selection));
    }

    fn lookup(&self) -> Arc<dyn Lookup> {
        self.lookups.clone()
    }

    fn park(&mut self, partition: &TopicPartition) {
        self.mailbox.send(Command::Park(partition.clone(), true));
    }

    fn unpark(&mut self, partition: &TopicPartition) {
        self.mailbox.send(Command::Park(partition.clone(), false));
    }

    fn close(&mut self, within: Duration) {
        if !std::mem::replace(&mut self.closing, true) {
            self.mailbox.close(within);
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.close(LEAVE);
    }
}
