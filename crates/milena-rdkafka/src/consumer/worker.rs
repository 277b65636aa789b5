use super::{
    Settings,
    commit::Pending,
    fetches::Fetches,
    follow::subscribe,
    generation::Generations,
    mailbox::{Command, Mailbox},
    partitions::Partitions,
    rebalance::Rebalance,
    resets::Resets,
    starts::Starts,
    step::{Kind, Op},
    topics::{Ids, Topics},
    trouble::{Trouble, Verdict},
};
use crate::{
    log,
    native::{Batch, Client, Queue, Said},
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::Event,
};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::{
    collections::BTreeSet,
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
    pub(super) generations: Generations,
    pub(super) partitions: Partitions,
    pub(super) queue: Arc<Queue>,
    pub(super) batch: Batch,
    pub(super) topics: Topics,
    /// The topics that the group was told.
    pub(super) subscribed: BTreeSet<Arc<str>>,
    /// Whether what is read is what was selected, as far as that is known.
    pub(super) follows: bool,
    pub(super) starts: Starts,
    pub(super) resets: Resets,
    pub(super) ids: Ids,
    fetches: Fetches,
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
        let whom = settings.whom();
        let refuse = |cause: &str| {
            let message = format!("could not begin to read for {whom}: {cause}");
            Error::new(ErrorKind::Driver, message)
        };
        let queue = Queue::new(client.clone()).ok_or_else(|| refuse("librdkafka gave no queue"))?;
        let mut worker = Self::new(client, mailbox, settings, Arc::new(queue));
        worker.begin_to_subscribe()?;
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
            topics: Topics::new(&settings, &client, &mailbox),
            subscribed: BTreeSet::new(),
            follows: false,
            starts: Starts::new(&client, &mailbox),
            resets: Resets::new(&client, &mailbox),
            ids: Ids::new(&client, &mailbox),
            fetches: Fetches::new(client.reads_committed()),
            trouble: Trouble::new(&settings),
            client,
            mailbox,
            settings,
            rebalance: Rebalance::default(),
            pending: None,
            generations: Generations::default(),
            queue,
            next_positions: Instant::now(),
            failed: false,
        }
    }

    /// Joins the group with the topics that were named, whether they exist or not.
    fn begin_to_subscribe(&mut self) -> Result<(), Error> {
        let names = self.topics.names();
        if self.settings.is_manual || names.is_empty() {
            return Ok(());
        }
        subscribe(&self.client, &names, &self.settings.whom())?;
        self.subscribed = names;
        Ok(())
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
                Command::Generation(seen, partitions, promise) => {
                    promise.keep(self.generation(seen, &partitions));
                    continue;
                }
                Command::Seek(to) => {
                    self.seek(to);
                    continue;
                }
                Command::Select(selection) => {
                    self.select(selection);
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
                    let verdict = self.of_client(code, &reason);
                    self.judge(verdict);
                }
                Said::Record(place, record) => self.adopt(&place, record),
                Said::Statistics(json) => self.statistics(&json),
                Said::Nothing => {}
            }
        }
    }

    fn of_client(&mut self, code: Code, reason: &str) -> Verdict {
        self.trouble.of_client((&self.client, &self.settings.identity), code, reason)
    }

    fn rebalance(&mut self, assigns: bool, partitions: Vec<TopicPartition>) {
        let kind = match assigns {
            true => Kind::Assign,
            false if self.client.is_assignment_lost() => Kind::Lose,
            false => Kind::Revoke,
        };
        self.note_generation(kind);
        let eager = self.is_eager();
        let steps = self.rebalance.on(Op { kind, partitions, eager });
        self.take(steps);
    }

    /// What is done from time to time.
    fn look_after(&mut self) {
        let now = Instant::now();
        self.follow(now);
        self.look_after_offsets(now);
        self.partitions.forward_again(now);
    }

    fn statistics(&mut self, json: &str) {
        if self.settings.logs_statistics {
            log::statistics(json);
        }
        match self.fetches.learn(json, Instant::now(), self.partitions.epochs()) {
            Ok(fetches) if fetches.is_empty() => {}
            Ok(fetches) => self.mailbox.tell(Event::Fetches(fetches)),
            Err(error) => tracing::warn!(%error, "could not read librdkafka's statistics"),
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

    pub(super) fn fail(&mut self, error: Error) {
        if std::mem::replace(&mut self.failed, true) {
            tracing::debug!(%error, "failed again");
            return;
        }
        self.mailbox.tell(Event::Failed(error));
    }
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
