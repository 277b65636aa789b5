//! What does a whole service look like? It runs on a broker inside this process, or on a real Kafka.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program")]

mod billing;
mod feed;
mod show;

use billing::{Counts, DEAD_LETTERS, GROUP, INVOICES, ORDERS};
use clap::Parser;
use milena::{
    Error, Kafka, Memory, Publisher,
    error::ErrorKind,
    transport::{NewTopic, Transport},
};
use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Bills orders: the records of `orders` become invoices in `invoices`, and dead letters in `orders.dead`.
#[derive(Parser)]
struct Args {
    /// The broker: `kafka://host:port`, or `memory://` for one inside this process.
    #[arg(long, value_name = "URL", default_value = "memory://")]
    broker: String,

    /// How many orders to publish; 10,000 on the broker inside this process, else none.
    #[arg(long, value_name = "N")]
    feed: Option<u64>,

    /// An option of the Kafka client, such as `session.timeout.ms=2000`; can be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // One line for each dead letter would be a lot here; `RUST_LOG=info` shows them and more.
    let quiet = || EnvFilter::new("warn,milena::record=error");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| quiet());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Error> {
    let stop = Stop::new()?;
    match args.broker.strip_prefix("kafka://") {
        Some(_) => on_kafka(args, stop).await,
        None if args.broker == "memory://" && args.set.is_empty() => {
            in_memory(args.feed.unwrap_or(10_000), stop).await
        }
        None => {
            let why = if args.set.is_empty() {
                "it is neither `kafka://` nor `memory://`"
            } else {
                "it takes no options"
            };
            Err(Error::new(
                ErrorKind::Config,
                format!("could not use broker URL `{}`: {why}", args.broker),
            ))
        }
    }
}

/// Bills orders on a broker of its own until all are billed, and shows what came of them.
async fn in_memory(orders: u64, mut stop: Stop) -> Result<(), Error> {
    let (memory, counts) = (Memory::new(), Arc::<Counts>::default());
    memory.create_topics(topics()).await?;
    println!("Billing {orders} orders on a broker inside this process.");
    let progress = show::progress(orders);
    feed::feed(&Publisher::new(memory.producer().await?), orders, &progress).await?;
    progress.set_position(0);

    let (broker, counted, watched) = (memory.clone(), counts.clone(), progress.clone());
    let (tell, told) = tokio::sync::oneshot::channel();
    let billed = async move {
        tokio::select! {
            took = show::until_billed(&broker, &counted, &watched) => drop(tell.send(took)),
            () = stop.asked() => {}
        }
    };
    let started = Instant::now();
    milena::serve(memory.clone(), billing::router(counts.clone())).with_shutdown(billed).await?;
    progress.finish_and_clear();
    show::summary(&memory, &counts, told.await.unwrap_or_else(|_| started.elapsed()));
    Ok(())
}

/// Bills orders on a real Kafka until the program is told to stop.
async fn on_kafka(args: Args, mut stop: Stop) -> Result<(), Error> {
    let kafka = args
        .set
        .into_iter()
        .fold(Kafka::from_url(&args.broker)?, |kafka, (key, value)| kafka.set(key, value));
    let counts = Arc::<Counts>::default();
    tokio::select! {
        made = make_topics(&kafka) => made?,
        () = stop.asked() => return Ok(()),
    }
    println!(
        "Billing orders of {} as a member of group `{GROUP}`, until ctrl-c or SIGTERM.",
        args.broker
    );
    let feeding = args.feed.map(|orders| tokio::spawn(feed_kafka(kafka.clone(), orders)));
    let served = milena::serve(kafka, billing::router(counts.clone()))
        .with_shutdown(async move { stop.asked().await })
        .await;
    if let Some(feeding) = feeding {
        feeding.abort();
    }
    show::counts(&counts);
    served
}

async fn feed_kafka(kafka: Kafka, orders: u64) {
    let progress = show::progress(orders);
    let fed = async {
        let publisher = Publisher::new(kafka.producer().await?);
        feed::feed(&publisher, orders, &progress).await
    };
    match fed.await {
        Ok(()) => println!("Published {orders} orders."),
        Err(error) => eprintln!("quickstart: {error}"),
    }
    progress.finish_and_clear();
}

fn topics() -> Vec<NewTopic> {
    [ORDERS, INVOICES, DEAD_LETTERS].map(|name| NewTopic::new(name).partitions(6)).into()
}

/// Creates the topics that are missing, as soon as there is a broker.
async fn make_topics(kafka: &Kafka) -> Result<(), Error> {
    loop {
        match kafka.create_topics(topics()).await {
            Err(error) if error.kind() == ErrorKind::Unreachable => {
                eprintln!("quickstart: {error}; trying again");
            }
            made => return made.map(drop),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it is not KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// What tells the program to stop. It listens from its start on, so that no signal is missed.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> Result<Self, Error> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Error::new(ErrorKind::Driver, format!("could not listen to signals: {error}"))
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
