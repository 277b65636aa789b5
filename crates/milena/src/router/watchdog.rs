use std::time::Duration;

/// When the watchdog says that a partition makes no progress; [`Router::watchdog`](crate::Router::watchdog) takes it.
///
/// It looks every few seconds, and only tells: in the log, as an
/// [`Incident`](crate::serve::Incident), and in the [`Health`](crate::serve::Health). The first of these that
/// has held for its time is told, and again each time that time is over:
///
/// | row | what | limit |
/// |---|---|---|
/// | 0 | calls are paused | `fetch` |
/// | 1 | the broker was never asked for records | `fetch` |
/// | 2 | it was asked, and never answered | `fetch` |
/// | 3 | it is asked no more | `fetch` |
/// | 4 | it answers no more | `fetch` |
/// | 5 | the end of the partition is not known | `processing` |
/// | 6 | there are records, and none was delivered | `processing` |
/// | 7 | there are records, and no more are delivered: a call hangs, or is slow | `processing` |
/// | 8 | there are records, and nothing was committed | `commit` |
/// | 9 | there are records, and what is committed does not grow | `commit` |
///
/// Time counts from the assignment, or from when calls were resumed. Rows 6 to 9 hold only while there is
/// something that is not committed. The rows are those of Faust's `verify_event_path`.
///
/// ```
/// use milena::{Router, router::Watchdog};
/// use std::time::Duration;
///
/// # let _: Router =
/// Router::new("billing").watchdog(Watchdog::default().processing(Duration::from_mins(1)))
/// # ;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Watchdog {
    pub(crate) fetch: Duration,
    pub(crate) processing: Duration,
    pub(crate) commit: Duration,
}

impl Default for Watchdog {
    fn default() -> Self {
        let limit = Duration::from_mins(5);
        Self { fetch: limit, processing: limit, commit: limit }
    }
}

impl Watchdog {
    /// How long fetching may stand still; the default is 5 minutes.
    #[must_use]
    pub fn fetch(self, limit: Duration) -> Self {
        Self { fetch: limit, ..self }
    }

    /// How long delivery may stand still while there are records; the default is 5 minutes.
    #[must_use]
    pub fn processing(self, limit: Duration) -> Self {
        Self { processing: limit, ..self }
    }

    /// How long the committed offset may stand still while there are records; the default is 5 minutes.
    #[must_use]
    pub fn commit(self, limit: Duration) -> Self {
        Self { commit: limit, ..self }
    }

    /// How often it looks.
    pub(crate) fn interval(&self) -> Duration {
        let shortest = self.fetch.min(self.processing).min(self.commit);
        (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(5))
    }
}
