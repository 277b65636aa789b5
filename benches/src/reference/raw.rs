//! The fastest loop that is known: a thread that reads batches from a queue of librdkafka, a channel,
//! and serde_json at the other end of it.
#![allow(unsafe_code, reason = "rdkafka has no safe way to read batches")]

use crate::{
    client,
    job::{Job, Seen},
    payload::Payment,
    topics::PAYMENTS,
};
use anyhow::Context;
use rdkafka::{
    ClientContext, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    producer::{Producer, ProducerContext, ThreadedProducer},
    types::RDKafkaRespErr,
};
use rdkafka_sys as sys;
use std::{
    ffi::{CStr, CString},
    hint::black_box,
    ptr::NonNull,
    slice,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::sync::mpsc::{Receiver, Sender, channel};

const MOST: usize = 1000;
/// How many batches may lie in the channel.
const DEPTH: usize = 8;

/// Decodes every payment of these topics.
pub async fn consume(topics: &[&str]) -> anyhow::Result<Seen> {
    let job = Job::new(PAYMENTS.records);
    let mut reader = Reader::start(topics)?;
    while job.count() < PAYMENTS.records {
        for message in reader.batch().await? {
            let payment: Payment = serde_json::from_slice(message.value())?;
            black_box(&payment);
            job.handled(1);
        }
    }
    reader.stop();
    job.seen().context("the job did not end")
}

/// A thread that reads.
pub struct Reader {
    consumer: Arc<BaseConsumer<Rebalances>>,
    batches: Receiver<Vec<Message>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Reader {
    pub fn start(topics: &[&str]) -> anyhow::Result<Self> {
        let consumer = client::consumer()?.create_with_context(Rebalances::default())?;
        let consumer: Arc<BaseConsumer<Rebalances>> = Arc::new(consumer);
        consumer.subscribe(topics)?;
        let (send, batches) = channel(DEPTH);
        let stop = Arc::new(AtomicBool::new(false));
        let (reads, stopped) = (consumer.clone(), stop.clone());
        let thread = thread::spawn(move || read(&reads, &send, &stopped));
        Ok(Self { consumer, batches, stop, thread })
    }

    /// The next batch.
    pub async fn batch(&mut self) -> anyhow::Result<Vec<Message>> {
        self.batches.recv().await.context("the reader ended")
    }

    /// The consumer, to commit with.
    pub fn consumer(&self) -> &impl Consumer<Rebalances> {
        &*self.consumer
    }

    /// Ends the thread. Closing the consumer is left to the end of the process: it is not part of the work.
    pub fn stop(self) {
        self.stop.store(true, Relaxed);
        drop(self.batches);
        let _ = self.thread.join();
        std::mem::forget(self.consumer);
    }
}

fn read(consumer: &BaseConsumer<Rebalances>, batches: &Sender<Vec<Message>>, stop: &AtomicBool) {
    let client = consumer.client().native_ptr();
    // SAFETY: the client lives as long as this function; the queue is destroyed at the end of the process.
    let queue = unsafe { sys::rd_kafka_queue_new(client) };
    while !stop.load(Relaxed) {
        drop(consumer.poll(Duration::ZERO));
        for (assigned, list) in consumer.context().take() {
            if assigned {
                forward(client, &list, queue);
            }
            let list = if assigned { list } else { TopicPartitionList::new() };
            consumer.assign(&list).expect("what the group assigned can be assigned");
        }
        let batch = drain(queue);
        if !batch.is_empty() && batches.blocking_send(batch).is_err() {
            break;
        }
    }
}

/// What is there, up to a batch; else the next message, waiting for it.
fn drain(queue: *mut sys::rd_kafka_queue_t) -> Vec<Message> {
    let mut batch: Vec<Message> = Vec::with_capacity(MOST);
    for (timeout, most) in [(0, MOST), (100, 1)] {
        // SAFETY: there is room for so many pointers, and each that was written is a message that we own.
        unsafe {
            let read =
                sys::rd_kafka_consume_batch_queue(queue, timeout, batch.as_mut_ptr().cast(), most);
            batch.set_len(usize::try_from(read).unwrap_or_default());
        }
        if !batch.is_empty() {
            break;
        }
    }
    batch
}

fn forward(
    client: *mut sys::rd_kafka_t,
    list: &TopicPartitionList,
    queue: *mut sys::rd_kafka_queue_t,
) {
    for element in list.elements() {
        let topic = CString::new(element.topic()).expect("no topic has a NUL in its name");
        // SAFETY: client and queue live; the handle of the partition's queue is given back at once.
        unsafe {
            let partition =
                sys::rd_kafka_queue_get_partition(client, topic.as_ptr(), element.partition());
            sys::rd_kafka_queue_forward(partition, queue);
            sys::rd_kafka_queue_destroy(partition);
        }
    }
}

/// Commits the open transaction. That of rdkafka waits for 100 ms each time.
pub fn commit_transaction<C: ProducerContext + 'static>(
    producer: &ThreadedProducer<C>,
    within: Duration,
) -> anyhow::Result<()> {
    let millis = i32::try_from(within.as_millis())?;
    // SAFETY: the producer lives; the error is ours, and destroyed when it was read.
    unsafe {
        let error = sys::rd_kafka_commit_transaction(producer.client().native_ptr(), millis);
        if error.is_null() {
            return Ok(());
        }
        let text = CStr::from_ptr(sys::rd_kafka_error_string(error)).to_string_lossy().into_owned();
        sys::rd_kafka_error_destroy(error);
        anyhow::bail!("could not commit a transaction: {text}");
    }
}

/// A message that was read.
#[derive(Debug)]
#[repr(transparent)]
pub struct Message(NonNull<sys::rd_kafka_message_t>);

// SAFETY: librdkafka's messages belong to no thread.
unsafe impl Send for Message {}

impl Message {
    pub fn value(&self) -> &[u8] {
        // SAFETY: the message is ours, and its value lives as long as it.
        unsafe { bytes(self.0.as_ref().payload, self.0.as_ref().len) }
    }

    pub fn key(&self) -> &[u8] {
        // SAFETY: as above.
        unsafe { bytes(self.0.as_ref().key, self.0.as_ref().key_len) }
    }

    pub fn place(&self) -> (i32, i64) {
        // SAFETY: as above.
        unsafe { (self.0.as_ref().partition, self.0.as_ref().offset) }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the message is ours, and this is the end of it.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// # Safety
///
/// `start` is null, or the start of so many bytes that live as long as the result.
unsafe fn bytes<'a>(start: *const std::ffi::c_void, len: usize) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: what the caller says.
    unsafe { slice::from_raw_parts(start.cast(), len) }
}

/// The rebalances that the thread has to answer.
#[derive(Debug, Default)]
pub struct Rebalances(Mutex<Vec<(bool, TopicPartitionList)>>);

impl Rebalances {
    fn take(&self) -> Vec<(bool, TopicPartitionList)> {
        std::mem::take(&mut self.0.lock().expect("nobody panics with it"))
    }
}

impl ClientContext for Rebalances {}

impl ConsumerContext for Rebalances {
    fn rebalance(
        &self,
        _: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let assigned = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        self.0.lock().expect("nobody panics with it").push((assigned, list.clone()));
    }
}
