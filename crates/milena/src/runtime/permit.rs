use super::Assignment;
use std::{ops::ControlFlow, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The calls that a subscription may make at once.
#[derive(Clone, Debug)]
pub(crate) struct Permits(Option<Arc<Semaphore>>);

/// The right to make one call.
#[derive(Debug)]
pub(crate) struct Permit {
    of: Permits,
    held: Option<OwnedSemaphorePermit>,
}

impl Permits {
    /// At most so many at once, or no limit but that of the lanes.
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self(most.map(|most| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)))))
    }

    /// A permit that is yet to be taken.
    pub(crate) fn permit(&self) -> Permit {
        Permit { of: self.clone(), held: None }
    }
}

impl Permit {
    /// Waits for its turn. Broken off when the partition has ended.
    pub(crate) async fn take(&mut self, assignment: &Assignment) -> ControlFlow<()> {
        let Some(permits) = &self.of.0 else { return ControlFlow::Continue(()) };
        if self.held.is_some() {
            return ControlFlow::Continue(());
        }
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            self.held = Some(permit);
            return ControlFlow::Continue(());
        }
        tokio::select! {
            permit = permits.clone().acquire_owned() => self.held = permit.ok(),
            () = assignment.ended() => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    /// Gives it back, so that others may call.
    pub(crate) fn give_back(&mut self) {
        self.held = None;
    }
}
