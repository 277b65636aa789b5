mod errors;

use self::errors::Errors;
use std::{error::Error, fmt, time::Duration};

/// How often, and when, a handler is called again with a record that failed.
///
/// The lane of the record waits meanwhile; other lanes run on, the member stays in its group, and a
/// shutdown or a rebalance does not wait for the delay. A record whose bytes cannot be decoded is not
/// tried again.
///
/// ```
/// use milena::Retry;
/// use std::{io, time::Duration};
///
/// // Three calls at most; about 20 ms between the first two, about 40 ms before the third.
/// let retry = Retry::exponential(3).starting_at(Duration::from_millis(20));
///
/// // For as long as it takes, but only if it is the connection.
/// let retry = Retry::forever().when(|error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset);
/// ```
#[derive(Clone)]
pub struct Retry {
    /// The most calls in all; `None` is no limit.
    attempts: Option<u32>,
    first: Duration,
    factor: u32,
    longest: Duration,
    jitter: bool,
    within: Option<Duration>,
    errors: Errors,
}

impl Retry {
    /// No second call, which is the default.
    pub fn none() -> Self {
        Self::fixed(1, Duration::ZERO)
    }

    /// At most `attempts` calls in all, with `delay` between them, without jitter.
    pub fn fixed(attempts: u32, delay: Duration) -> Self {
        Self {
            attempts: Some(attempts.max(1)),
            first: delay,
            factor: 1,
            longest: delay,
            jitter: false,
            within: None,
            errors: Errors::default(),
        }
    }

    /// At most `attempts` calls in all, with longer and longer delays between them, and jitter.
    ///
    /// The first delay is 100 ms; each next one is twice as long, up to 30 s. What is waited is between
    /// the half and the whole of that.
    pub fn exponential(attempts: u32) -> Self {
        Self { attempts: Some(attempts.max(1)), ..Self::forever() }
    }

    /// Calls without a limit, with the delays of [`exponential`](Self::exponential).
    ///
    /// What never succeeds holds its lane up for ever, so that nothing behind it is done or committed.
    pub fn forever() -> Self {
        Self {
            attempts: None,
            factor: 2,
            longest: Duration::from_secs(30),
            jitter: true,
            ..Self::fixed(1, Duration::from_millis(100))
        }
    }

    /// With this first delay.
    #[must_use]
    pub fn starting_at(self, first: Duration) -> Self {
        Self { first, longest: self.longest.max(first), ..self }
    }

    /// With no delay longer than this.
    #[must_use]
    pub fn at_most(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// With jitter: each delay is taken at random between its half and its whole, so that members that
    /// failed together do not all come back together.
    #[must_use]
    pub fn with_jitter(self) -> Self {
        Self { jitter: true, ..self }
    }

    /// With delays that are exactly as long as they are told.
    #[must_use]
    pub fn without_jitter(self) -> Self {
        Self { jitter: false, ..self }
    }

    /// With no call that would begin later than this after the start of the first.
    ///
    /// It is a limit beside that of calls. One that runs is not cut short; a
    /// [timeout](crate::router::Subscriber::timeout) does that.
    #[must_use]
    pub fn give_up_after(self, time: Duration) -> Self {
        Self { within: Some(time), ..self }
    }

    /// Tries again what failed with an `E` that `retry` says yes to; of several of these one has to.
    ///
    /// The `E` is the error of the handler, or one behind it ([`source`](Error::source)). Once this is
    /// said, errors of other types are not tried again, and neither are panics.
    ///
    /// ```
    /// use milena::{Retry, error::{Error, ErrorKind}};
    ///
    /// // Calls that took too long, and nothing else.
    /// let retry = Retry::exponential(5).when(|error: &Error| error.kind() == ErrorKind::TimedOut);
    /// ```
    #[must_use]
    pub fn when<E: Error + 'static>(
        mut self,
        retry: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.errors.when(retry);
        self
    }

    /// Does not try again what failed with an `E` that `give_up` says yes to, whatever
    /// [`when`](Self::when) says.
    ///
    /// Without a `when`, everything else is tried again.
    #[must_use]
    pub fn unless<E: Error + 'static>(
        mut self,
        give_up: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.errors.unless(give_up);
        self
    }

    /// Whether it is of interest when the first call began.
    pub(crate) fn is_timed(&self) -> bool {
        self.within.is_some()
    }

    /// Whether what failed with this error is tried again at all; a panic has none.
    pub(crate) fn takes(&self, error: Option<&(dyn Error + 'static)>) -> bool {
        self.errors.take(error)
    }

    /// How long to wait behind a failed attempt (the first is 1), so long behind the start of the first,
    /// or `None` when it was the last.
    pub(crate) fn delay(&self, attempt: u32, elapsed: Duration) -> Option<Duration> {
        if self.attempts.is_some_and(|most| attempt >= most) {
            return None;
        }
        let factor = self.factor.saturating_pow(attempt.saturating_sub(1));
        let whole = self.first.saturating_mul(factor).min(self.longest);
        let delay = if self.jitter { jittered(whole) } else { whole };
        let late = self.within.is_some_and(|within| elapsed.saturating_add(delay) > within);
        (!late).then_some(delay)
    }
}

/// Some time between the half and the whole of this.
fn jittered(whole: Duration) -> Duration {
    let half = whole / 2;
    half + half.mul_f64(fastrand::f64())
}

impl Default for Retry {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempts, first, factor, longest, jitter, within, errors } = self;
        f.debug_struct("Retry")
            .field("attempts", attempts)
            .field("first", first)
            .field("factor", factor)
            .field("longest", longest)
            .field("jitter", jitter)
            .field("within", within)
            .field("errors", errors)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn delay(retry: &Retry, attempt: u32) -> Option<Duration> {
        retry.delay(attempt, Duration::ZERO)
    }

    #[test]
    fn the_number_counts_the_first_call() {
        assert_eq!(delay(&Retry::none(), 1), None);
        assert_eq!(delay(&Retry::fixed(2, MS), 1), Some(MS));
        assert_eq!(delay(&Retry::fixed(2, MS), 2), None);
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let retry = Retry::exponential(6).starting_at(10 * MS).at_most(50 * MS).without_jitter();

        let delays: Vec<_> = (1..).map_while(|attempt| delay(&retry, attempt)).collect();

        assert_eq!(delays, [10 * MS, 20 * MS, 40 * MS, 50 * MS, 50 * MS]);
    }

    #[test]
    fn delays_do_not_overflow() {
        let longest = Some(Duration::from_secs(30));
        assert_eq!(delay(&Retry::exponential(u32::MAX).without_jitter(), 1_000_000), longest);
        assert_eq!(delay(&Retry::forever().without_jitter(), u32::MAX), longest);
        let long = Retry::forever().starting_at(Duration::MAX);
        assert!(delay(&long, 9).unwrap() >= Duration::MAX / 2 - MS);
    }

    #[test]
    fn jitter_takes_between_the_half_and_the_whole() {
        for retry in [Retry::forever(), Retry::fixed(9, 100 * MS).with_jitter()] {
            let delays: Vec<_> = (0..1_000).map(|_| delay(&retry, 1).unwrap()).collect();

            assert!(delays.iter().all(|delay| (50 * MS..=100 * MS).contains(delay)));
            assert!(delays.iter().any(|delay| *delay < 60 * MS), "the low end is used");
            assert!(delays.iter().any(|delay| *delay > 90 * MS), "and the high end");
        }
    }

    #[test]
    fn a_call_that_would_begin_too_late_is_not_made() {
        let retry = Retry::fixed(9, 10 * MS).give_up_after(100 * MS);

        assert_eq!(retry.delay(1, 90 * MS), Some(10 * MS));
        assert_eq!(retry.delay(1, 91 * MS), None);
        assert_eq!(retry.delay(9, Duration::ZERO), None, "the limit of calls counts, too");
    }
}
