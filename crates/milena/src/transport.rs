//! Ways to reach a broker, and the choice of one by its URL.

pub use milena_core::transport::*;
#[cfg(feature = "client-credentials")]
pub use milena_rdkafka::ClientCredentials;

use milena_core::error::{Error, ErrorKind};

pub mod options {
    #![doc = include_str!("docs/options.md")]
}

/// The transport that a URL names: `kafka://host:port,host:port`, or `memory://` for a broker in this process.
///
/// ```
/// # fn main() -> Result<(), milena::Error> {
/// # #[cfg(feature = "memory")]
/// let transport = milena::transport::connect("memory://")?;
/// # #[cfg(feature = "kafka")]
/// let transport = milena::transport::connect("kafka://broker-1:9092,broker-2:9092")?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// No transport of this build has such a URL. Whether somebody answers there is not tried.
pub fn connect(url: &str) -> Result<Box<dyn Transport>, Error> {
    // What stands before an `@` may be a password.
    let shown = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
    let refuse = |why: &str| {
        Error::new(ErrorKind::Config, format!("could not use broker URL `{shown}`: {why}"))
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(refuse("it has no scheme, as in `kafka://localhost:9092`"));
    };
    match (scheme, rest) {
        #[cfg(feature = "kafka")]
        ("kafka", _) => Ok(Box::new(milena_rdkafka::Kafka::from_url(url)?)),
        #[cfg(not(feature = "kafka"))]
        ("kafka", _) => Err(refuse("this build has not the feature `kafka`")),
        #[cfg(feature = "memory")]
        ("memory", "") => Ok(Box::new(milena_memory::Memory::new())),
        #[cfg(feature = "memory")]
        ("memory", _) => Err(refuse("the broker in this process has no address")),
        #[cfg(not(feature = "memory"))]
        ("memory", _) => Err(refuse("this build has not the feature `memory`")),
        _ => Err(refuse("the schemes are `kafka` and `memory`")),
    }
}
