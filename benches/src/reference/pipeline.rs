//! Decode, change, publish with a threaded producer, and commit what was acknowledged: by hand.

use super::raw::{Reader, Rebalances};
use crate::{
    client,
    job::{Job, Seen},
    payload::{Payment, change},
    topics::PAYMENTS,
};
use anyhow::{Context, bail};
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
    error::RDKafkaErrorCode,
    message::DeliveryResult,
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);

/// Taxes every payment.
pub async fn run(target: &str) -> anyhow::Result<Seen> {
    let job = Job::new(PAYMENTS.records);
    let mut reader = Reader::start(&[PAYMENTS.name])?;
    let out = Arc::new(Mutex::new(Outstanding::default()));
    let producer: ThreadedProducer<Deliveries> =
        client::producer()?.create_with_context(Deliveries(out.clone()))?;
    let mut committed = Instant::now();
    while job.count() < PAYMENTS.records {
        for message in reader.batch().await? {
            let payment: Payment = serde_json::from_slice(message.value())?;
            let value = serde_json::to_vec(&change(payment))?;
            let place = message.place();
            out.lock().expect("nobody panics with it").sent(place);
            let record = BaseRecord::with_opaque_to(target, Box::new(place))
                .key(message.key())
                .payload(&value);
            send(&producer, record).await?;
            job.handled(1);
        }
        if committed.elapsed() > COMMIT_INTERVAL {
            commit(reader.consumer(), &out, CommitMode::Async)?;
            committed = Instant::now();
        }
    }
    producer.flush(PATIENCE).context("not all replies were acknowledged")?;
    commit(reader.consumer(), &out, CommitMode::Sync)?;
    reader.stop();
    job.finished().context("the job did not end")
}

/// Hands a record over, waiting for room.
pub(super) async fn send<C: ProducerContext + 'static>(
    producer: &ThreadedProducer<C>,
    mut record: BaseRecord<'_, [u8], Vec<u8>, C::DeliveryOpaque>,
) -> anyhow::Result<()> {
    while let Err((error, back)) = producer.send(record) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
            bail!(error);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        record = back;
    }
    Ok(())
}

fn commit(
    consumer: &impl Consumer<Rebalances>,
    out: &Mutex<Outstanding>,
    mode: CommitMode,
) -> anyhow::Result<()> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in out.lock().expect("nobody panics with it").committable() {
        list.add_partition_offset(PAYMENTS.name, partition, Offset::Offset(offset))?;
    }
    if list.count() > 0 { Ok(consumer.commit(&list, mode)?) } else { Ok(()) }
}

/// The offsets whose replies are not acknowledged, and the next one, of each partition.
#[derive(Debug, Default)]
struct Outstanding(Vec<(BTreeSet<i64>, i64)>);

impl Outstanding {
    fn sent(&mut self, (partition, offset): (i32, i64)) {
        let partition = partition.unsigned_abs() as usize;
        if self.0.len() <= partition {
            self.0.resize_with(partition + 1, Default::default);
        }
        let (open, next) = &mut self.0[partition];
        open.insert(offset);
        *next = offset + 1;
    }

    fn acknowledged(&mut self, (partition, offset): (i32, i64)) {
        self.0[partition.unsigned_abs() as usize].0.remove(&offset);
    }

    fn committable(&self) -> Vec<(i32, i64)> {
        let offset = |(open, next): &(BTreeSet<i64>, i64)| open.first().copied().unwrap_or(*next);
        (0..).zip(self.0.iter().map(offset)).filter(|(_, offset)| *offset > 0).collect()
    }
}

/// Takes the answers of the broker.
struct Deliveries(Arc<Mutex<Outstanding>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<(i32, i64)>;

    fn delivery(&self, result: &DeliveryResult<'_>, place: Box<(i32, i64)>) {
        match result {
            Ok(_) => self.0.lock().expect("nobody panics with it").acknowledged(*place),
            Err((error, _)) => eprintln!("a reply was refused: {error}"),
        }
    }
}
