use super::{Broker, Real};
use crate::Isolated;
use milena_core::transport::Transport;
use milena_memory::Memory;

/// What names the broker.
const VARIABLE: &str = "MILENA_TEST_BROKER";

/// The broker that the environment asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Chosen {
    /// The one in this process.
    Embedded,
    /// The Kafka of this URL.
    Kafka(String),
}

impl Chosen {
    /// What `MILENA_TEST_BROKER` says.
    ///
    /// # Panics
    ///
    /// If it says something else than `memory://` or `kafka://host:port`.
    #[track_caller]
    pub(crate) fn by_environment() -> Self {
        let value = std::env::var_os(VARIABLE).unwrap_or_default();
        match Self::of(&value.to_string_lossy()) {
            Ok(chosen) => chosen,
            Err(why) => panic!("could not use `{VARIABLE}`: {why}"),
        }
    }

    fn of(value: &str) -> Result<Self, String> {
        match value {
            "" | "memory://" => Ok(Self::Embedded),
            _ if value.starts_with("kafka://") => Ok(Self::Kafka(value.to_owned())),
            _ => Err(format!(
                "`{value}` is neither `memory://`, the embedded broker, nor `kafka://host:port`"
            )),
        }
    }

    /// A broker of this kind for one test, where topics come into being with this many partitions.
    #[track_caller]
    pub(crate) fn broker(&self, partitions: i32) -> Broker {
        match self {
            Self::Embedded => Broker::Embedded(Memory::new().default_partitions(partitions)),
            Self::Kafka(url) => {
                let isolated = Isolated::new(kafka(url)).default_partitions(partitions);
                Broker::Real(Real::new(isolated))
            }
        }
    }
}

#[cfg(feature = "kafka")]
#[track_caller]
fn kafka(url: &str) -> impl Transport + use<> {
    match milena_rdkafka::Kafka::from_url(url) {
        // What is new is to be seen soon.
        Ok(kafka) => kafka.set("topic.metadata.refresh.interval.ms", "500"),
        Err(error) => panic!("could not use `{VARIABLE}`: {error}"),
    }
}

#[cfg(not(feature = "kafka"))]
#[track_caller]
fn kafka(url: &str) -> Box<dyn Transport> {
    panic!(
        "could not use `{VARIABLE}`, which is `{url}`: milena-test is built without its feature `kafka`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_is_the_embedded_one_unless_the_environment_says_otherwise() {
        assert_eq!(Chosen::of(""), Ok(Chosen::Embedded));
        assert_eq!(Chosen::of("memory://"), Ok(Chosen::Embedded));
        let kafka = "kafka://localhost:9092";
        assert_eq!(Chosen::of(kafka), Ok(Chosen::Kafka(kafka.to_owned())));
    }

    #[test]
    fn what_names_no_broker_is_refused() {
        for value in ["localhost:9092", "memory://here", "redis://localhost", " "] {
            let why = Chosen::of(value).unwrap_err();
            assert!(why.starts_with(&format!("`{value}` is neither `memory://`")), "{why}");
        }
    }
}
