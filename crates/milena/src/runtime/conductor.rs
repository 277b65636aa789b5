use super::{
    Counters, Labels, Line, Note, Outside, Phase,
    commit::Commits,
    drain::Drains,
    lanes::{Lane, Load},
    listening::Listening,
    metrics::Meter,
    moves::Moves,
    once::Once,
    partition::Partition,
    pressure::Pressure,
    steering::Wanted,
    subscriptions::{Subscriptions, Taker},
    turns::Happened,
    watchdog::Dog,
};
use crate::{
    control::{Ask, Control, News, Outer},
    router::Options,
    subscriber::Offered,
};
use milena_core::{
    error::{Error, ErrorKind},
    record::{Chunk, Epoch, TopicPartition},
    transport::{Consumer, Event},
};
use std::{collections::BTreeMap, future::poll_fn, sync::Arc, time::Duration};
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
    /// Its name, for a person to read.
    pub(super) group: Arc<str>,
    /// Whether there is a group to commit for.
    pub(super) commits_at_all: bool,
    pub(super) options: Options,
    pub(super) consumer: Box<dyn Consumer>,
    pub(super) subscriptions: Subscriptions,
    pub(super) outer: Outer,
    pub(super) partitions: BTreeMap<TopicPartition, Partition>,
    /// Lanes of subscriptions that take the records of all partitions together.
    pub(super) shared: BTreeMap<usize, Lane>,
    pub(super) tasks: JoinSet<()>,
    pub(super) note: UnboundedSender<Note>,
    pub(super) notes: UnboundedReceiver<Note>,
    pub(super) asks: UnboundedReceiver<Ask>,
    /// Who was heard last.
    pub(super) turn: u8,
    pub(super) control: Control,
    pub(super) news: News,
    pub(super) commits: Commits,
    /// How results are published exactly once, if they are.
    pub(super) once: Option<Once>,
    pub(super) drains: Drains,
    pub(super) moves: Moves,
    pub(super) listening: Listening,
    pub(super) wanted: Wanted,
    pub(super) pressure: Pressure,
    pub(super) dog: Dog,
    pub(super) meter: Meter,
    pub(super) counters: Arc<Counters>,
    /// Whether this member was told which partitions it has.
    pub(super) has_assignment: bool,
    /// Why the group ends, once it does.
    pub(super) ending: Option<Result<(), Error>>,
    /// When to wait for the consumer no longer, once it was told to leave.
    pub(super) closing: Option<Instant>,
    pub(super) closed: bool,
}

impl Conductor {
    /// The conductor of a group, which commits if there is a group to commit for.
    pub(crate) fn new(
        (options, commits_at_all): (Options, bool),
        offered: Vec<Offered>,
        Outside { cluster, outer, consumer, outlet, provided, once }: Outside,
        Line { control, asks, news }: Line,
    ) -> Self {
        let counters = Arc::<Counters>::default();
        let group: Arc<str> = control.group().into();
        let labels = Labels::of(&cluster).and("group", group.clone());
        let (note, notes) = unbounded_channel();
        let once = Once::begin(&options, once, (&*consumer, &note), (&cluster, &group));
        let beside = (control.clone(), news.clone(), labels.clone(), provided);
        let kept = (options.max_in_flight, once.as_ref().map(|once| once.outbox));
        let subscriptions = Subscriptions::new((offered, outlet), beside, kept, counters.clone());
        Self {
            group,
            commits_at_all,
            dog: Dog::new(options.watchdog),
            commits: Commits::new(options.commit_interval(), options.commit_every),
            options,
            consumer,
            subscriptions,
            outer,
            partitions: BTreeMap::new(),
            shared: BTreeMap::new(),
            tasks: JoinSet::new(),
            note,
            notes,
            asks,
            turn: 0,
            control,
            news,
            once,
            drains: Drains::default(),
            moves: Moves::default(),
            listening: Listening::default(),
            wanted: Wanted::default(),
            pressure: Pressure::default(),
            meter: Meter::new(labels),
            counters,
            has_assignment: false,
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
                biased;
                happened = poll_fn(|cx| self.poll_happened(cx)) => self.happened(happened),
                // Looked at below each time; so is the clock.
                Ok(()) = phase.changed() => phase.mark_changed(),
                () = alarm.as_mut() => {}
            }
            if phase.has_changed().unwrap_or(false) {
                let phase = *phase.borrow_and_update();
                self.phase(phase);
            }
            self.press();
            self.go();
            self.progress();
            self.answer_empty();
            self.watch();
            self.meter(Instant::now());
        }
        self.report();
        self.ending.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Driver,
                format!("could not go on in group `{}`: its consumer left", self.group),
            ))
        })
    }

    fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Event(event) => self.event(event),
            Happened::Note(note) => self.note(note),
            Happened::Asked(ask) => {
                self.asked(ask);
                // What is asked for at the same time is done together.
                while let Ok(ask) = self.asks.try_recv() {
                    self.asked(ask);
                }
            }
            Happened::TaskEnded(ended) => self.task_ended(ended),
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Records(chunk) => self.received(&chunk),
            Event::Position(place, epoch, offset) => {
                if let Some(partition) = self.partition(&place, epoch) {
                    partition.offsets.passed(offset);
                }
            }
            Event::Moved(place, epoch, offset) => self.moved(&place, epoch, offset),
            Event::Reset { partition, from, to } => self.reset(partition, from, to),
            Event::Assigned(assigned) => self.assigned(assigned),
            Event::Revoked(places, within) => self.revoked(places, within),
            Event::Lost(places) => self.lost(&places),
            Event::Committed(result) => self.committed(result),
            Event::Fetches(fetches) => self.fetched(fetches),
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
                    self.weigh(&place);
                }
            }
            Note::Room(place, epoch) => self.room(&place, epoch),
            Note::Began(committed) => self.began(committed),
            Note::Heard(call) => self.heard(call),
            Note::Quiet => {}
            Note::Opened(opened) => self.opened(opened),
            Note::Attempted(attempted) => self.attempted(*attempted),
            Note::Anew(key, committed) => self.anew(key, committed),
            Note::Failed(error) => self.end(Err(error)),
        }
    }

    fn phase(&mut self, phase: Phase) {
        if phase != Phase::Running {
            self.end(Ok(()));
        }
        if phase == Phase::Forced {
            self.hurry();
        }
    }

    /// Puts the records into the lanes of their subscriptions.
    fn received(&mut self, chunk: &Chunk) {
        let live =
            self.partitions.get_mut(chunk.place()).filter(|it| it.assignment.takes(chunk.epoch()));
        let Some(partition) = live.filter(|it| !it.takers.is_empty()) else {
            self.counters.stale.add(chunk.len());
            return;
        };
        let load = |taker: &Taker| {
            Load::new(chunk, &partition.assignment, &taker.subscription, &taker.extensions)
        };
        let loads: Vec<_> = partition.takers.iter().map(load).collect();
        partition.assignment.tally.received(chunk.len(), loads[0].bytes);
        partition.watch.received(Instant::now());
        partition.offsets.received(loads.iter().map(|load| load.work.clone()).collect());
        let mut full = false;
        for (taker, load) in partition.takers.iter().zip(loads) {
            let lanes = if taker.subscription.is_shared() {
                &mut self.shared
            } else {
                &mut partition.lanes
            };
            let start = || Lane::start(&taker.subscription, &mut self.tasks);
            full |= lanes.entry(taker.index).or_insert_with(start).push(load);
        }
        if full {
            self.full(chunk.place());
        }
        self.weigh(chunk.place());
    }

    fn task_ended(&mut self, ended: Result<(), tokio::task::JoinError>) {
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
        let others = [self.closing, self.pressure.due(), self.moves.due(), self.dog.due()];
        let times = [commit, drain, Some(self.meter.due())].into_iter().chain(others);
        times.flatten().min().unwrap_or(now + Duration::from_secs(60))
    }

    pub(super) fn partition(
        &mut self,
        place: &TopicPartition,
        epoch: Epoch,
    ) -> Option<&mut Partition> {
        self.partitions.get_mut(place).filter(|it| it.assignment.is_of(epoch))
    }
}
