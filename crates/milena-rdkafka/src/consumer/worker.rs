use super::{
    Settings,
    commit::Pending,
    mailbox::{Command, Mailbox},
    partitions::Partitions,
    rebalance::Rebalance,
    step::{Call, Kind, Notice, Op, SUPERSEDED, Start, Step},
    topics::Topics,
    trouble::{Trouble, Verdict},
};
use crate::{
    error::error,
    native::{Batch, Client, Queue, Said},
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::Event,
};
use rdkafka::{Offset, TopicPartitionList, error::RDKafkaErrorCode as Code};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// The thread of a consumer, which alone polls librdkafka.
pub(super) struct Worker {
    pub(super) client: Arc<Client>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) settings: Settings,
    pub(super) rebalance: Rebalance,
    pub(super) pending: Option<Pending>,
    pub(super) partitions: Partitions,
    pub(super) queue: Arc<Queue>,
    pub(super) batch: Batch,
    topics: Topics,
    pub(super) trouble: Trouble,
    pub(super) next_positions: Instant,
    pub(super) failed: bool,
}

impl Worker {
    pub(super) fn start(
        client: Arc<Client>,
        mailbox: Arc<Mailbox>,
        settings: Settings,
    ) -> Result<(), Error> {
        let group = settings.group.clone();
        let refuse = |cause: &str| {
            let message = format!("could not begin to read for group `{group}`: {cause}");
            Error::new(ErrorKind::Driver, message)
        };
        let queue = Queue::new(client.clone()).ok_or_else(|| refuse("librdkafka gave no queue"))?;
        let worker = Self::new(client, mailbox, settings, Arc::new(queue));
        let thread = thread::Builder::new().name("kafka-consumer".into());
        thread.spawn(move || worker.run()).map_err(|error| refuse(&error.to_string()))?;
        Ok(())
    }

    fn new(
        client: Arc<Client>,
        mailbox: Arc<Mailbox>,
        settings: Settings,
        queue: Arc<Queue>,
    ) -> Self {
        Self {
            partitions: Partitions::new(client.clone(), queue.clone()),
            batch: Batch::new(client.clone()),
            topics: Topics::new(&settings.topics),
            trouble: Trouble::new(&settings),
            client,
            mailbox,
            settings,
            rebalance: Rebalance::default(),
            pending: None,
            queue,
            next_positions: Instant::now(),
            failed: false,
        }
    }

    fn run(mut self) {
        let _ending = Ending(self.mailbox.clone());
        self.mailbox.bell.install(self.queue.clone());
        loop {
            self.mailbox.bell.hear();
            self.obey();
            if let Some(deadline) = self.mailbox.deadline() {
                return self.close(deadline);
            }
            self.listen(Duration::ZERO);
            self.look_after();
            self.read();
        }
    }

    /// Does what the runtime asked for.
    pub(super) fn obey(&mut self) {
        for command in self.mailbox.commands() {
            let steps = match command {
                Command::Assign(seen, starts) => self.rebalance.assign(seen, starts),
                Command::Release(seen, partitions) => self.rebalance.release(seen, partitions),
                Command::Commit(seen, offsets) => {
                    self.commit(seen, offsets);
                    continue;
                }
                Command::Park(partition, parked) => {
                    self.partitions.park(&partition, parked);
                    continue;
                }
            };
            self.take(steps);
        }
    }

    /// Hears what librdkafka says, for which it waits so long, and acts on it.
    pub(super) fn listen(&mut self, mut wait: Duration) {
        while let Some(event) = self.client.poll(wait) {
            wait = Duration::ZERO;
            match event.said() {
                Said::Rebalance { assigns, partitions } => self.rebalance(assigns, partitions),
                Said::Committed(result) => self.committed(result),
                Said::Error(code, reason) => {
                    let verdict = self.trouble.of_client(&self.client, code, &reason);
                    self.judge(verdict);
                }
                Said::Record(place, record) => self.adopt(&place, record),
                Said::Nothing => {}
            }
        }
    }

    fn rebalance(&mut self, assigns: bool, partitions: Vec<TopicPartition>) {
        let kind = match assigns {
            true => Kind::Assign,
            false if self.client.is_assignment_lost() => Kind::Lose,
            false => Kind::Revoke,
        };
        let eager = !self.client.is_cooperative();
        let steps = self.rebalance.on(Op { kind, partitions, eager });
        self.take(steps);
    }

    /// What is done from time to time.
    fn look_after(&mut self) {
        let now = Instant::now();
        self.partitions.forward_again(now);
        for verdict in self.topics.look(now, &self.client, &self.mailbox) {
            self.judge(verdict);
        }
    }

    /// Takes steps of a rebalance.
    pub(super) fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Tell(ticket, notice) => self.mailbox.tell_with(ticket, self.event(notice)),
                Step::End(partitions) => {
                    self.partitions.end(&partitions);
                    self.mailbox.withdraw(&partitions);
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
                let (group, partitions_lost) = (&*self.settings.group, partitions.len());
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
        }
    }

    fn call(&mut self, call: &Call) {
        let result = match call {
            Call::Assign { partitions, eager } => {
                self.partitions.begin(partitions, Instant::now());
                begin(&self.client, partitions, *eager)
            }
            Call::Unassign(partitions) => self.client.incremental_unassign(&list(partitions)),
            Call::UnassignAll => self.client.assign(None),
        };
        // librdkafka stands still when it refuses an answer.
        if let Err(code) = result {
            self.fail(error(
                &format!("answer a rebalance of group `{}`", self.settings.group),
                code,
            ));
        }
    }

    pub(super) fn judge(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Ignore => {}
            Verdict::CheckTopics => self.topics.look_soon(),
            Verdict::Trouble(error) => self.mailbox.tell(Event::Trouble(error)),
            Verdict::Fail(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: Error) {
        if std::mem::replace(&mut self.failed, true) {
            tracing::debug!(%error, "failed again");
            return;
        }
        self.mailbox.tell(Event::Failed(error));
    }
}

fn begin(client: &Client, starts: &[Start], eager: bool) -> Result<(), Code> {
    let mut list = TopicPartitionList::with_capacity(starts.len());
    for (at, _, offset) in starts {
        let offset = offset.map_or(Offset::Stored, Offset::Offset);
        list.add_partition_offset(&at.topic, at.partition, offset)
            .map_err(|_| Code::InvalidArgument)?;
    }
    if eager { client.assign(Some(&list)) } else { client.incremental_assign(&list) }
}

fn list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for at in partitions {
        list.add_partition(&at.topic, at.partition);
    }
    list
}

/// Tells the runtime, should the thread end by a panic.
struct Ending(Arc<Mailbox>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.bell.remove();
        let panicked = thread::panicking().then(|| {
            Error::new(
                ErrorKind::Driver,
                "could not go on reading: the thread of the consumer panicked",
            )
        });
        self.0.end(panicked);
    }
}
