use crate::router::Watchdog;
use milena_core::transport::Fetch;
use std::time::Duration;
use tokio::time::Instant;

/// When what happened to a partition.
#[derive(Debug)]
pub(in crate::runtime) struct Watch {
    /// The assignment, or when calls were resumed.
    since: Instant,
    paused: Option<Instant>,
    fetching: Option<Fetching>,
    received: Option<Instant>,
    committed: Option<Instant>,
    /// What was told last, and when.
    told: Option<(Row, Instant)>,
}

/// What the driver said of fetching.
#[derive(Debug)]
struct Fetching {
    asked: Option<Instant>,
    answered: Option<Instant>,
}

/// How a partition stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime) struct Standing {
    pub(in crate::runtime) end: Option<i64>,
    pub(in crate::runtime) committed: Option<i64>,
    pub(in crate::runtime) is_paused: bool,
    /// Whether there are commits at all.
    pub(in crate::runtime) commits: bool,
}

/// A row of the table, and for how long it has held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::runtime) struct Row {
    pub(in crate::runtime) number: u8,
    pub(in crate::runtime) held: Duration,
}

impl Watch {
    pub(in crate::runtime) fn new(now: Instant) -> Self {
        let (paused, fetching, received, committed, told) = (None, None, None, None, None);
        Self { since: now, paused, fetching, received, committed, told }
    }

    /// Records were delivered.
    pub(in crate::runtime) fn received(&mut self, now: Instant) {
        self.received = Some(now);
    }

    /// What is committed has grown.
    pub(in crate::runtime) fn committed(&mut self, now: Instant) {
        self.committed = Some(now);
    }

    /// The driver told of the fetching.
    pub(in crate::runtime) fn fetched(&mut self, fetch: &Fetch, now: Instant) {
        let at = |ago: Option<Duration>| ago.and_then(|ago| now.checked_sub(ago));
        self.fetching = Some(Fetching { asked: at(fetch.asked), answered: at(fetch.answered) });
    }

    /// The row that holds now, if one is to be told, and whether one that was told does not hold any more.
    pub(in crate::runtime) fn look(
        &mut self,
        now: Instant,
        standing: Standing,
        limits: &Watchdog,
    ) -> (Option<Row>, bool) {
        match (standing.is_paused, self.paused) {
            (true, None) => self.paused = Some(now),
            (false, Some(_)) => (self.paused, self.since) = (None, now),
            _ => {}
        }
        let row = self.row(now, standing, limits);
        let Some(row) = row else { return (None, self.told.take().is_some()) };
        let limit = row.limit(limits);
        match self.told {
            Some((told, at)) if told.number == row.number && now - at < limit => (None, false),
            _ => {
                self.told = Some((row, now));
                (Some(row), false)
            }
        }
    }

    /// What was told and holds still.
    pub(in crate::runtime) fn told(&self) -> Option<Row> {
        self.told.map(|(row, _)| row)
    }

    fn row(&self, now: Instant, standing: Standing, limits: &Watchdog) -> Option<Row> {
        let held = |number, from: Instant, limit| {
            let held = now.saturating_duration_since(from);
            (held >= limit).then_some(Row { number, held })
        };
        if let Some(paused) = self.paused {
            return held(0, paused, limits.fetch);
        }
        if let Some(fetching) = &self.fetching {
            // What is older than the assignment says nothing of it.
            let (first, later) = match (fetching.asked, fetching.answered) {
                (None, _) => return held(1, self.since, limits.fetch),
                (Some(asked), None) => {
                    (held(2, self.since, limits.fetch), held(3, asked, limits.fetch))
                }
                (Some(asked), Some(answered)) => (
                    held(3, asked.max(self.since), limits.fetch),
                    held(4, answered.max(self.since), limits.fetch),
                ),
            };
            if let Some(row) = first.or(later) {
                return Some(row);
            }
        }
        let Some(end) = standing.end else {
            // A driver that tells nothing of fetching does not tell of the end either.
            self.fetching.as_ref()?;
            return held(5, self.since, limits.processing);
        };
        // Where nothing is committed and nothing was delivered, it is not known whether there is anything.
        if !standing.commits || standing.committed.is_none_or(|committed| committed >= end) {
            return None;
        }
        let stream = match self.received {
            None => held(6, self.since, limits.processing),
            Some(received) => held(7, received.max(self.since), limits.processing),
        };
        stream.or_else(|| match self.committed {
            None => held(8, self.since, limits.commit),
            Some(committed) => held(9, committed.max(self.since), limits.commit),
        })
    }
}

impl Row {
    fn limit(self, limits: &Watchdog) -> Duration {
        match self.number {
            0..=4 => limits.fetch,
            5..=7 => limits.processing,
            _ => limits.commit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use milena_core::record::{Epoch, TopicPartition};

    const LIMIT: Duration = Duration::from_mins(5);
    const SECOND: Duration = Duration::from_secs(1);
    const BACKLOG: Standing =
        Standing { end: Some(10), committed: Some(5), is_paused: false, commits: true };
    const DONE: Standing = Standing { committed: Some(10), ..BACKLOG };

    fn fetch(asked: Option<Duration>, answered: Option<Duration>) -> Fetch {
        let partition = TopicPartition::new("t", 0);
        Fetch { partition, epoch: Epoch(1), asked, answered, end: None }
    }

    /// The row that holds so long behind the assignment.
    fn row(watch: &mut Watch, at: Instant, standing: Standing) -> Option<u8> {
        watch.look(at, standing, &Watchdog::default()).0.map(|row| row.number)
    }

    /// Sees that the row is told at its limit and not before it.
    fn fires(number: u8, standing: Standing, make: impl Fn(&mut Watch, Instant)) {
        let start = Instant::now();
        for (after, expected) in [(LIMIT - SECOND, None), (LIMIT, Some(number))] {
            let mut watch = Watch::new(start);
            make(&mut watch, start);
            assert_eq!(row(&mut watch, start + after, standing), expected, "after {after:?}");
        }
    }

    #[test]
    fn row_0_calls_are_paused() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        let paused = Standing { is_paused: true, ..BACKLOG };

        assert_eq!(row(&mut watch, start, paused), None);
        assert_eq!(row(&mut watch, start + LIMIT - SECOND, paused), None);
        assert_eq!(row(&mut watch, start + LIMIT, paused), Some(0));
    }

    #[test]
    fn a_pause_that_ends_begins_everything_anew() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        let paused = Standing { is_paused: true, ..BACKLOG };
        row(&mut watch, start, paused);

        assert_eq!(row(&mut watch, start + LIMIT - SECOND, BACKLOG), None);
        assert_eq!(row(&mut watch, start + LIMIT, BACKLOG), None);
        assert_eq!(row(&mut watch, start + 2 * LIMIT - SECOND, BACKLOG), Some(6));
    }

    #[test]
    fn row_1_the_broker_was_never_asked() {
        fires(1, DONE, |watch, start| watch.fetched(&fetch(None, None), start));
    }

    #[test]
    fn row_2_the_broker_never_answered() {
        // It is asked all the time, as by a client that tries again.
        let start = Instant::now();
        let mut watch = Watch::new(start);
        watch.fetched(&fetch(Some(SECOND), None), start + LIMIT);

        assert_eq!(row(&mut watch, start + LIMIT - SECOND, DONE), None);
        assert_eq!(row(&mut watch, start + LIMIT, DONE), Some(2));
    }

    #[test]
    fn row_3_the_broker_is_asked_no_more() {
        fires(3, DONE, |watch, start| {
            watch.fetched(&fetch(Some(Duration::ZERO), Some(Duration::ZERO)), start);
        });
    }

    #[test]
    fn row_4_the_broker_answers_no_more() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        watch.fetched(&fetch(Some(SECOND), Some(LIMIT)), start + LIMIT);

        assert_eq!(row(&mut watch, start + LIMIT, DONE), Some(4));
        watch.fetched(&fetch(Some(SECOND), Some(SECOND)), start + LIMIT);
        assert_eq!(row(&mut watch, start + LIMIT, DONE), None);
    }

    #[test]
    fn row_5_the_end_is_not_known() {
        let start = Instant::now();
        let unknown = Standing { end: None, ..BACKLOG };
        let mut watch = Watch::new(start);

        assert_eq!(row(&mut watch, start + LIMIT, unknown), None, "without a word of the driver");
        watch.fetched(&fetch(Some(SECOND), Some(SECOND)), start + LIMIT);
        assert_eq!(row(&mut watch, start + LIMIT - SECOND, unknown), None);
        assert_eq!(row(&mut watch, start + LIMIT, unknown), Some(5));
    }

    #[test]
    fn row_6_nothing_was_delivered() {
        fires(6, BACKLOG, |_, _| {});
    }

    #[test]
    fn row_7_nothing_more_is_delivered() {
        fires(7, BACKLOG, Watch::received);
    }

    #[test]
    fn row_8_nothing_was_committed() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        watch.received(start + LIMIT);

        assert_eq!(row(&mut watch, start + LIMIT - SECOND, BACKLOG), None);
        assert_eq!(row(&mut watch, start + LIMIT, BACKLOG), Some(8));
    }

    #[test]
    fn row_9_what_is_committed_does_not_grow() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        watch.committed(start);
        watch.received(start + LIMIT);

        assert_eq!(row(&mut watch, start + LIMIT - SECOND, BACKLOG), None);
        assert_eq!(row(&mut watch, start + LIMIT, BACKLOG), Some(9));
    }

    #[test]
    fn nothing_is_told_of_a_partition_that_is_done() {
        let start = Instant::now();
        let mut watch = Watch::new(start);

        assert_eq!(row(&mut watch, start + 10 * LIMIT, DONE), None);
        assert_eq!(row(&mut watch, start + LIMIT, Standing { commits: false, ..BACKLOG }), None);
        assert_eq!(row(&mut watch, start + LIMIT, Standing { committed: None, ..BACKLOG }), None);
    }

    #[test]
    fn a_row_is_told_again_only_when_its_time_is_over_and_then_that_it_holds_no_more() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        let limits = Watchdog::default();

        assert_eq!(row(&mut watch, start + LIMIT, BACKLOG), Some(6));
        assert_eq!(row(&mut watch, start + 2 * LIMIT - SECOND, BACKLOG), None);
        assert_eq!(row(&mut watch, start + 2 * LIMIT, BACKLOG), Some(6));
        assert_eq!(watch.look(start + 2 * LIMIT, DONE, &limits), (None, true));
        assert_eq!(watch.look(start + 2 * LIMIT, DONE, &limits), (None, false));
    }

    #[test]
    fn time_before_the_assignment_does_not_count() {
        let start = Instant::now() + 10 * LIMIT;
        let mut watch = Watch::new(start);
        watch.fetched(&fetch(Some(LIMIT), Some(LIMIT)), start + SECOND);

        assert_eq!(row(&mut watch, start + SECOND, DONE), None);
    }
}
