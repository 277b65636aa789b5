use super::{Pen, sources};
use crate::{At, What};
use milena_core::{
    error::Error,
    reply::ProducerRecord,
    transport::{BoxFuture, Delivered, Full, Producer, Receipt, Receive},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A producer of which it is recorded what becomes of its records.
pub(super) struct RecordedProducer {
    producer: Arc<dyn Producer>,
    pen: Pen,
    /// The id of its transactions.
    id: Option<Arc<str>>,
}

impl RecordedProducer {
    pub(super) fn new(producer: Arc<dyn Producer>, pen: Pen, id: Option<Arc<str>>) -> Self {
        Self { producer, pen, id }
    }
}

impl Producer for RecordedProducer {
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        let number = self.pen.history.number();
        let (of, is_letter) = sources(&record.headers);
        let topic = record.topic.clone();
        self.pen.note(What::Sent(number, topic.clone(), of, is_letter, self.id.clone()));
        let receipt = Mutex::new(Some(receipt));
        let teller = Arc::new(Teller { number, topic, pen: self.pen.clone(), receipt });
        let told = Receipt::new(teller.clone(), 0);
        self.producer.enqueue(record, told).map_err(|mut full| {
            self.pen.note(What::Refused(number, "there is no room".to_owned()));
            if let Some(receipt) = teller.take() {
                std::mem::replace(&mut full.receipt, receipt).cancel();
            }
            full
        })
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        self.producer.room()
    }

    fn flush(&self, within: Duration) -> BoxFuture<'_, usize> {
        self.producer.flush(within)
    }

    fn partitions(&self, topic: Arc<str>) -> BoxFuture<'_, Result<i32, Error>> {
        self.producer.partitions(topic)
    }

    fn reach(&self, within: Duration) -> BoxFuture<'_, Result<(), Error>> {
        self.producer.reach(within)
    }

    fn failed(&self) -> BoxFuture<'_, Error> {
        self.producer.failed()
    }
}

/// Records what the broker answered, and tells it.
struct Teller {
    number: u64,
    topic: Arc<str>,
    pen: Pen,
    receipt: Mutex<Option<Receipt>>,
}

impl Teller {
    fn take(&self) -> Option<Receipt> {
        self.receipt.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Receive for Teller {
    fn receive(&self, _token: u64, result: Result<Delivered, Error>) {
        let Some(receipt) = self.take() else { return };
        self.pen.note(match &result {
            Ok(Delivered { partition, offset }) => {
                What::Delivered(self.number, At::new(self.topic.clone(), *partition, *offset))
            }
            Err(error) => What::Refused(self.number, error.to_string()),
        });
        receipt.deliver(result);
    }
}
