use std::time::Duration;

/// How often, and when, a handler is called again with a record that failed.
///
/// The lane of the record waits meanwhile; other lanes run on. A record whose bytes cannot be
/// decoded is not tried again.
///
/// ```
/// use milena::Retry;
/// use std::time::Duration;
///
/// // Three calls at most; 20 ms between the first two, 40 ms before the third.
/// let retry = Retry::exponential(3).starting_at(Duration::from_millis(20));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    factor: u32,
    longest: Duration,
}

impl Retry {
    /// No second call, which is the default.
    pub fn none() -> Self {
        Self::fixed(1, Duration::ZERO)
    }

    /// At most `attempts` calls in all, with `delay` between them.
    pub fn fixed(attempts: u32, delay: Duration) -> Self {
        Self { attempts: attempts.max(1), first: delay, factor: 1, longest: delay }
    }

    /// At most `attempts` calls in all. The first delay is 100 ms; each next one is twice as long, up to 30 s.
    pub fn exponential(attempts: u32) -> Self {
        Self {
            attempts: attempts.max(1),
            first: Duration::from_millis(100),
            factor: 2,
            longest: Duration::from_secs(30),
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

    /// How long to wait behind a failed attempt (the first is 1), or `None` when it was the last.
    pub(crate) fn delay(&self, attempt: u32) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let factor = self.factor.saturating_pow(attempt.saturating_sub(1));
        Some(self.first.saturating_mul(factor).min(self.longest))
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_number_counts_the_first_call() {
        assert_eq!(Retry::none().delay(1), None);
        assert_eq!(Retry::fixed(2, MS).delay(1), Some(MS));
        assert_eq!(Retry::fixed(2, MS).delay(2), None);
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let retry = Retry::exponential(6).starting_at(10 * MS).at_most(50 * MS);

        let delays: Vec<_> = (1..6).map_while(|attempt| retry.delay(attempt)).collect();

        assert_eq!(delays, [10 * MS, 20 * MS, 40 * MS, 50 * MS, 50 * MS]);
    }

    #[test]
    fn delays_do_not_overflow() {
        assert_eq!(Retry::exponential(u32::MAX).delay(1_000_000), Some(Duration::from_secs(30)));
    }
}
