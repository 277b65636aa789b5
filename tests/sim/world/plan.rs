use super::fault::Fault;
use fastrand::Rng;
use std::fmt;

/// What happens in a run: everything that a seed decides.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    /// What is written, in milliseconds from the beginning.
    pub(crate) records: Vec<(u64, Written)>,
    pub(crate) faults: Vec<(u64, Fault)>,
}

/// The service of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) order: Order,
    pub(crate) batches: bool,
    pub(crate) once: Once,
    pub(crate) partitions: i32,
    pub(crate) members: usize,
    pub(crate) attempts: u32,
    pub(crate) listens: bool,
    /// How long the slowest call takes, in milliseconds.
    pub(crate) slowest: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    Partition,
    Key,
    None,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Once {
    AtLeast,
    ByMember,
    ByPartition,
}

/// A record that is written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) partition: i32,
    pub(crate) key: u8,
    /// Its value is no text.
    pub(crate) is_poison: bool,
}

/// When the last record is written, and the last fault strikes.
pub(crate) const LAST: u64 = 1_500;

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape {
            order: [Order::Partition, Order::Key, Order::None][rng.usize(0..3)],
            batches: rng.u8(0..3) == 0,
            once: [Once::AtLeast, Once::AtLeast, Once::ByMember, Once::ByPartition]
                [rng.usize(0..4)],
            partitions: rng.i32(1..4),
            members: rng.usize(1..4),
            attempts: rng.u32(1..4),
            listens: rng.bool(),
            slowest: [0, 5, 60, 300][rng.usize(0..4)],
        };
        let number = rng.usize(5..30);
        let mut records: Vec<_> =
            (0..number).map(|_| (rng.u64(0..LAST), written(&mut rng, &shape))).collect();
        records.sort_by_key(|(at, _)| *at);
        let number = rng.usize(0..9);
        let mut faults: Vec<_> =
            (0..number).map(|_| (rng.u64(0..LAST), Fault::any(&mut rng, &shape))).collect();
        faults.sort_by_key(|(at, _)| *at);
        Self { seed, shape, records, faults }
    }
}

fn written(rng: &mut Rng, shape: &Shape) -> Written {
    let partition = rng.i32(0..shape.partitions);
    Written { partition, key: rng.u8(0..4), is_poison: rng.u8(0..30) == 0 }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, {:?}", self.seed, self.shape)?;
        writeln!(f, "{} records, {} faults:", self.records.len(), self.faults.len())?;
        if self.records.len() < 4 {
            self.records.iter().try_for_each(|(at, it)| writeln!(f, "{at:>6} ms  {it:?}"))?;
        }
        self.faults.iter().try_for_each(|(at, fault)| writeln!(f, "{at:>6} ms  {fault:?}"))
    }
}
