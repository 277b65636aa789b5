use crate::error::config as refuse;
use milena_core::error::Error;
use std::time::{Duration, Instant};

/// The first pause behind a failure; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// A token that is younger is not the reason why a broker refuses it.
const YOUNG: Duration = Duration::from_secs(10);

/// When tokens are asked for, and how long that may take.
#[derive(Clone, Copy)]
pub(in crate::security) struct Pace {
    pub(in crate::security) timeout: Duration,
    pub(in crate::security) refresh_at: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), refresh_at: 0.8 }
    }
}

impl Pace {
    pub(in crate::security) fn validate(&self) -> Result<(), Error> {
        if !(0.1..=0.9).contains(&self.refresh_at) {
            let why = format!("{} is not from 0.1 to 0.9", self.refresh_at);
            return Err(refuse(format!("could not use `Kafka::token_refresh_at`: {why}")));
        }
        if self.timeout.is_zero() {
            let why = "no provider answers in no time";
            return Err(refuse(format!("could not use `Kafka::token_timeout`: {why}")));
        }
        Ok(())
    }
}

/// How it went so far.
#[derive(Default)]
pub(super) struct Tries {
    failures: u32,
    last: Option<Instant>,
}

impl Tries {
    pub(super) fn succeeded(&mut self) {
        (self.failures, self.last) = (0, Some(Instant::now()));
    }

    /// How long to wait for the next one: not as long as others do that failed at the same time.
    pub(super) fn failed(&mut self) -> Duration {
        let pause = (FIRST * 2_u32.saturating_pow(self.failures.min(10))).min(LONGEST);
        (self.failures, self.last) = (self.failures + 1, Some(Instant::now()));
        pause.mul_f64(1.0 - 0.2 * fastrand::f64())
    }

    pub(super) fn may_doubt(&self) -> bool {
        self.last.is_some_and(|last| last.elapsed() >= YOUNG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_begin_anew_behind_a_success() {
        let mut tries = Tries::default();
        let seconds = |tries: &mut Tries| tries.failed().as_secs_f64();

        for most in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let pause = seconds(&mut tries);
            assert!((most * 0.8..=most).contains(&pause), "{pause} of {most}");
        }
        tries.succeeded();
        assert!(seconds(&mut tries) <= 1.0);
        assert!(!tries.may_doubt());
    }

    #[test]
    fn a_pace_that_cannot_be_kept_is_refused() {
        let pace = Pace { refresh_at: 1.0, ..Pace::default() };
        let why = "could not use `Kafka::token_refresh_at`: 1 is not from 0.1 to 0.9";
        assert_eq!(pace.validate().unwrap_err().to_string(), why);
        assert!(Pace { timeout: Duration::ZERO, ..Pace::default() }.validate().is_err());
        assert!(Pace { refresh_at: f64::NAN, ..Pace::default() }.validate().is_err());
        Pace::default().validate().unwrap();
    }
}
