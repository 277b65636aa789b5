//! A service that copies what it reads through the proxies, and what comes of it.

use super::cluster::Proxied;
use crate::{
    faults::{
        service::{Calls, Service, until},
        view::View,
    },
    kit::{self, unique},
};
use milena::{Record, Router, State, each};
use milena_core::{ProducerRecord, transport::Transport as _};
use milena_rdkafka::Kafka;
use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

const PARTITIONS: i32 = 3;

pub(super) struct Copies {
    pub(super) cluster: Proxied,
    pub(super) kafka: Kafka,
    pub(super) group: Arc<str>,
    pub(super) source: Arc<str>,
    copies: Arc<str>,
    pub(super) calls: Calls,
    view: View,
}

/// How often what was written was copied.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Tally {
    pub(super) missing: usize,
    pub(super) twice: usize,
}

async fn copy(record: Record, State(calls): State<Calls>) -> String {
    calls.add(&record);
    String::from_utf8(record.value().unwrap().to_vec()).unwrap()
}

/// What such a process does.
pub(super) fn ordered(orders: &BTreeMap<String, String>) -> Router {
    let names = ["group", "source", "copies"].map(|name| orders[name].as_str());
    copying(names).with_state(Calls::default()).exactly_once(names[0])
}

fn copying([group, source, copies]: [&str; 3]) -> Router<Calls> {
    Router::new(group)
        .subscribe(source, each(copy).publish_to(copies))
        .commit_interval(Duration::from_millis(100))
}

impl Copies {
    /// On one broker, whose clients give up a request that has no answer after this time.
    pub(super) async fn new(patience: Duration) -> Option<Self> {
        let cluster = Proxied::start().await?;
        let beside = cluster.beside();
        let source = kit::topic(&beside, "source", PARTITIONS).await;
        let copies = kit::topic(&beside, "copies", PARTITIONS).await;
        let kafka = cluster.kafka().set("socket.timeout.ms", patience.as_millis().to_string());
        let (view, group, calls) = (cluster.view(), unique("copies"), Calls::default());
        Some(Self { cluster, kafka, group, source, copies, calls, view })
    }

    pub(super) fn router(&self) -> Router {
        copying([&self.group, &self.source, &self.copies]).with_state(self.calls.clone())
    }

    /// What a process of its own is told, for it to do the same.
    pub(super) fn orders(&self) -> [(&str, &str); 4] {
        [
            ("brokers", self.cluster.near()),
            ("group", &self.group),
            ("source", &self.source),
            ("copies", &self.copies),
        ]
    }

    pub(super) fn start(&self) -> Service {
        Service::start(&self.kafka, self.router())
    }

    pub(super) fn start_exactly_once(&self) -> Service {
        Service::start(&self.kafka, self.router().exactly_once(self.group.clone()))
    }

    /// Writes these numbers past the proxies.
    pub(super) async fn write(&self, numbers: Range<usize>) {
        let record = |number: usize| {
            let partition = i32::try_from(number).unwrap() % PARTITIONS;
            let record = ProducerRecord::new(self.source.clone()).partition(partition);
            record.value(number.to_string())
        };
        let producer = self.cluster.beside().producer().await.unwrap();
        producer.send_all(numbers.map(record).collect()).await.unwrap();
    }

    pub(super) async fn committed(&self) -> Vec<Option<i64>> {
        self.view.committed(&self.group, &self.source, PARTITIONS).await
    }

    /// Waits until everything that there is is committed.
    pub(super) async fn until_done(&self) {
        let ends = self.view.ends(&self.source, PARTITIONS).await;
        until("all is committed", async || self.committed().await == ends).await;
    }

    /// How many copies are taken back: what there is, without what a reader of committed records sees.
    pub(super) async fn taken_back(&self) -> usize {
        let all = self.view.records_uncommitted(&self.copies).await.len();
        all - self.view.values(&self.copies).await.len()
    }

    /// What a reader of committed records sees of these.
    pub(super) async fn tally(&self, numbers: Range<usize>) -> Tally {
        let mut counts: BTreeMap<_, _> = numbers.map(|number| (number.to_string(), 0)).collect();
        for value in self.view.values(&self.copies).await {
            *counts.get_mut(&value).expect("it was written") += 1;
        }
        Tally {
            missing: counts.values().filter(|count| **count == 0).count(),
            twice: counts.values().filter(|count| **count > 1).count(),
        }
    }
}
