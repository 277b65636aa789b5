use milena_core::{handler::Delivery, record::Record};
use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

/// Which calls of a handler fail in a test; a number is that of the first calls.
///
/// ```
/// use milena_test::When;
///
/// let _: When = 2.into(); // the first two
/// let _ = When::always();
/// let _ = When::matching(|record| record.key() == Some(b"ada"));
/// ```
pub struct When(Kind);

enum Kind {
    Always,
    /// So many are left.
    Times(AtomicU32),
    Matching(Box<dyn Fn(&Record) -> bool + Send + Sync>),
}

impl When {
    /// All calls.
    pub fn always() -> Self {
        Self(Kind::Always)
    }

    /// The first so many calls.
    pub fn times(calls: u32) -> Self {
        Self(Kind::Times(calls.into()))
    }

    /// Calls with such a record; of a batch, if one of its records is such.
    pub fn matching(is: impl Fn(&Record) -> bool + Send + Sync + 'static) -> Self {
        Self(Kind::Matching(Box::new(is)))
    }

    /// Whether this call is one of them.
    pub(super) fn is_now(&self, delivery: &Delivery) -> bool {
        match &self.0 {
            Kind::Always => true,
            Kind::Times(left) => {
                let one_less = |left: u32| left.checked_sub(1);
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
            }
            Kind::Matching(is) => delivery.records().any(is),
        }
    }
}

impl From<u32> for When {
    fn from(calls: u32) -> Self {
        Self::times(calls)
    }
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Always => f.write_str("always"),
            Kind::Times(left) => write!(f, "{} times", left.load(Ordering::SeqCst)),
            Kind::Matching(_) => f.write_str("for some records"),
        }
    }
}
