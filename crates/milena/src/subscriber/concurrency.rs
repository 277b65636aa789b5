/// How many records are in work at once, and in which order; [`by_partition`], [`by_key`] and
/// [`unordered`] make one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Concurrency(pub(crate) Order);

/// Which records wait for each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// Those of a partition.
    Partition,
    /// Those of a partition with the same key; at most so many calls at once.
    Key { most: usize, null_keys: NullKeys },
    /// None; at most so many calls at once.
    Free { most: usize },
}

/// How records without a key are taken where the others go by theirs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NullKeys {
    InOrder,
    Free,
}

/// One record of a partition at a time, in order; the partitions side by side. The default.
pub fn by_partition() -> Concurrency {
    Concurrency(Order::Partition)
}

/// At most `calls` calls at once, and never two with records of one key: those keep their order.
///
/// Different keys never wait for each other while fewer calls run: keys are not divided among lanes. It
/// is the key's bytes that count, within its partition. Records without a key keep the order of their
/// partition among themselves; see [`free_null_keys`](Concurrency::free_null_keys). With batches a call
/// is a batch: it holds no key that another running batch holds.
///
/// ```
/// use milena::{by_key, each};
///
/// async fn bill() {}
///
/// # let _: milena::Router = milena::Router::new("billing").subscribe("orders",
/// each(bill).concurrency(by_key(64))
/// # );
/// ```
///
/// # Panics
///
/// If that is no call at all.
#[track_caller]
pub fn by_key(calls: usize) -> Concurrency {
    Concurrency(Order::Key { most: checked(calls), null_keys: NullKeys::InOrder })
}

/// At most `calls` calls at once, in no order.
///
/// What is committed is right all the same: everything before the first record that is not done.
///
/// # Panics
///
/// If that is no call at all.
#[track_caller]
pub fn unordered(calls: usize) -> Concurrency {
    Concurrency(Order::Free { most: checked(calls) })
}

impl Concurrency {
    /// Lets records without a key go in no order, like [`unordered`] ones. It changes [`by_key`] only.
    #[must_use]
    pub fn free_null_keys(self) -> Self {
        match self.0 {
            Order::Key { most, .. } => Self(Order::Key { most, null_keys: NullKeys::Free }),
            other => Self(other),
        }
    }
}

impl Order {
    /// How many calls there may be at once, over all partitions.
    pub(crate) fn most(self) -> Option<usize> {
        match self {
            Self::Partition => None,
            Self::Key { most, .. } | Self::Free { most } => Some(most),
        }
    }
}

#[track_caller]
fn checked(calls: usize) -> usize {
    assert!(calls > 0, "a subscription makes at least one call at once");
    calls
}
