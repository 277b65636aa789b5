//! What is done to the members and to their broker, one after the other.

use super::{
    Size,
    dice::Dice,
    gauges::{EVERY, Gauges},
    journal::{History, nanos},
    member::{SESSION, TEST},
};
use crate::{
    faults::{
        child::{End, Process},
        own_broker::OwnBroker,
        service::until,
        view::View,
    },
    kit::topic,
};
use milena_rdkafka::Kafka;
use nix::sys::signal::Signal;
use std::{
    fs,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

const MEMBERS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Fault {
    Stop,
    Kill,
    Freeze,
    Broker,
}

/// How often faults fired.
#[derive(Clone, Debug, Default)]
pub(super) struct Fired {
    pub(super) stops: usize,
    pub(super) kills: usize,
    pub(super) freezes: usize,
    /// From when until when the broker was dead.
    pub(super) outages: Vec<(u64, u64)>,
}

struct Member {
    number: usize,
    process: Process,
    /// When it goes on, if it is frozen.
    thaws: Option<Instant>,
}

/// A group on a broker of its own. The first member is there all the time.
pub(super) struct Mix {
    seed: u64,
    dice: Dice,
    broker: OwnBroker,
    pub(super) kafka: Kafka,
    pub(super) view: View,
    pub(super) group: Arc<str>,
    pub(super) source: Arc<str>,
    pub(super) replies: Arc<str>,
    pub(super) dead: Arc<str>,
    dir: PathBuf,
    members: Vec<Member>,
    /// When each member died that was started.
    deaths: Vec<Option<u64>>,
    fired: Fired,
    longest: Duration,
    pub(super) gauges: Gauges,
}

impl Mix {
    pub(super) async fn begin(seed: u64, partitions: i32) -> Self {
        let broker = OwnBroker::new();
        broker.up().await;
        let kafka = Kafka::new(broker.address());
        let group = crate::kit::unique("soak");
        let dir = std::env::temp_dir().join(&*group);
        fs::create_dir_all(&dir).unwrap();
        let mut mix = Self {
            seed,
            dice: Dice::new(seed),
            view: View::of(&broker.address()),
            group,
            source: topic(&kafka, "soak", partitions).await,
            replies: topic(&kafka, "soak-replies", 6).await,
            dead: topic(&kafka, "soak-dead", 2).await,
            broker,
            kafka,
            dir,
            members: Vec::new(),
            deaths: Vec::new(),
            fired: Fired::default(),
            longest: Duration::ZERO,
            gauges: Gauges::new(),
        };
        (0..MEMBERS).for_each(|_| mix.start());
        mix
    }

    fn start(&mut self) {
        let number = self.deaths.len();
        let (address, seed) = (self.broker.address(), (self.seed + number as u64).to_string());
        let journal = self.journal(number).display().to_string();
        let orders = [
            ("brokers", &*address),
            ("group", &*self.group),
            ("topic", &*self.source),
            ("replies", &*self.replies),
            ("dead", &*self.dead),
            ("journal", &*journal),
            ("seed", &*seed),
        ];
        let process = Process::start(TEST, &orders);
        self.members.push(Member { number, process, thaws: None });
        self.deaths.push(None);
    }

    fn journal(&self, number: usize) -> PathBuf {
        self.dir.join(format!("{number}.journal"))
    }

    fn has_work(&self, member: &Member) -> bool {
        let journal = fs::read_to_string(self.journal(member.number)).unwrap_or_default();
        journal.lines().any(|line| line.starts_with('S'))
    }

    /// One fault after the other, until it is time and each has fired.
    pub(super) async fn run(&mut self, size: &Size, written: &AtomicU64) {
        let (start, mut told) = (Instant::now(), 0);
        let mut faults = Vec::new();
        until("everybody has work", async || self.members.iter().all(|it| self.has_work(it))).await;
        while start.elapsed() < size.length || self.fired.misses_one() {
            if faults.is_empty() {
                faults = vec![Fault::Stop, Fault::Kill, Fault::Freeze, Fault::Broker];
                self.dice.shuffle(&mut faults);
            }
            let fault = faults.pop().expect("it was filled");
            self.inject(fault, &size.calm).await;
            let calm = self.dice.millis(size.calm.clone());
            self.idle(calm).await;
            if start.elapsed().as_secs() / 60 > told {
                told = start.elapsed().as_secs() / 60;
                println!(
                    "F44: {told} min, {} written, {}",
                    written.load(SeqCst),
                    self.gauges.now()
                );
            }
        }
        while self.members.iter().any(|it| it.thaws.is_some()) {
            self.idle(EVERY).await;
        }
    }

    async fn inject(&mut self, fault: Fault, calm: &Range<u64>) {
        match fault {
            Fault::Stop => {
                let member = self.take();
                if self.dice.below(2) == 0 {
                    self.start();
                    self.end_well(member).await;
                } else {
                    self.end_well(member).await;
                    self.start();
                }
                self.fired.stops += 1;
            }
            Fault::Kill => {
                let member = self.take();
                member.process.signal(Signal::SIGKILL);
                let end = member.process.end().await;
                self.bury(member.number, &end);
                self.start();
                self.fired.kills += 1;
            }
            Fault::Freeze => self.freeze(calm.clone()),
            Fault::Broker => {
                let begin = nanos();
                self.broker.kill().await;
                let dead = self.dice.millis(0..calm.start);
                self.idle(dead).await;
                self.broker.start().await;
                self.fired.outages.push((begin, nanos()));
            }
        }
    }

    /// One of those that are not frozen, but never the first.
    fn take(&mut self) -> Member {
        let awake = |place: &usize| self.members[*place].thaws.is_none();
        let places: Vec<_> = (1..self.members.len()).filter(awake).collect();
        self.members.remove(places[self.dice.below(places.len() as u64) as usize])
    }

    /// Two at once are not frozen.
    fn freeze(&mut self, calm: Range<u64>) {
        if self.members.iter().any(|it| it.thaws.is_some()) {
            return;
        }
        let place = self.dice.below(self.members.len() as u64) as usize;
        let lasts = SESSION + Duration::from_secs(1) + self.dice.millis(calm);
        self.members[place].process.signal(Signal::SIGSTOP);
        self.members[place].thaws = Some(Instant::now() + lasts);
        self.fired.freezes += 1;
    }

    /// Lets time pass, and looks at how the first member is meanwhile.
    async fn idle(&mut self, lasts: Duration) {
        let end = Instant::now() + lasts;
        while Instant::now() < end {
            tokio::time::sleep(EVERY.min(lasts)).await;
            self.gauges.sample(&self.members[0].process);
            for member in &mut self.members {
                if member.thaws.is_some_and(|thaws| Instant::now() >= thaws) {
                    member.process.signal(Signal::SIGCONT);
                    member.thaws = None;
                }
            }
        }
    }

    async fn end_well(&mut self, member: Member) {
        let end = member.process.terminate().await;
        self.bury(member.number, &end);
        assert_eq!(end.code, Some(0), "{:#?}", end.lines);
        self.longest = self.longest.max(end.took);
    }

    fn bury(&mut self, number: usize, end: &End) {
        self.deaths[number] = Some(nanos());
        fs::write(self.dir.join(format!("{number}.log")), end.lines.join("\n")).unwrap();
    }

    /// Waits until everything is committed.
    pub(super) async fn wait_until_done(&mut self, partitions: i32) {
        let ends = self.view.ends(&self.source, partitions).await;
        let start = Instant::now();
        loop {
            let committed = self.view.committed(&self.group, &self.source, partitions).await;
            if committed.iter().zip(&ends).all(|(at, end)| at.or(Some(0)) == *end) {
                return;
            }
            assert!(
                start.elapsed() < Duration::from_secs(240),
                "committed {committed:?} of {ends:?}"
            );
            self.idle(EVERY).await;
        }
    }

    /// Ends all members, and says what they did, how often what fired, and how long an end took.
    pub(super) async fn end(&mut self) -> (History, Fired, Duration) {
        for member in std::mem::take(&mut self.members) {
            self.end_well(member).await;
        }
        let mut history = History::default();
        for (number, dead) in self.deaths.iter().enumerate() {
            // One that was killed at once has not begun to write.
            let journal = fs::read_to_string(self.journal(number)).unwrap_or_default();
            history.add(&journal, dead.expect("all are dead"));
        }
        (history, self.fired.clone(), self.longest)
    }

    /// Removes what was written down, which stays where something is wrong.
    pub(super) fn clear(self) {
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

impl Fired {
    fn misses_one(&self) -> bool {
        let fired = [self.stops, self.kills, self.freezes, self.outages.len()];
        fired.contains(&0)
    }
}
