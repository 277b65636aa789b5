use super::{Note, conductor::Conductor};
use crate::control::Ask;
use milena_core::transport::Event;
use std::task::{Context, Poll};
use tokio::task::JoinError;

/// What a conductor acts on.
pub(super) enum Happened {
    Event(Event),
    Note(Note),
    Asked(Ask),
    TaskEnded(Result<(), JoinError>),
}

/// How many sources there are.
const SOURCES: u8 = 4;

impl Conductor {
    /// What happens next. Who was heard last is listened to last, so that nobody waits for more than one word of each
    /// other; and in the same order each time, so that a run that failed can be run again.
    pub(super) fn poll_happened(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        for _ in 0..SOURCES {
            self.turn = (self.turn + 1) % SOURCES;
            let happened = match self.turn {
                0 => self.poll_event(cx),
                1 => self.notes.poll_recv(cx).map(|note| note.map(Happened::Note)),
                2 => self.asks.poll_recv(cx).map(|ask| ask.map(Happened::Asked)),
                _ => self.tasks.poll_join_next(cx).map(|ended| ended.map(Happened::TaskEnded)),
            };
            // Who says `None` has nothing to say now.
            if let Poll::Ready(Some(happened)) = happened {
                return Poll::Ready(happened);
            }
        }
        Poll::Pending
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Happened>> {
        if !self.pressure.is_off() {
            return Poll::Ready(None);
        }
        self.consumer.poll_event(cx).map(|event| Some(Happened::Event(event)))
    }
}
