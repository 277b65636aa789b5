use std::time::Duration;

/// A call that takes longer than this before it waits for the first time is worth a task of its own.
pub(super) const CHEAP: Duration = Duration::from_micros(20);
/// How many calls are made at once between two looks at the clock, when they are cheap.
const STRETCH: u32 = 64;
/// How many calls get tasks of their own before it is looked whether they have become cheap.
const DEAR: u32 = 64;

/// Whether calls are made on the task of the lane, or get tasks of their own at once, which spreads
/// over the runtime's threads what keeps a thread busy.
pub(super) struct Pace {
    stretch: u32,
    /// How many calls more get tasks of their own.
    dear: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { stretch: 4, dear: 0 }
    }
}

impl Pace {
    pub(super) fn at_once(&self) -> bool {
        self.dear == 0
    }

    pub(super) fn stretch(&self) -> u32 {
        self.stretch
    }

    pub(super) fn took(&mut self, time: Duration, calls: u32) {
        if self.dear > 0 {
            self.dear -= 1;
        } else if calls > 0 && time > CHEAP * calls {
            (self.stretch, self.dear) = (1, DEAR);
        } else {
            self.stretch = (self.stretch * 2).min(STRETCH);
        }
    }
}
