//! Services at random, held against the rules: `MILENA_SEED` runs one again.

use super::{
    history::{At, History, Lane, Rules, What, lost},
    script::{MS, put, work},
    spy::Spy,
};
use milena::{
    Batch, Error, Record, Retry, Router, State, batch, by_key, each,
    error::ErrorKind,
    router::{Concurrency, by_partition},
    unordered,
};
use milena_memory::Memory;
use std::{collections::BTreeMap, ops::Range};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

/// How many services are tried: `MILENA_ACCEPTANCE=1` tries more.
fn seeds() -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match (number("MILENA_SEED"), number("MILENA_ACCEPTANCE")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(1)) => 0..5000,
        (None, _) => 0..200,
    }
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    /// A number below this.
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn size(&mut self, most: u64) -> usize {
        usize::try_from(1 + self.below(most)).unwrap()
    }
}

/// A service, as each member of its group runs it.
#[derive(Clone, Copy, Debug)]
struct Service {
    order: Concurrency,
    rules: Rules,
    batches: Option<(usize, bool)>,
    buffer: usize,
    max_ahead: usize,
    commit_interval: u32,
    commit_every: usize,
}

impl Service {
    fn roll(dice: &mut Dice) -> Self {
        let calls = dice.size(8);
        let (order, lane, most) = match dice.below(5) {
            0 => (by_partition(), Lane::Partition, usize::MAX),
            1 => (by_key(calls).free_null_keys(), Lane::SomeKey, calls),
            2 => (unordered(calls), Lane::Free, calls),
            _ => (by_key(calls), Lane::Key, calls),
        };
        Self {
            order,
            rules: Rules::new(lane, most),
            batches: dice.one_in(3).then(|| (dice.size(12), dice.one_in(3))),
            buffer: dice.size(60),
            max_ahead: dice.size(150),
            commit_interval: u32::try_from(dice.size(40)).unwrap(),
            commit_every: dice.size(100),
        }
    }

    fn router(self, history: &History) -> Router {
        let retry = Retry::fixed(50, 3 * MS);
        let router = Router::new("g");
        let router = match self.batches {
            None => router.subscribe(
                "t",
                each(work).concurrency(self.order).retry(retry).dead_letter("dead"),
            ),
            Some((records, across)) => {
                let mut subscriber = batch(work_on_many).concurrency(self.order).retry(retry);
                subscriber = subscriber.max_records(records).max_wait(5 * MS);
                router.subscribe(
                    "t",
                    if across { subscriber.across_partitions() } else { subscriber },
                )
            }
        };
        router
            .buffer(self.buffer, 1 << 20)
            .max_ahead(self.max_ahead, 1 << 20)
            .commit_interval(self.commit_interval * MS)
            .commit_every(self.commit_every)
            .with_state(history.clone())
    }
}

/// Takes as long as its slowest record, and fails with each that says so, in the first attempt.
async fn work_on_many(
    Batch(records): Batch<(Record, String)>,
    State(history): State<History>,
) -> anyhow::Result<()> {
    let call = history.begin_batch(records.iter().map(|(record, _)| record));
    let first = |text: &str| text.split([' ', '+']).next().unwrap().parse::<u32>();
    let time = records.iter().filter_map(|(_, text)| first(text).ok()).max().unwrap_or(0);
    if time > 0 {
        tokio::time::sleep(time * MS).await;
    }
    if records.iter().any(|(record, text)| record.attempt() == 1 && text.contains("fail")) {
        call.failed();
        anyhow::bail!("it was told to");
    }
    call.done();
    Ok(())
}

/// A member of the group.
struct Member {
    history: History,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), Error>>,
}

impl Member {
    fn start(broker: &Memory, history: History, service: Service) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let served = milena::serve(Spy(broker.clone(), history.clone()), service.router(&history));
        let served = served.with_shutdown(async { drop(stopped.await) });
        Self { history, stop, running: tokio::spawn(served.into_future()) }
    }

    async fn stop(self) -> Result<(), String> {
        let _ = self.stop.send(());
        let ended = timeout(120_000 * MS, self.running).await.map_err(|_| "it does not end")?;
        ended.unwrap().map_err(|error| error.to_string())
    }

    /// Ends it as a power cut does.
    fn crash(self) {
        self.running.abort();
        self.history.note(What::Crashed, At("t".into(), 0, 0));
    }
}

/// What happens to a group.
struct World {
    dice: Dice,
    broker: Memory,
    history: History,
    service: Service,
    members: Vec<Member>,
    joined: u32,
    written: BTreeMap<i32, i64>,
    partitions: u64,
    keys: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let (partitions, keys) = (1 + dice.below(4), 1 + dice.below(25));
        let broker = Memory::new().max_chunk(dice.size(40));
        broker.create_topic("t", i32::try_from(partitions).unwrap());
        let service = Service::roll(&mut dice);
        let (history, members, written) = (History::default(), Vec::new(), BTreeMap::new());
        Self { dice, broker, history, service, members, joined: 0, written, partitions, keys }
    }

    fn write(&mut self, records: u64) {
        for _ in 0..records {
            let partition = i32::try_from(self.dice.below(self.partitions)).unwrap();
            let key = match self.dice.below(8) {
                0 => None,
                1 => Some(String::new()),
                _ => Some(format!("k{}", self.dice.below(self.keys))),
            };
            let value = match self.dice.below(20) {
                0 => format!("{}+fail {}", self.dice.below(5), self.dice.below(20)),
                1 => "fail 0+fail fail 1".into(),
                2 => "panic 0".into(),
                3 => "again 2".into(),
                4 => "dead".into(),
                5 => "skip".into(),
                6..12 => self.dice.below(30).to_string(),
                _ => "0".into(),
            };
            put(&self.broker, partition, key.as_deref(), &value);
            *self.written.entry(partition).or_default() += 1;
        }
    }

    fn join(&mut self) {
        self.joined += 1;
        let history = self.history.member(self.joined);
        self.members.push(Member::start(&self.broker, history, self.service));
    }

    async fn live(&mut self) -> Result<(), String> {
        self.write(60);
        self.join();
        for _ in 0..12 + self.dice.below(10) {
            let (records, wait) = (self.dice.below(40), self.dice.below(60));
            self.write(records);
            match self.dice.below(8) {
                0 | 1 if self.members.len() < 4 => self.join(),
                2 if self.members.len() > 1 => self.any().stop().await?,
                3 if self.members.len() > 1 => self.any().crash(),
                4 => self.broker.faults().refuse_commits(2, ErrorKind::Rebalancing),
                _ => {}
            }
            tokio::time::sleep(u32::try_from(wait).unwrap() * MS).await;
        }
        if self.dice.one_in(4) {
            // All go, and one comes back.
            for member in std::mem::take(&mut self.members) {
                if self.dice.one_in(2) { member.crash() } else { member.stop().await? }
            }
            self.join();
        }
        self.finish().await
    }

    /// One of the members, who is none any more.
    fn any(&mut self) -> Member {
        let which = self.dice.size(self.members.len() as u64) - 1;
        self.members.remove(which)
    }

    async fn finish(&mut self) -> Result<(), String> {
        let done = async {
            loop {
                let changed = self.broker.changed();
                if self.broker.lag("g", "t") == 0 {
                    return;
                }
                changed.await;
            }
        };
        let all = timeout(3_600_000 * MS, done).await;
        all.map_err(|_| format!("it does not go on: {} behind", self.broker.lag("g", "t")))?;
        for member in std::mem::take(&mut self.members) {
            member.stop().await?;
        }
        Ok(())
    }

    /// What is wrong with what happened.
    fn faults(&self) -> Vec<String> {
        let events = self.history.events();
        let written = self.written.iter().flat_map(|(partition, records)| {
            (0..*records).map(|offset| At("t".into(), *partition, offset))
        });
        let lost = lost(&events, written).into_iter().map(|at| format!("{at} was lost"));
        lost.chain(self.service.rules.faults(&events)).collect()
    }
}

/// Lives through what follows from the seed, and gives back the world at the end of it.
fn live(seed: u64, change: impl FnOnce(&mut World)) -> Result<World, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let mut world = World::new(seed);
    change(&mut world);
    let service = world.service;
    runtime.block_on(world.live()).map_err(|error| format!("{service:?}: {error}"))?;
    Ok(world)
}

#[test]
fn services_at_random_lose_nothing_and_keep_their_order() {
    crate::trace();
    let seeds = seeds();
    let all = seeds.end > seeds.start + 1;
    let (mut records, mut calls, mut cut, mut members) = (0, 0, 0, 0);
    for seed in seeds {
        let world =
            live(seed, |_| {}).unwrap_or_else(|error| panic!("MILENA_SEED={seed}: {error}"));
        let faults = world.faults();
        if !all {
            world.history.events().iter().for_each(|event| eprintln!("{event:?}"));
        }
        assert!(faults.is_empty(), "MILENA_SEED={seed}, {:?}: {faults:#?}", world.service);
        records += world.written.values().sum::<i64>();
        calls += world.history.offsets(What::Begun).len();
        cut += world.history.offsets(What::Cut).len();
        members += world.joined;
    }
    if all {
        assert!(members > 500 && cut > 50, "{members} members, {cut} calls cut");
        assert!(i64::try_from(calls).unwrap() > records, "nothing was tried again");
    }
}

#[test]
fn a_service_that_breaks_the_rules_is_seen() {
    let mut seen = 0;
    for seed in 0..20 {
        let world = live(seed, |world| {
            // It keeps no order, and is to keep that of keys.
            world.service.order = unordered(6);
            world.service.rules = Rules::new(Lane::Key, 5);
        });
        let faults = world.unwrap().faults();
        seen += usize::from(
            faults.iter().any(|fault| fault.contains("overlaps"))
                && faults.iter().any(|fault| fault.contains("6 calls at once")),
        );
    }
    assert!(seen > 10, "{seen} of 20");
}
