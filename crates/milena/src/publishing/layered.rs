use super::PublishLayers;
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::{BoxFuture, Delivered, Full, Producer, Receipt, Receive},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The producer with layers around it; without layers it is the producer itself.
pub(super) fn layered(producer: &Arc<dyn Producer>, layers: &PublishLayers) -> Arc<dyn Producer> {
    if layers.is_empty() {
        return producer.clone();
    }
    Arc::new(Layered { producer: producer.clone(), layers: layers.clone() })
}

/// A producer whose records go through layers first, each once.
struct Layered {
    producer: Arc<dyn Producer>,
    layers: PublishLayers,
}

impl Layered {
    /// The record as it leaves the innermost layer.
    fn publish(&self, record: ProducerRecord) -> Result<ProducerRecord, Error> {
        let topic = record.topic.clone();
        let mut record =
            self.layers.iter().try_fold(record, |record, layer| layer.publish(record)).map_err(
                |error| {
                    let message =
                        format!("could not publish to topic `{topic}`: a layer refused: {error}");
                    Error::new(ErrorKind::Publish, message).with_source(error)
                },
            )?;
        record.layered = true;
        Ok(record)
    }
}

impl Producer for Layered {
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        // One that there was no room for has been here before.
        let record = if record.layered {
            record
        } else {
            match self.publish(record) {
                Ok(record) => record,
                Err(error) => {
                    receipt.deliver(Err(error));
                    return Ok(());
                }
            }
        };
        let told = Arc::new(Told {
            layers: self.layers.clone(),
            record: record.clone(),
            receipt: Mutex::new(Some(receipt)),
        });
        let Err(mut full) = self.producer.enqueue(record, Receipt::new(told.clone(), 0)) else {
            return Ok(());
        };
        // Nothing was told, so the receipt is still there.
        if let Some(receipt) = told.take() {
            std::mem::replace(&mut full.receipt, receipt).cancel();
        }
        Err(full)
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

/// Tells the layers, inner first, how a record ended, and then who waits for it.
struct Told {
    layers: PublishLayers,
    record: ProducerRecord,
    receipt: Mutex<Option<Receipt>>,
}

impl Told {
    fn take(&self) -> Option<Receipt> {
        self.receipt.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Receive for Told {
    fn receive(&self, _token: u64, result: Result<Delivered, Error>) {
        for layer in self.layers.iter().rev() {
            layer.published(&self.record, result.as_ref());
        }
        if let Some(receipt) = self.take() {
            receipt.deliver(result);
        }
    }
}
