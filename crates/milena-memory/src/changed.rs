use crate::{Memory, after::After, broker::Broker};
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

#[derive(Clone, Copy)]
enum Condition {
    Changed { since: u64 },
    Room { producer: u64 },
}

impl Until {
    /// Until the producer has room.
    pub(crate) fn room(memory: Memory, producer: u64) -> Self {
        Self::new(memory, Condition::Room { producer })
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
    fn holds(self, broker: &Broker) -> bool {
        match self {
            Self::Changed { since } => broker.version() != since,
            Self::Room { producer } => broker.asked.has_room(broker.held(producer)),
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
