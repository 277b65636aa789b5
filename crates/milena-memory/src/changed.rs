use crate::{Memory, after::After, assign::Place, broker::Broker, group::GroupId};
use std::{
    collections::BTreeMap,
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// A change of the broker since the time at which this was made; see [`Memory::changed`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Changed(Until);

impl Memory {
    /// Waits for the next change of a log, of a committed offset, or of a group's members, counted
    /// from this call and not from the first poll. So nothing is missed by who looks in between:
    ///
    /// ```
    /// # use milena_memory::Memory;
    /// async fn caught_up(memory: &Memory) {
    ///     loop {
    ///         let changed = memory.changed();
    ///         if memory.lag("billing", "orders") == 0 {
    ///             return;
    ///         }
    ///         changed.await;
    ///     }
    /// }
    /// ```
    pub fn changed(&self) -> Changed {
        let since = self.with(|broker| broker.version());
        Changed(Until::new(self.clone(), Condition::Changed { since }))
    }
}

impl Future for Changed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl fmt::Debug for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Changed")
    }
}

/// Waits until something is true of the broker.
pub(crate) struct Until {
    memory: Memory,
    condition: Condition,
    ticket: Option<u64>,
}

enum Condition {
    Changed { since: u64 },
    Room { producer: u64 },
    Answered { producer: u64 },
    Stable { group: GroupId, places: Vec<Place> },
}

impl Until {
    /// Until the producer has room.
    pub(crate) fn room(memory: Memory, producer: u64) -> Self {
        Self::new(memory, Condition::Room { producer })
    }

    /// Until the producer has an answer for every record.
    pub(crate) fn answered(memory: Memory, producer: u64) -> Self {
        Self::new(memory, Condition::Answered { producer })
    }

    /// Until no transaction is open that may commit offsets of the group for these partitions.
    pub(crate) fn stable(memory: Memory, group: GroupId, places: Vec<Place>) -> Self {
        Self::new(memory, Condition::Stable { group, places })
    }

    fn new(memory: Memory, condition: Condition) -> Self {
        Self { memory, condition, ticket: None }
    }
}

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { memory, condition, ticket } = &mut *self;
        let waiting = memory.with(|broker| {
            if condition.holds(broker) {
                return Ok(());
            }
            let ticket = *ticket.get_or_insert_with(|| broker.new_id());
            Err(broker.watchers.0.insert(ticket, cx.waker().clone()))
        });
        waiting.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            drop(self.memory.with(|broker| broker.watchers.0.remove(&ticket)));
        }
    }
}

impl Condition {
    fn holds(&self, broker: &Broker) -> bool {
        match self {
            Self::Changed { since } => broker.version() != *since,
            Self::Room { producer } => broker.asked.has_room(broker.held(*producer)),
            Self::Answered { producer } => broker.held(*producer) == 0,
            Self::Stable { group, places } => {
                let group = group.name().and_then(|name| broker.find_group(name));
                group.is_none_or(|group| places.iter().all(|place| group.is_stable(place)))
            }
        }
    }
}

/// Who waits for something to become true of the broker.
#[derive(Default)]
pub(crate) struct Watchers(BTreeMap<u64, Waker>);

impl Watchers {
    /// Has all of them look again.
    pub(crate) fn wake(&mut self, after: &mut After) {
        after.wake(std::mem::take(&mut self.0).into_values());
    }
}
