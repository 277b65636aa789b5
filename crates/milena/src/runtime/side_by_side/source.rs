use super::call::{Entry, Lane};
use crate::runtime::{attempt::Part, lanes::Load};
use std::{
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::mpsc::UnboundedReceiver;

/// The records of a lane that are to be begun, in order.
///
/// The lane begins them. While it waits for a place, calls that end begin them instead, one each, in the
/// place and the task that they have already.
pub(super) struct Source(Mutex<State>);

struct State {
    loads: UnboundedReceiver<Load>,
    /// What was begun last, and its first record that was not.
    open: Option<(Load, u32)>,
    lane_waits: bool,
}

impl Source {
    pub(super) fn new(loads: UnboundedReceiver<Load>) -> Self {
        Self(Mutex::new(State { loads, open: None, lane_waits: false }))
    }

    /// Waits for something to begin; says whether there is, or nothing will come any more.
    pub(super) async fn more(&self) -> bool {
        poll_fn(|cx| {
            let state = &mut *self.lock();
            if state.open.is_some() {
                return true.into();
            }
            state.loads.poll_recv(cx).map(|load| {
                state.open = load.map(|load| (load, 0));
                state.open.is_some()
            })
        })
        .await
    }

    /// A chunk with records that were not begun, and the first of them.
    pub(super) fn open(&self) -> Option<(Part, u32)> {
        self.lock().open.as_ref().map(|(load, next)| (load.part(), *next))
    }

    /// The records before this one are begun, or wait for their keys.
    pub(super) fn passed(&self, next: u32) {
        let over = self.lock().pass(next);
        drop(over);
    }

    /// What is open is not begun any more.
    pub(super) fn close(&self) {
        let open = self.lock().open.take();
        drop(open);
    }

    /// Whether the lane waits for a place.
    pub(super) fn set_waiting(&self, waits: bool) {
        self.lock().lane_waits = waits;
    }

    /// The next record, for a call that has ended, if the lane has no place to begin it. Its key is in
    /// work from here on.
    pub(super) fn pull(&self, lane: &Lane) -> Option<Entry> {
        let state = &mut *self.lock();
        while state.lane_waits {
            if state.open.is_none() {
                state.open = state.loads.try_recv().ok().map(|load| (load, 0));
            }
            let (load, index) = state.open.as_ref()?;
            let (part, index) = (load.part(), *index);
            if !lane.proceeds(&part) {
                return None;
            }
            let over = state.pass(index + 1);
            drop(over);
            if lane.admit(&part, index) {
                // Looked at again, because a lane that stops forgets which keys are in work.
                if lane.has_stopped() {
                    return None;
                }
                lane.begin(&part, index);
                return Some(Entry { part, index });
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives the chunk back when that was all of it.
    fn pass(&mut self, next: u32) -> Option<Load> {
        let (load, open) = self.open.as_mut()?;
        *open = next;
        if next < load.work.len() as u32 { None } else { self.open.take().map(|(load, _)| load) }
    }
}
