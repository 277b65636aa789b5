use milena::{Record, router::Rebalance};
use rdkafka::{
    ClientContext, config::RDKafkaLogLevel, error::KafkaError, message::DeliveryResult,
    producer::ProducerContext,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// What the brokers of a mock cluster saw, and the handlers of the services on it, in order.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Seen>>>);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    /// A request, by the name of its kind, and the broker that got it.
    Request(String, i32),
    /// An offset of a partition that a broker took over as committed.
    Commit(i32, i64),
    /// Records that a broker wrote to a partition of this topic.
    Append(String),
    /// The beginning of a handler's call: the partition and the offset.
    Call(i32, i64),
    /// How many partitions a listener was told to have lost.
    Lost(usize),
    /// Anything else that the cluster has to say.
    Other(String),
}

/// What became of the records of a topic.
#[derive(Debug)]
pub(super) struct Tally {
    /// How many records were handled.
    pub(super) records: usize,
    /// How many calls there were beyond that.
    pub(super) again: usize,
    /// What was committed last for each partition.
    pub(super) committed: BTreeMap<i32, i64>,
}

impl Log {
    pub(super) fn call(&self, record: &Record) {
        self.add(Seen::Call(record.partition(), record.offset()));
    }

    pub(super) fn lost(&self, rebalance: &Rebalance) {
        self.add(Seen::Lost(rebalance.partitions().len()));
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn count(&self, is_one: impl Fn(&Seen) -> bool) -> usize {
        self.0.lock().unwrap().iter().filter(|seen| is_one(seen)).count()
    }

    pub(super) fn calls(&self) -> usize {
        self.count(|seen| matches!(seen, Seen::Call(..)))
    }

    /// How often a listener was told of a loss.
    pub(super) fn losses(&self) -> usize {
        self.count(|seen| matches!(seen, Seen::Lost(_)))
    }

    /// How many offsets were committed that were committed already.
    pub(super) fn twice(&self) -> usize {
        let (mut before, mut twice) = (BTreeSet::new(), 0);
        for seen in self.seen() {
            if let Seen::Commit(partition, offset) = seen {
                twice += usize::from(!before.insert((partition, offset)));
            }
        }
        twice
    }

    /// How often the cluster said this.
    pub(super) fn said(&self, text: &str) -> usize {
        self.count(|seen| matches!(seen, Seen::Other(line) if line.contains(text)))
    }

    /// What became of the records, of which no commit may go back, and none may be handled behind a
    /// commit that covers it.
    pub(super) fn tally(&self) -> Tally {
        let (mut committed, mut called, mut calls) = (BTreeMap::new(), BTreeSet::new(), 0);
        for seen in self.seen() {
            match seen {
                Seen::Commit(partition, offset) => {
                    let before = committed.insert(partition, offset);
                    assert!(
                        before.is_none_or(|before| offset >= before),
                        "{committed:?} {before:?}"
                    );
                }
                Seen::Call(partition, offset) => {
                    let done = committed.get(&partition).copied().unwrap_or(0);
                    assert!(offset >= done, "{partition}/{offset} is covered by {done}");
                    called.insert((partition, offset));
                    calls += 1;
                }
                _ => {}
            }
        }
        Tally { records: called.len(), again: calls - called.len(), committed }
    }

    fn add(&self, seen: Seen) {
        self.0.lock().unwrap().push(seen);
    }
}

impl ClientContext for Log {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, line: &str) {
        if facility == "MOCK" {
            read(line).into_iter().for_each(|seen| self.add(seen));
        }
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Log {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// What a line says, unless it is one of the many that say nothing.
fn read(line: &str) -> Option<Seen> {
    let line = line.split_once("]: ").map_or(line, |(_, line)| line);
    if let Some((topic, rest)) = line.split_once("] committing offset ") {
        let partition = topic.split_once(" [")?.1.parse().ok()?;
        let offset = rest.split_once(' ')?.0.parse().ok()?;
        return Some(Seen::Commit(partition, offset));
    }
    if let Some((_, rest)) = line.split_once(": Log append ") {
        let topic = rest.split_once(" [")?.0;
        return Some(Seen::Append(topic.to_owned()));
    }
    if let Some((broker, rest)) = line.split_once(": Received ") {
        let broker = broker.strip_prefix("Broker ")?.parse().ok()?;
        let kind = rest.split_once("Request")?.0;
        return (kind != "Fetch").then(|| Seen::Request(kind.to_owned(), broker));
    }
    let is_dull = ["onnection", ": Sending ", "returning committed offset"];
    let is_dull = is_dull.iter().any(|text| line.contains(text));
    (!is_dull).then(|| Seen::Other(line.to_owned()))
}
