use milena_core::{
    error::{Error, ErrorKind},
    transport::Transport,
};

/// The transport that a URL names: `kafka://host:port,host:port`, or `memory://` for a broker in this process.
///
/// ```
/// # fn main() -> Result<(), milena::Error> {
/// let transport = milena::connect("memory://")?;
/// # drop(transport);
/// # #[cfg(feature = "kafka")]
/// let transport = milena::connect("kafka://broker-1:9092,broker-2:9092")?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// No transport of this build has such a URL. Whether somebody answers there is not tried.
pub fn connect(url: &str) -> Result<Box<dyn Transport>, Error> {
    let refuse = |why: &str| {
        Error::new(ErrorKind::Config, format!("could not use broker URL `{url}`: {why}"))
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(refuse("it has no scheme, as in `kafka://localhost:9092`"));
    };
    match scheme {
        #[cfg(feature = "kafka")]
        "kafka" => Ok(Box::new(milena_rdkafka::Kafka::from_url(url)?)),
        #[cfg(feature = "memory")]
        "memory" if rest.is_empty() => Ok(Box::new(milena_memory::Memory::new())),
        #[cfg(feature = "memory")]
        "memory" => Err(refuse("the broker in this process has no address")),
        "kafka" | "memory" => Err(refuse(&format!("this build has not the feature `{scheme}`"))),
        _ => Err(refuse("the schemes are `kafka` and `memory`")),
    }
}
