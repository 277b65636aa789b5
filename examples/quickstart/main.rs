//! What does a whole service look like? It runs on a broker inside this process, or on a real Kafka.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program")]

mod billing;
mod feed;
mod observe;
mod options;
mod show;
mod tree;

use billing::{DEAD_LETTERS, GROUP, INVOICES, ORDERS};
use clap::Parser;
use milena::{
    Error, Kafka, Memory, Publisher,
    error::ErrorKind,
    transport::{NewTopic, Transport},
};
use options::Args;
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let traces = observe::log(args.trace);
    let ran = run(args).await;
    traces.into_iter().for_each(|traces| print!("{traces}"));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Error> {
    let stop = Stop::new()?;
    args.metrics.map_or(Ok(()), observe::metrics)?;
    match args.broker.strip_prefix("kafka://") {
        Some(_) => on_kafka(args, stop).await,
        None if args.broker == "memory://" && args.set.is_empty() => in_memory(args, stop).await,
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
async fn in_memory(args: Args, mut stop: Stop) -> Result<(), Error> {
    let (memory, desk, orders) = (Memory::new(), args.desk(), args.feed.unwrap_or(10_000));
    memory.create_topics(topics()).await?;
    println!("Billing {orders} orders on a broker inside this process.");
    let progress = show::progress(orders);
    let publisher = Publisher::new(memory.producer().await?);
    feed::feed(&publisher, (orders, args.trace), &progress).await?;
    progress.set_position(0);

    let (broker, counted, watched) = (memory.clone(), desk.counts.clone(), progress.clone());
    let (tell, told) = tokio::sync::oneshot::channel();
    let billed = async move {
        tokio::select! {
            took = show::until_billed(&broker, &counted, &watched) => drop(tell.send(took)),
            () = stop.asked() => {}
        }
    };
    let started = Instant::now();
    let router = args.router(desk.clone());
    milena::serve(memory.clone(), router).with_shutdown(billed).await?;
    progress.finish_and_clear();
    show::summary(&memory, &desk.counts, told.await.unwrap_or_else(|_| started.elapsed()));
    Ok(())
}

/// Bills orders on a real Kafka until the program is told to stop.
async fn on_kafka(args: Args, mut stop: Stop) -> Result<(), Error> {
    let desk = args.desk();
    let router = args.router(desk.clone());
    let kafka = args
        .set
        .into_iter()
        .fold(Kafka::from_url(&args.broker)?, |kafka, (key, value)| kafka.set(key, value));
    tokio::select! {
        made = make_topics(&kafka) => made?,
        () = stop.asked() => return Ok(()),
    }
    println!(
        "Billing orders of {} as a member of group `{GROUP}`, until ctrl-c or SIGTERM.",
        args.broker
    );
    let feeding =
        args.feed.map(|orders| tokio::spawn(feed_kafka(kafka.clone(), (orders, args.trace))));
    let served =
        milena::serve(kafka, router).with_shutdown(async move { stop.asked().await }).await;
    if let Some(feeding) = feeding {
        feeding.abort();
    }
    show::counts(&desk.counts);
    served
}

async fn feed_kafka(kafka: Kafka, (orders, traced): (u64, bool)) {
    let progress = show::progress(orders);
    let fed = async {
        let publisher = Publisher::new(kafka.producer().await?);
        feed::feed(&publisher, (orders, traced), &progress).await
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
