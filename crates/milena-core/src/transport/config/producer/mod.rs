mod batch;
mod delivery;

use super::{Options, check, client_options, defaults};
use crate::error::Error;
use std::{collections::BTreeMap, time::Duration};

/// What the client of a producer is configured with.
///
/// ```
/// use milena_core::transport::{Compression, ProducerConfig};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), milena_core::Error> {
/// let config = ProducerConfig::new()
///     .compression(Compression::Lz4)
///     .linger(Duration::from_millis(20))
///     .batch_size(256 * 1024);
/// config.validate()?;
/// # Ok(())
/// # }
/// ```
///
/// Each method says what the default is, and why where it is another than in the documents of aiokafka,
/// Faust and FastKafka. Times are in whole milliseconds, sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProducerConfig {
    pub(super) options: Options,
}

client_options!(ProducerConfig);

impl ProducerConfig {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether all options can be used, on their own and together. What is not set counts with its default.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::error::ErrorKind::Config), with a message that names each option concerned.
    pub fn validate(&self) -> Result<(), Error> {
        self.options.validate()?;
        check::producer(self)
    }

    /// This configuration, with what `later` sets over it.
    #[must_use]
    pub fn and(self, later: &Self) -> Self {
        Self { options: self.options.and(&later.options) }
    }

    /// What a client is made with, for drivers: the defaults with what was set over them, each option by
    /// one of its names.
    pub fn resolved(&self) -> BTreeMap<&str, &str> {
        self.options.over(defaults::producer())
    }
}
