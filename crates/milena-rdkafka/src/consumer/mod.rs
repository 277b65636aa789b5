//! A member of a consumer group: a thread that polls librdkafka, and the handle the runtime has of it.

mod bell;
mod close;
mod commit;
mod mailbox;
mod partitions;
mod read;
mod rebalance;
mod records;
mod step;
mod topics;
mod trouble;
mod worker;

use self::{
    mailbox::{Command, Mailbox},
    step::Ticket,
    worker::Worker,
};
use crate::{
    error::{error_or, refused},
    native::Client,
    options::{self, Options},
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::{Consumer, Event, Membership},
};
use rdkafka::{ClientConfig, TopicPartitionList};
use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// How long a consumer that is dropped may take to leave its group; nobody waits for it.
const LEAVE: Duration = Duration::from_secs(10);

/// Begins to join a group.
pub(crate) fn join(
    options: &Options,
    brokers: &str,
    membership: &Membership,
) -> Result<Box<dyn Consumer>, Error> {
    let config = options.consumer(brokers, group(membership), &membership.start)?;
    let settings = Settings::new(&config, brokers, membership)?;
    let mailbox = Arc::new(Mailbox::default());
    let bell = mailbox.clone();
    let client = Arc::new(Client::consumer(&config, move || bell.bell.ring())?);
    subscribe(&client, membership)?;
    Worker::start(client, mailbox.clone(), settings)?;
    Ok(Box::new(Member { mailbox, seen: 0, closing: false }))
}

/// What the thread knows of its membership.
pub(super) struct Settings {
    pub(super) group: Arc<str>,
    pub(super) topics: Vec<Arc<str>>,
    pub(super) brokers: String,
    pub(super) max_poll_interval: Duration,
    /// Whether it is a member under `group.protocol=consumer`.
    pub(super) names_itself: bool,
    /// Whether the group keeps its place for it while it is away.
    pub(super) is_static: bool,
}

impl Settings {
    fn new(config: &ClientConfig, brokers: &str, membership: &Membership) -> Result<Self, Error> {
        let interval = config
            .create_native_config()
            .and_then(|native| native.get("max.poll.interval.ms"))
            .map_err(|error| refused(&error))?;
        Ok(Self {
            group: group(membership).into(),
            topics: topics(membership).to_vec(),
            brokers: brokers.to_owned(),
            max_poll_interval: Duration::from_millis(interval.parse().unwrap_or(300_000)),
            names_itself: options::by_broker(config),
            is_static: config.get("group.instance.id").is_some_and(|id| !id.is_empty()),
        })
    }
}

fn subscribe(client: &Client, membership: &Membership) -> Result<(), Error> {
    let mut list = TopicPartitionList::with_capacity(topics(membership).len());
    for topic in topics(membership) {
        list.add_topic_unassigned(topic);
    }
    client.subscribe(&list).map_err(|code| {
        let what =
            format!("subscribe group `{}` to topics {:?}", group(membership), topics(membership));
        error_or(ErrorKind::Config, &what, code)
    })
}

fn group(membership: &Membership) -> &str {
    membership.group.as_deref().unwrap_or_default()
}

fn topics(membership: &Membership) -> &[Arc<str>] {
    match &membership.selection {
        milena_core::transport::Selection::Topics { names, .. } => names,
        milena_core::transport::Selection::Partitions(_) => todo!(),
    }
}

/// The handle of a consumer; its thread does the work.
struct Member {
    mailbox: Arc<Mailbox>,
    /// The last news that the runtime was told.
    seen: Ticket,
    closing: bool,
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

    fn seek(&mut self, _to: Vec<(TopicPartition, i64)>) {
        todo!()
    }

    fn select(&mut self, _selection: milena_core::transport::Selection) {
        todo!()
    }

    fn lookup(&self) -> Arc<dyn milena_core::transport::Lookup> {
        todo!()
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
