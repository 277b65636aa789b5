use super::{
    fault,
    handlers::DELAY,
    members::Members,
    plan::{LAST, Once, Order, Plan, Written},
};
use milena::Memory;
use milena_check::{Broken, History, Invariant, Rules, Subscribed, What};
use milena_core::{ProducerRecord, record::TopicPartition};
use milena_memory::Fired;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, sleep, sleep_until};

/// How long everything may take behind the last fault.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a plan led to.
pub(crate) struct Run {
    /// The promises that were broken; what tells most stands first.
    pub(crate) broken: Vec<Failure>,
    pub(crate) history: History,
    pub(crate) fired: BTreeMap<&'static str, usize>,
}

/// A promise that was broken.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) invariant: Invariant,
    pub(crate) text: String,
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        Self { invariant: broken.invariant(), text: broken.to_string() }
    }
}

/// Runs the plan from its beginning to where nothing is left to do, and checks what happened.
pub(crate) fn run(plan: &Plan) -> Run {
    fastrand::seed(plan.seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(live(plan))
}

async fn live(plan: &Plan) -> Run {
    let (broker, history) = (Memory::new().max_chunk(7), History::new());
    broker.create_topic("in", plan.shape.partitions);
    broker.create_topic("out", 1);
    broker.create_topic("dead", plan.shape.partitions);
    broker.create_topic("aside", 1);
    let mut members = Members::new(plan, &broker, &history);
    (0..plan.shape.members).for_each(|slot| members.start(slot));
    play(plan, &broker, &history, &mut members).await;
    history.note("", What::Fault("everything is lifted".to_owned()));
    fault::lift(&broker);
    let is_done = quiet(&broker, &mut members).await;
    members.stop_all().await;
    tell(plan, &broker, &history);
    let mut broken: Vec<_> = history.broken(&rules(plan)).into_iter().map(Failure::from).collect();
    broken.extend((!is_done).then(|| not_done(&history)));
    let mut fired = fired(&broker.faults().fired());
    fired.append(&mut members.counts);
    Run { broken, history, fired }
}

fn not_done(history: &History) -> Failure {
    let text = format!("not everything was done in {PATIENCE:?}\n{history}");
    Failure { invariant: Invariant::Liveness, text }
}

/// Writes the records and lets the faults strike, each in its time.
async fn play(plan: &Plan, broker: &Memory, history: &History, members: &mut Members) {
    let began = Instant::now();
    let (mut records, mut faults) = (plan.records.iter().peekable(), plan.faults.iter().peekable());
    loop {
        let next = records.peek().map(|(at, _)| *at).into_iter();
        let next = next.chain(faults.peek().map(|(at, _)| *at)).min().unwrap_or(LAST);
        sleep_until(began + Duration::from_millis(next)).await;
        if let Some((_, record)) = records.next_if(|(at, _)| *at == next) {
            write((broker, history), record, next);
        } else if let Some((_, fault)) = faults.next() {
            history.note("", What::Fault(format!("{fault:?}")));
            fault.strike(broker, members);
        } else {
            return;
        }
    }
}

fn write((broker, history): (&Memory, &History), written: &Written, time: u64) {
    let value = if written.is_poison { vec![0xff, 0xfe] } else { format!("v{time}").into_bytes() };
    let record = ProducerRecord::new("in")
        .partition(written.partition)
        .key(format!("k{}", written.key))
        .header("colour", "red")
        .timestamp(1_000 + i64::try_from(time).unwrap())
        .value(value);
    let at = broker.produce(record).unwrap();
    let there = broker.records("in").into_iter();
    let mut there = there.filter(|it| (it.partition(), it.offset()) == (at.partition, at.offset));
    history.input(&there.next().unwrap());
}

/// Waits until nothing is left to do, and says whether that came.
async fn quiet(broker: &Memory, members: &mut Members) -> bool {
    let began = Instant::now();
    loop {
        members.revive();
        if broker.lag("g", "in") == 0 && broker.open_transactions().is_empty() {
            return true;
        }
        if began.elapsed() > PATIENCE {
            return false;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Tells the history what stands at the broker.
fn tell(plan: &Plan, broker: &Memory, history: &History) {
    for topic in ["out", "dead", "aside"] {
        broker.records(topic).iter().for_each(|record| history.seen(record));
    }
    let committed = (0..plan.shape.partitions).filter_map(|partition| {
        let to = broker.committed("g", "in", partition)?;
        Some((TopicPartition::new("in", partition), to))
    });
    history.note("", What::Found(committed.collect()));
}

fn rules(plan: &Plan) -> Rules {
    let subscribed = match plan.shape.order {
        Order::Partition => Subscribed::by_partition(),
        Order::Key => Subscribed::by_key(),
        Order::None => Subscribed::unordered(),
    };
    let subscribed = subscribed.attempts(plan.shape.attempts).delay(DELAY).dead_letter("dead");
    let rules = Rules::new()
        .topic("in", subscribed)
        .stops_within(Duration::from_secs(60))
        .hands_over_within(Duration::from_secs(20));
    if plan.shape.once == Once::AtLeast { rules } else { rules.exactly_once() }
}

fn fired(fired: &Fired) -> BTreeMap<&'static str, usize> {
    [
        ("commits refused", fired.commits_refused),
        ("writes refused", fired.writes_refused),
        ("deliveries held", fired.deliveries_held),
        ("producers full", fired.producers_full),
        ("members lost", fired.members_lost),
        ("commits outdated", fired.commits_outdated),
        ("answers to commits held", fired.commit_answers_held),
        ("answers to commits lost", fired.commit_answers_lost),
        ("fetches held", fired.fetches_held),
        ("steps refused", fired.steps_refused),
        ("requests of steps lost", fired.step_requests_lost),
        ("answers to steps lost", fired.step_answers_lost),
        ("answers to steps delayed", fired.step_answers_delayed),
        ("producers fenced", fired.producers_fenced),
    ]
    .into()
}
