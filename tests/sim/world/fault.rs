use super::{
    members::Members,
    plan::{Once, Shape},
};
use fastrand::Rng;
use milena::error::ErrorKind;
use milena_memory::{Memory, TransactionStep};
use std::time::Duration;
use tokio::time::sleep;

/// What goes wrong. What lasts, lasts so many milliseconds.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    RefuseCommits(usize, ErrorKind),
    HoldCommits(usize, u64),
    LoseCommitAnswers(usize),
    LosePartitions,
    LoseMember(usize),
    MoveGeneration,
    RefuseWrites(&'static str, ErrorKind, u64),
    HoldDeliveries(u64),
    HoldFetches(i32, u64),
    LimitRoom(usize, u64),
    RefuseSteps(TransactionStep, usize, ErrorKind),
    LoseStepRequests(TransactionStep, usize),
    LoseStepAnswers(TransactionStep, usize),
    DelayStepAnswers(TransactionStep, usize, u64),
    Fence(usize),
    Kill(usize),
    Stop(usize),
    Start(usize),
}

const STEPS: [TransactionStep; 5] = [
    TransactionStep::Start,
    TransactionStep::Begin,
    TransactionStep::SendOffsets,
    TransactionStep::Commit,
    TransactionStep::Abort,
];

impl Fault {
    pub(crate) fn any(rng: &mut Rng, shape: &Shape) -> Self {
        let (times, slot, lasts) = (rng.usize(1..4), rng.usize(0..3), rng.u64(1..600));
        let is_once = shape.once != Once::AtLeast;
        match rng.u8(0..if is_once { 19 } else { 13 }) {
            0 => Self::RefuseCommits(times, refusal(rng)),
            1 => Self::HoldCommits(times, lasts),
            2 => Self::LoseCommitAnswers(times),
            3 => Self::LosePartitions,
            4 => Self::LoseMember(slot),
            5 => Self::MoveGeneration,
            6 => Self::RefuseWrites(["out", "dead"][rng.usize(0..2)], ErrorKind::Publish, lasts),
            7 => Self::HoldDeliveries(lasts),
            8 => Self::HoldFetches(rng.i32(0..shape.partitions), lasts),
            9 => Self::LimitRoom(times, lasts),
            10 => Self::Kill(slot),
            11 => Self::Stop(slot),
            12 => Self::Start(slot),
            13 => Self::RefuseSteps(STEPS[rng.usize(1..5)], times, ErrorKind::Aborted),
            14 => Self::RefuseSteps(STEPS[rng.usize(1..5)], times, ErrorKind::Unreachable),
            15 => Self::LoseStepRequests(STEPS[rng.usize(0..5)], times),
            16 => Self::LoseStepAnswers(STEPS[rng.usize(0..5)], times),
            17 => Self::DelayStepAnswers(STEPS[rng.usize(0..5)], times, lasts),
            _ => Self::Fence(slot),
        }
    }

    /// Lets it strike.
    pub(crate) fn strike(&self, broker: &Memory, members: &mut Members) {
        let faults = broker.faults();
        match self {
            Self::RefuseCommits(times, kind) => faults.refuse_commits(*times, *kind),
            Self::HoldCommits(times, lasts) => {
                faults.hold_commits(*times);
                later(*lasts, broker, |broker| broker.faults().release_commits());
            }
            Self::LoseCommitAnswers(times) => faults.lose_commit_answers(*times),
            Self::LosePartitions => faults.lose_partitions("g"),
            Self::LoseMember(slot) => faults.lose_member("g", *slot),
            Self::MoveGeneration => faults.move_generation("g"),
            Self::RefuseWrites(topic, kind, lasts) => {
                let topic = *topic;
                faults.refuse_writes(topic, *kind);
                later(*lasts, broker, move |broker| broker.faults().accept_writes(topic));
            }
            Self::HoldDeliveries(lasts) => {
                faults.hold_deliveries();
                later(*lasts, broker, |broker| broker.faults().release_deliveries());
            }
            Self::HoldFetches(partition, lasts) => {
                let partition = *partition;
                faults.hold_fetches("in", partition);
                let release =
                    move |broker: &Memory| broker.faults().release_fetches("in", partition);
                later(*lasts, broker, release);
            }
            Self::LimitRoom(room, lasts) => {
                faults.limit_room(Some(*room));
                later(*lasts, broker, |broker| broker.faults().limit_room(None));
            }
            other => other.strike_transactions(broker, members),
        }
    }

    fn strike_transactions(&self, broker: &Memory, members: &mut Members) {
        let faults = broker.faults();
        match self {
            Self::RefuseSteps(step, times, kind) => faults.refuse_steps(*step, *times, *kind),
            Self::LoseStepRequests(step, times) => faults.lose_step_requests(*step, *times),
            Self::LoseStepAnswers(step, times) => faults.lose_step_answers(*step, *times),
            Self::DelayStepAnswers(step, times, lasts) => {
                faults.delay_step_answers(*step, *times, Duration::from_millis(*lasts));
            }
            Self::Fence(slot) => {
                faults.fence_producer(&format!("id-{slot}"));
                faults.fence_producer(&format!("g-0-{slot}"));
            }
            Self::Kill(slot) => members.kill(*slot),
            Self::Stop(slot) => members.stop(*slot),
            Self::Start(slot) => members.start(*slot),
            _ => {}
        }
    }
}

fn refusal(rng: &mut Rng) -> ErrorKind {
    let kinds = [ErrorKind::Rebalancing, ErrorKind::Unreachable, ErrorKind::Fenced];
    kinds[rng.usize(0..kinds.len())]
}

fn later(millis: u64, broker: &Memory, act: impl FnOnce(&Memory) + Send + 'static) {
    let broker = broker.clone();
    tokio::spawn(async move {
        sleep(Duration::from_millis(millis)).await;
        act(&broker);
    });
}

/// Lifts everything that lasts.
pub(crate) fn lift(broker: &Memory) {
    let faults = broker.faults();
    faults.release_commits();
    ["out", "dead"].iter().for_each(|topic| faults.accept_writes(topic));
    faults.release_deliveries();
    (0..broker.partitions("in")).for_each(|partition| faults.release_fetches("in", partition));
    faults.limit_room(None);
}
