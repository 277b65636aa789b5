use super::{
    Assignment, Budget, Counters, Note, Subscription,
    commit::Commits,
    drain::Drains,
    lanes::{Lane, Load},
    offsets::Offsets,
    pressure::Pressure,
};
use crate::{route::Runner, router::Options, subscriber::Policy};
use milena_core::{
    error::{Error, ErrorKind},
    record::{Chunk, Epoch, Extensions, TopicPartition},
    transport::{Consumer, Event, Producer},
};
use std::{collections::HashMap, future::poll_fn, sync::Arc, time::Duration};
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// The one task of a consumer group: it sees everything that happens, and owns the offsets.
pub(crate) struct Conductor {
    pub(super) group: Arc<str>,
    pub(super) options: Options,
    pub(super) consumer: Box<dyn Consumer>,
    pub(super) subscriptions: Vec<Arc<Subscription>>,
    /// Which subscriptions a topic has.
    pub(super) topics: HashMap<Arc<str>, Vec<usize>>,
    pub(super) extensions: Arc<Extensions>,
    pub(super) partitions: HashMap<TopicPartition, Partition>,
    /// Lanes of subscriptions that take the records of all partitions together.
    pub(super) shared: HashMap<usize, Lane>,
    pub(super) tasks: JoinSet<()>,
    pub(super) note: UnboundedSender<Note>,
    pub(super) notes: UnboundedReceiver<Note>,
    pub(super) commits: Commits,
    pub(super) drains: Drains,
    pub(super) pressure: Pressure,
    pub(super) counters: Arc<Counters>,
    /// Why the group ends, once it does.
    pub(super) ending: Option<Result<(), Error>>,
    /// When to wait for the consumer no longer, once it was told to leave.
    pub(super) closing: Option<Instant>,
    pub(super) closed: bool,
}

/// A partition that is this member's.
pub(super) struct Partition {
    pub(super) assignment: Arc<Assignment>,
    pub(super) offsets: Offsets,
    pub(super) lanes: HashMap<usize, Lane>,
    /// Whether its lanes stay full for long, and since when it is held back because they are.
    pub(super) is_slow: bool,
    pub(super) held_back: Option<Instant>,
}

/// How far the end of a service has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    Running,
    /// What runs may end.
    Draining,
    /// Nothing is waited for.
    Forced,
}

/// What a subscription has when the conductor gets it.
pub(crate) struct Offered {
    pub(crate) topics: Vec<Arc<str>>,
    pub(crate) runner: Runner,
    pub(crate) policy: Policy,
}

impl Phase {
    /// Begins the end, if it has not begun.
    pub(crate) fn drain(&mut self) -> bool {
        let running = *self == Self::Running;
        if running {
            *self = Self::Draining;
        }
        running
    }

    /// Begins the end, or waits for nothing when it had begun.
    pub(crate) fn hasten(&mut self) {
        *self = if *self == Self::Running { Self::Draining } else { Self::Forced };
    }
}

impl Conductor {
    pub(crate) fn new(
        (group, options): (Arc<str>, Options),
        offered: Vec<Offered>,
        consumer: Box<dyn Consumer>,
        (producer, extensions): (Arc<dyn Producer>, Arc<Extensions>),
    ) -> Self {
        let counters = Arc::<Counters>::default();
        let budget = Arc::new(Budget::new(options.max_in_flight));
        let mut topics: HashMap<_, Vec<_>> = HashMap::new();
        let mut subscriptions = Vec::with_capacity(offered.len());
        for (i, it) in offered.into_iter().enumerate() {
            it.topics.into_iter().for_each(|topic| topics.entry(topic).or_default().push(i));
            subscriptions.push(Arc::new(Subscription {
                group: group.clone(),
                runner: it.runner,
                policy: it.policy,
                producer: producer.clone(),
                budget: budget.clone(),
                counters: counters.clone(),
                handle: tokio::runtime::Handle::current(),
            }));
        }
        let (note, notes) = unbounded_channel();
        let commits = Commits::new(options.commit_interval, options.commit_every);
        Self {
            group,
            options,
            consumer,
            subscriptions,
            topics,
            extensions,
            partitions: HashMap::new(),
            shared: HashMap::new(),
            tasks: JoinSet::new(),
            note,
            notes,
            commits,
            drains: Drains::default(),
            pressure: Pressure::default(),
            counters,
            ending: None,
            closing: None,
            closed: false,
        }
    }

    /// Runs until the consumer has left the group, and says why it had to.
    pub(crate) async fn run(mut self, mut phase: watch::Receiver<Phase>) -> Result<(), Error> {
        let alarm = sleep_until(self.alarm());
        tokio::pin!(alarm);
        while !self.is_over() {
            if alarm.deadline() != self.alarm() {
                alarm.as_mut().reset(self.alarm());
            }
            tokio::select! {
                event = poll_fn(|cx| self.consumer.poll_event(cx)), if self.pressure.is_off() => {
                    self.event(event);
                }
                Some(note) = self.notes.recv() => self.note(note),
                Some(ended) = self.tasks.join_next() => self.lane_ended(ended),
                Ok(()) = phase.changed() => {
                    let phase = *phase.borrow_and_update();
                    self.phase(phase);
                }
                () = alarm.as_mut() => {}
            }
            self.press();
            self.progress();
        }
        self.report();
        self.ending.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Driver,
                format!("could not go on in group `{}`: its consumer left", self.group),
            ))
        })
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Records(chunk) => self.received(&chunk),
            Event::Position(place, epoch, offset) => {
                if let Some(partition) = self.partition(&place, epoch) {
                    partition.offsets.passed(offset);
                }
            }
            Event::Assigned(assigned) => self.assigned(assigned),
            Event::Revoked(places, within) => self.revoked(places, within),
            Event::Lost(places) => self.lost(&places),
            Event::Committed(result) => self.committed(result),
            Event::Trouble(error) => {
                tracing::warn!(group = %self.group, %error, "the broker gives trouble");
            }
            Event::Failed(error) => self.failed(error),
            Event::Closed => self.closed = true,
            other => {
                tracing::warn!(group = %self.group, ?other, "the driver tells of something unknown");
            }
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Settled(place, epoch, records) => {
                self.commits.settled(records);
                if let Some(partition) = self.partition(&place, epoch) {
                    // Lets go of the chunks that are settled.
                    partition.offsets.committable();
                }
            }
            Note::Room(place, epoch) => self.room(&place, epoch),
            Note::Quiet => {}
            Note::Failed(error) => self.end(Err(error)),
        }
    }

    fn phase(&mut self, phase: Phase) {
        if phase != Phase::Running {
            self.end(Ok(()));
        }
        if phase == Phase::Forced {
            self.drains.hurry();
        }
    }

    /// Puts the records into the lanes of their subscriptions.
    fn received(&mut self, chunk: &Chunk) {
        let live =
            self.partitions.get_mut(chunk.place()).filter(|it| it.assignment.takes(chunk.epoch()));
        let (Some(partition), Some(subscribed)) = (live, self.topics.get(chunk.topic())) else {
            self.counters.stale.add(chunk.len());
            return;
        };
        self.counters.received.add(chunk.len());
        let loads: Vec<_> = subscribed
            .iter()
            .map(|i| {
                Load::new(chunk, &partition.assignment, &self.subscriptions[*i], &self.extensions)
            })
            .collect();
        partition.offsets.received(loads.iter().map(|load| load.work.clone()).collect());
        let mut full = false;
        for (i, load) in subscribed.iter().zip(loads) {
            let subscription = &self.subscriptions[*i];
            let lanes =
                if subscription.is_shared() { &mut self.shared } else { &mut partition.lanes };
            let lane =
                lanes.entry(*i).or_insert_with(|| Lane::start(subscription, &mut self.tasks));
            full |= lane.push(load);
        }
        if full {
            self.full(chunk.place());
        }
    }

    fn lane_ended(&mut self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            let message =
                format!("could not go on in group `{}`: a lane broke: {error}", self.group);
            self.end(Err(Error::new(ErrorKind::Driver, message)));
        }
    }

    /// When to look at the clock again.
    fn alarm(&self) -> Instant {
        let now = Instant::now();
        let drain = self.drains.front().map(|drain| drain.due(now));
        let commit = self.commits.due().filter(|_| self.closing.is_none());
        let times = [commit, drain, self.closing, self.pressure.due()];
        times.into_iter().flatten().min().unwrap_or(now + Duration::from_secs(60))
    }

    pub(super) fn partition(
        &mut self,
        place: &TopicPartition,
        epoch: Epoch,
    ) -> Option<&mut Partition> {
        self.partitions.get_mut(place).filter(|partition| partition.assignment.epoch == epoch)
    }
}

impl Partition {
    pub(super) fn new(assignment: Assignment) -> Self {
        let assignment = Arc::new(assignment);
        Self {
            assignment,
            offsets: Offsets::default(),
            lanes: HashMap::new(),
            is_slow: false,
            held_back: None,
        }
    }

    /// No call begins any more, and what waits in lanes is dropped.
    pub(super) fn end(&mut self) {
        self.assignment.end();
        self.lanes.clear();
    }
}
