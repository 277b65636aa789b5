use super::{
    once::Output,
    replies::{Waiter, hand_over_one},
    settle::Item,
};
use bytes::Bytes;
use milena_core::{
    error::Error,
    record::Timestamp,
    reply::ProducerRecord,
    transport::{Delivered, Receipt, Receive},
};
use std::{
    ops::ControlFlow,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

/// What the names of the headers that a dead letter gets begin with.
const PREFIX: &str = "milena-dead-letter-";
/// No error text is longer than this in a header, so that a dead letter is hardly larger than its record.
const LONGEST_TEXT: usize = 1_000;

/// Why a record becomes a dead letter.
#[derive(Clone, Copy)]
pub(crate) enum Why<'a> {
    /// Its last call failed with this error.
    Failed(&'a str),
    /// The handler decided so, for this reason.
    Decided(&'a str),
}

/// Publishes the record to `topic`, and holds it until the broker has the dead letter. Broken off when
/// its partition has ended.
pub(crate) async fn send(
    item: &Item,
    topic: Arc<str>,
    attempts: u32,
    why: Why<'_>,
) -> ControlFlow<()> {
    let letter = write(item, topic, attempts, why);
    item.work.hold(item.index);
    item.work.assignment.begin();
    let letter = Arc::new_cyclic(|this| DeadLetter {
        item: item.clone(),
        letter,
        refusals: AtomicU32::new(0),
        this: this.clone(),
    });
    letter.hand_over().await
}

/// The dead letter: the record byte for byte, and behind its headers those that tell of its fate.
fn write(item: &Item, topic: Arc<str>, attempts: u32, why: Why<'_>) -> ProducerRecord {
    let (records, index, place) =
        (item.work.records(), item.index as usize, &item.work.assignment.place);
    let copy = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
    let mut letter = ProducerRecord::new(topic);
    letter.key = copy(records.key(index));
    letter.value = copy(records.value(index));
    letter.headers = records.headers(index);
    let timestamp = records.timestamp(index);
    let (why, text) = match why {
        Why::Failed(error) => ("error", error),
        Why::Decided(reason) => ("reason", reason),
    };
    [
        ("topic", place.topic.to_string()),
        ("partition", place.partition.to_string()),
        ("offset", records.offset(index).to_string()),
        ("timestamp", timestamp.millis().unwrap_or(-1).to_string()),
        ("timestamp-type", timestamp_type(timestamp).to_owned()),
        ("group", item.work.subscription.group.to_string()),
        ("attempts", attempts.to_string()),
        (why, text[..text.floor_char_boundary(LONGEST_TEXT)].to_owned()),
    ]
    .into_iter()
    .fold(letter, |letter, (name, value)| letter.header(format!("{PREFIX}{name}"), value))
}

/// Kafka's names.
fn timestamp_type(timestamp: Timestamp) -> &'static str {
    match timestamp {
        Timestamp::Created(_) => "CreateTime",
        Timestamp::Appended(_) => "LogAppendTime",
        Timestamp::None => "NoTimestampType",
    }
}

/// A dead letter on its way to the broker, which is sent again for as long as it is refused.
struct DeadLetter {
    item: Item,
    letter: ProducerRecord,
    refusals: AtomicU32,
    this: Weak<Self>,
}

impl DeadLetter {
    async fn hand_over(self: &Arc<Self>) -> ControlFlow<()> {
        let assignment = &self.item.work.assignment;
        let flow = tokio::select! {
            biased;
            // A partition that is merely revoked may have its dead letters written.
            () = assignment.until_left() => ControlFlow::Break(()),
            partition = self.partition() => {
                let letter = ProducerRecord { partition, ..self.letter.clone() };
                hand_over_one(&self.item.work, letter, self).await
            }
        };
        if flow.is_break() {
            assignment.idle();
        }
        flow
    }

    /// The partition of the record, if the topic of the dead letter has it too. It is looked up each
    /// time, as the topic may come into being, or be another, while the letter is refused.
    async fn partition(&self) -> Option<i32> {
        let Item { work, .. } = &self.item;
        let source = work.assignment.place.partition;
        let partitions = work.subscription.producer.partitions(self.letter.topic.clone()).await;
        partitions.is_ok_and(|partitions| source < partitions).then_some(source)
    }

    fn written(&self) {
        let work = &self.item.work;
        if self.refusals.load(SeqCst) > 0 {
            work.assignment.unblock();
        }
        work.set_aside(&work.tally().dead_lettered);
        work.release(self.item.index);
        work.assignment.idle();
    }

    /// The source waits: its partition goes no further until the dead letter is written.
    async fn again(self: Arc<Self>, refusals: u32, error: Error) {
        let assignment = &self.item.work.assignment;
        let delay = Duration::from_millis(500 << refusals.min(6));
        let (record, topic) = (self.item.name(), &self.letter.topic);
        tracing::error!(%record, %topic, %error, ?delay, "a dead letter cannot be written; its partition waits");
        tokio::select! {
            biased;
            () = assignment.ended() => assignment.idle(),
            // It is broken off only when the partition has ended, and then nobody waits for it.
            () = tokio::time::sleep(delay) => { let _ = self.hand_over().await; }
        }
    }
}

impl Waiter for Arc<DeadLetter> {
    fn receipt(&self, bytes: usize, _is_answer: bool) -> Receipt {
        Receipt::new(self.clone(), bytes as u64)
    }

    fn keep(&self, output: Output) {
        self.item.work.outputs.keep(self.item.index, output);
    }

    fn is_dead_letter(&self) -> bool {
        true
    }

    fn withdrawn(&self) {}
}

impl Receive for DeadLetter {
    fn receive(&self, token: u64, result: Result<Delivered, Error>) {
        let subscription = &self.item.work.subscription;
        subscription.budget.give(token as usize);
        match (result, self.this.upgrade()) {
            (Ok(_), _) => self.written(),
            (Err(error), Some(this)) => {
                let refusals = self.refusals.fetch_add(1, SeqCst);
                if refusals == 0 {
                    self.item.work.assignment.block();
                }
                subscription.handle.spawn(this.again(refusals, error));
            }
            // Whoever reports holds it, so it cannot be gone.
            (Err(_), None) => self.item.work.assignment.idle(),
        }
    }
}
