//! The pipeline in transactions.

use std::time::{Duration, Instant};

/// When a transaction ends.
#[derive(Clone, Copy, Debug)]
pub enum Every {
    Time(Duration),
    Records(usize),
}

impl Every {
    /// Each 100 ms.
    pub const TIME: Self = Self::Time(Duration::from_millis(100));
    /// Each 1,000 records.
    pub const COUNT: Self = Self::Records(1000);

    /// Whether it ends behind so many records.
    pub fn is_over(self, records: usize) -> bool {
        matches!(self, Self::Records(most) if records >= most)
    }

    /// Whether it ends now, when it began then.
    pub fn is_due(self, began: Instant) -> bool {
        matches!(self, Self::Time(time) if began.elapsed() >= time)
    }
}
