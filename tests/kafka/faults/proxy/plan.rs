//! What is to go wrong at a broker, and how often it has.

use super::frames::{Api, Frame};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// Which way something goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    ToBroker,
    ToClient,
}

/// What becomes of a connection, one request of which has no answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rest {
    /// It is closed.
    Cut,
    /// It goes on as if nothing were.
    Open,
}

/// When what was held is delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Moment {
    /// Before the broker gets the next such request.
    Before(Api),
    /// When it has answered one, before the client gets that.
    Behind(Api),
}

/// How slow a connection is, each way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slow {
    pub(super) delay: Duration,
    /// At most as much is added at random.
    pub(super) jitter: Duration,
    /// Bytes a second; 0 does not limit them.
    pub(super) rate: u32,
}

/// How often each fault fired.
#[derive(Clone, Debug, Default)]
pub(super) struct Fired {
    pub(super) slowed: usize,
    pub(super) resets: usize,
    /// What waited because nothing passed.
    pub(super) silenced: usize,
    /// What came to nothing because nothing passed.
    pub(super) swallowed: usize,
    pub(super) answers_lost: usize,
    pub(super) held: usize,
    /// What the broker said to what was delivered late.
    pub(super) late: Vec<i16>,
}

/// What happens to a request or an answer.
pub(super) enum Fate {
    Passes,
    IsLost(Rest),
}

#[derive(Default)]
struct State {
    slow: Slow,
    reset_each: usize,
    requests: BTreeMap<Api, usize>,
    lose: Vec<(Api, Rest)>,
    hold: Vec<(Api, Rest)>,
    held: Vec<Frame>,
    deliver: Option<Moment>,
    fired: Fired,
}

/// Whether anything passes, and what becomes of it if not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hole {
    /// It waits.
    Waits(Way),
    /// It is gone, and so is all that follows on its connection.
    Swallows(Way),
}

impl Hole {
    pub(super) fn way(self) -> Way {
        match self {
            Self::Waits(way) | Self::Swallows(way) => way,
        }
    }
}

/// What is to go wrong.
#[derive(Clone)]
pub(super) struct Plan {
    state: Arc<Mutex<State>>,
    pub(super) hole: watch::Sender<Option<Hole>>,
    pub(super) cut: Arc<Notify>,
}

impl Plan {
    pub(super) fn new() -> Self {
        Self { state: Arc::default(), hole: watch::Sender::new(None), cut: Arc::default() }
    }

    pub(super) fn slow_down(&self, slow: Slow) {
        self.with(|state| state.slow = slow);
    }

    /// Closes the connection of each n-th request instead of passing it; 0 closes none.
    pub(super) fn reset_each(&self, n: usize) {
        self.with(|state| state.reset_each = n);
    }

    /// Lets nothing pass any more, this way.
    pub(super) fn open_hole(&self, hole: Hole) {
        self.hole.send_replace(Some(hole));
    }

    pub(super) fn close_hole(&self) {
        self.hole.send_replace(None);
    }

    /// Loses the answer to the next such request, which the broker gets.
    pub(super) fn lose_answer(&self, api: Api, rest: Rest) {
        self.with(|state| state.lose.push((api, rest)));
    }

    /// Keeps the next such request from the broker until this moment.
    pub(super) fn hold(&self, api: Api, rest: Rest, until: Moment) {
        self.with(|state| {
            state.hold.push((api, rest));
            state.deliver = Some(until);
        });
    }

    /// Delivers nothing of what is held.
    pub(super) fn discard_held(&self) {
        self.with(|state| state.held.clear());
    }

    pub(super) fn fired(&self) -> Fired {
        self.with(|state| state.fired.clone())
    }

    /// How many requests of this kind came by now.
    pub(super) fn requests(&self, api: Api) -> usize {
        self.with(|state| state.requests.get(&api).copied().unwrap_or_default())
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Fired)) {
        self.with(|state| count(&mut state.fired));
    }

    /// How much later this is to arrive.
    pub(super) fn delay(&self) -> Duration {
        self.with(|state| {
            let Slow { delay, jitter, .. } = state.slow;
            state.fired.slowed += usize::from(!delay.is_zero());
            delay + jitter.mul_f64(super::random())
        })
    }

    /// How long it takes to pass so many bytes on.
    pub(super) fn takes(&self, bytes: usize) -> Duration {
        let rate = self.with(|state| state.slow.rate);
        if rate == 0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(bytes as f64 / f64::from(rate))
        }
    }

    /// What happens to a request; one that is held is kept here.
    pub(super) fn request(&self, frame: Frame) -> Result<Frame, Rest> {
        self.with(|state| {
            *state.requests.entry(frame.api()).or_default() += 1;
            let all: usize = state.requests.values().sum();
            if state.reset_each > 0 && all.is_multiple_of(state.reset_each) {
                state.fired.resets += 1;
                return Err(Rest::Cut);
            }
            let Some(rest) = take(&mut state.hold, frame.api()) else { return Ok(frame) };
            state.fired.held += 1;
            state.held.push(frame);
            Err(rest)
        })
    }

    /// What is to be delivered now.
    pub(super) fn due(&self, now: Moment) -> Vec<Frame> {
        self.with(|state| {
            let is_due = state.deliver == Some(now);
            if is_due { std::mem::take(&mut state.held) } else { Vec::new() }
        })
    }

    /// What happens to the answer to such a request.
    pub(super) fn answer(&self, api: Api) -> Fate {
        self.with(|state| match take(&mut state.lose, api) {
            Some(rest) => {
                state.fired.answers_lost += 1;
                Fate::IsLost(rest)
            }
            None => Fate::Passes,
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }
}

/// Takes the first of these that is meant for such requests.
fn take(list: &mut Vec<(Api, Rest)>, api: Api) -> Option<Rest> {
    let at = list.iter().position(|(it, _)| *it == api)?;
    Some(list.remove(at).1)
}
