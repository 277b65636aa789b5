use std::time::Duration;

/// When a subscription pauses because its records fail, instead of making all of them dead letters.
///
/// A dead letter is for the record that is wrong. When many fail, it is rather the service, or what it
/// depends on, that is wrong. So the breaker counts records that are dead-lettered, whoever decided that,
/// and those that are skipped because they failed; not those that a handler skips by an
/// [`Outcome`](crate::Outcome), however many. When they are too many it opens: no call begins any more, in
/// any partition of the subscription. What runs may end, and the member stays in its group. After the
/// cool-down one call is let through. If it succeeds the breaker closes; if its record fails it stays
/// open for another cool-down. The log tells of each of these.
///
/// Every subscription has one; [`without_breaker`](crate::router::Subscriber::without_breaker) takes it away.
///
/// ```
/// use milena::{each, router::Breaker};
/// use std::time::Duration;
///
/// async fn bill() {}
///
/// # let _: milena::Router = milena::Router::new("billing").subscribe("orders",
/// each(bill)
///     .dead_letters()
///     .breaker(Breaker::default().in_a_row(20).share(0.1, 1_000).cool_down(Duration::from_secs(60)))
/// # );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Breaker {
    pub(crate) in_a_row: usize,
    /// So many of so many.
    pub(crate) failed: usize,
    pub(crate) of_last: usize,
    pub(crate) cool_down: Duration,
}

impl Breaker {
    /// Opens at this many failures in a row; the default is 100.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn in_a_row(self, records: usize) -> Self {
        assert!(records > 0, "a breaker opens at one failure at the earliest");
        Self { in_a_row: records, ..self }
    }

    /// Opens when this share of the last records failed; the default is 0.5 of 200. Records count in the
    /// order in which they are read, over all partitions of the subscription.
    ///
    /// # Panics
    ///
    /// If the share is not above 0 and up to 1, or it is one of no records.
    #[must_use]
    #[track_caller]
    pub fn share(self, share: f64, of_last: usize) -> Self {
        assert!(share > 0.0 && share <= 1.0, "a share of failures is above 0 and up to 1");
        assert!(of_last > 0, "a share of failures is one of some records");
        let failed = (share * of_last as f64).ceil() as usize;
        Self { failed: failed.max(1), of_last, ..self }
    }

    /// Lets a call through when this time is over; the default is 30 s.
    #[must_use]
    pub fn cool_down(self, time: Duration) -> Self {
        Self { cool_down: time, ..self }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self { in_a_row: 100, failed: 100, of_last: 200, cool_down: Duration::from_secs(30) }
    }
}
