/// How far the end of a service has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    Running,
    /// What runs may end.
    Draining,
    /// Nothing is waited for.
    Forced,
}

impl Phase {
    /// Begins the end, if it has not begun.
    pub(crate) fn drain(&mut self) -> bool {
        let running = *self == Self::Running;
        if running {
            *self = Self::Draining;
        }
        running
    }

    /// Begins the end, or waits for nothing when it had begun.
    pub(crate) fn hasten(&mut self) {
        *self = if *self == Self::Running { Self::Draining } else { Self::Forced };
    }
}
