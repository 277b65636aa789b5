mod fetch;
mod group;

use super::{Options, check, client_options, defaults};
use crate::{error::Error, transport::Reset};
use std::{collections::BTreeMap, time::Duration};

pub(super) use self::fetch::MAX_POLL_RECORDS;

/// What the client of a consumer is configured with, beside what its membership says.
///
/// ```
/// use milena_core::transport::{Assignment, ConsumerConfig, Reset};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), milena_core::Error> {
/// let config = ConsumerConfig::new()
///     .session_timeout(Duration::from_secs(20))
///     .max_poll_interval(Duration::from_secs(60))
///     .partition_assignment_strategy([Assignment::Range])
///     .auto_offset_reset(Reset::Error);
/// config.validate()?;
/// # Ok(())
/// # }
/// ```
///
/// Each method says what the default is, and why where it is another than in the documents of aiokafka,
/// FastStream and FastKafka. Times are in whole milliseconds, sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerConfig {
    pub(super) options: Options,
    reset: Option<Reset>,
}

client_options!(ConsumerConfig);

impl ConsumerConfig {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// What happens when the offset to go on from is not there, and where a new group begins if the
    /// router does not [say](crate::transport::StartAt).
    ///
    /// The documents say `latest`. By default it is [`Reset::Earliest`], because what was written before
    /// the first start, or while an offset was lost, would otherwise never be read.
    #[must_use]
    pub fn auto_offset_reset(self, reset: Reset) -> Self {
        Self { reset: Some(reset), ..self }
    }

    /// The reset policy, if it was set.
    pub fn reset(&self) -> Option<Reset> {
        self.reset
    }

    /// How long a broker may take to answer (`socket.timeout.ms`), from 10 ms to 5 minutes; by default
    /// 60 s. It has to be longer than [`fetch_max_wait`](Self::fetch_max_wait), by a second at least.
    ///
    /// The documents say 40 s. A request that waits behind a slow one on the same connection is not lost,
    /// so more patience costs nothing: a broker that is gone is noticed by its connection.
    #[must_use]
    #[doc(alias = "request_timeout_ms")]
    pub fn request_timeout(mut self, time: Duration) -> Self {
        self.options.set_millis("socket.timeout.ms", time);
        self
    }

    /// Whether all options can be used, on their own and together. What is not set counts with its default.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::error::ErrorKind::Config), with a message that names each option concerned.
    pub fn validate(&self) -> Result<(), Error> {
        self.options.validate()?;
        check::consumer(self)
    }

    /// This configuration, with what `later` sets over it.
    #[must_use]
    pub fn and(self, later: &Self) -> Self {
        Self { options: self.options.and(&later.options), reset: later.reset.or(self.reset) }
    }

    /// What a client is made with, for drivers: the defaults with what was set over them, each option by
    /// one of its names. Options of Milena's own are not among them.
    pub fn resolved(&self) -> BTreeMap<&str, &str> {
        self.options.over(defaults::consumer())
    }
}
