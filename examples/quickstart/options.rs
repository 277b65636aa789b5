//! The command line.

use crate::billing::{self, Desk};
use clap::Parser;
use milena::{
    Router, by_key,
    router::{Concurrency, by_partition},
    unordered,
};
use std::{net::SocketAddr, time::Duration};

/// Bills orders: the records of `orders` become invoices in `invoices`, and dead letters in `orders.dead`.
#[derive(Parser)]
pub(crate) struct Args {
    /// The broker: `kafka://host:port`, or `memory://` for one inside this process.
    #[arg(long, value_name = "URL", default_value = "memory://")]
    pub(crate) broker: String,

    /// How many orders to publish; 10,000 on the broker inside this process, else none.
    #[arg(long, value_name = "N")]
    pub(crate) feed: Option<u64>,

    /// An option of the Kafka client, such as `session.timeout.ms=2000`; can be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) set: Vec<(String, String)>,

    /// Which orders wait for each other: those of a `partition`; those of a key, with N calls at once
    /// (`key:N`); or none, with N calls at once (`unordered:N`).
    #[arg(long, value_name = "ORDER", default_value = "partition", value_parser = order)]
    pub(crate) concurrency: Concurrency,

    /// Publish invoices and dead letters exactly once, in transactions under this id. Each running instance
    /// has one of its own.
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) exactly_once: Option<String>,

    /// How often to commit, in milliseconds; 1000 if nothing is said, or 100 with --exactly-once.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    commit_interval: Option<u64>,

    /// Where to show metrics, for Prometheus or a browser: `http://ADDRESS/metrics`.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Print the first traces at the end: orders, their calls and their invoices as trees. The context of
    /// each goes along in its `traceparent`.
    #[arg(long)]
    pub(crate) trace: bool,

    /// How many milliseconds a call takes: 0 to MS, at random.
    #[arg(long, value_name = "MS")]
    work: Option<u32>,
}

impl Args {
    /// The service, as the command line says.
    pub(crate) fn router(&self, desk: Desk) -> Router {
        let router = billing::router(desk, self.concurrency);
        let router = if self.trace { router.traced() } else { router };
        let router = match self.commit_interval {
            Some(millis) => router.commit_interval(Duration::from_millis(millis)),
            None => router,
        };
        match &self.exactly_once {
            Some(id) => router.exactly_once(id.as_str()),
            None => router,
        }
    }

    /// What calls have, as the command line says.
    pub(crate) fn desk(&self) -> Desk {
        let work = self.work.filter(|most| *most > 0);
        Desk { work: work.map(|most| Duration::from_millis(most.into())), ..Desk::default() }
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it is not KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn order(text: &str) -> Result<Concurrency, String> {
    let calls = |calls: &str| match calls.parse() {
        Ok(0) => Err("it makes no call at all".to_owned()),
        Ok(calls) => Ok(calls),
        Err(error) => Err(format!("`{calls}` is no number of calls: {error}")),
    };
    match text.split_once(':') {
        None if text == "partition" => Ok(by_partition()),
        Some(("key", number)) => calls(number).map(by_key),
        Some(("unordered", number)) => calls(number).map(unordered),
        _ => Err("it is neither `partition` nor `key:N` nor `unordered:N`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Args, String> {
        let program = std::iter::once(&"quickstart");
        Args::try_parse_from(program.chain(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn each_order_has_a_name() {
        for (args, order) in [
            (&[][..], by_partition()),
            (&["--concurrency", "partition"], by_partition()),
            (&["--concurrency", "key:1"], by_key(1)),
            (&["--concurrency=key:1000"], by_key(1000)),
            (&["--concurrency", "unordered:16"], unordered(16)),
        ] {
            assert_eq!(parsed(args).map(|args| args.concurrency), Ok(order), "{args:?}");
        }
    }

    #[test]
    fn an_order_that_is_none_is_an_error_that_says_so() {
        for (value, named) in [
            ("", "neither `partition` nor `key:N` nor `unordered:N`"),
            ("topic", "neither `partition` nor `key:N` nor `unordered:N`"),
            ("partition:4", "neither `partition` nor `key:N` nor `unordered:N`"),
            ("key", "neither `partition` nor `key:N` nor `unordered:N`"),
            ("Key:4", "neither `partition` nor `key:N` nor `unordered:N`"),
            ("key:", "`` is no number of calls"),
            ("key:many", "`many` is no number of calls"),
            ("key:-1", "`-1` is no number of calls"),
            ("unordered:1.5", "`1.5` is no number of calls"),
            ("key:0", "it makes no call at all"),
            ("unordered:0", "it makes no call at all"),
        ] {
            let error = parsed(&[&format!("--concurrency={value}")]).map(drop).unwrap_err();
            assert!(error.contains(named) && error.contains("--concurrency"), "{value}: {error}");
        }
    }

    #[test]
    fn work_is_a_number_of_milliseconds_and_none_by_default() {
        let work = |args: &[&str]| parsed(args).map(|args| args.desk().work);

        assert_eq!(work(&[]), Ok(None));
        assert_eq!(work(&["--work", "0"]), Ok(None));
        assert_eq!(work(&["--work", "5"]), Ok(Some(Duration::from_millis(5))));
        for bad in ["--work=-1", "--work=5ms", "--work="] {
            assert!(work(&[bad]).unwrap_err().contains("--work"), "{bad}");
        }
    }
}
