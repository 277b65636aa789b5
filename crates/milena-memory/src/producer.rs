use crate::{Memory, changed::Until, transactions::Session};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::{BoxFuture, Full, Producer, Receipt},
};
use std::{future::ready, sync::Arc, time::Duration};

/// A producer: it writes at once, and gives the receipt back at once unless that is held back.
pub(crate) struct MemoryProducer {
    memory: Memory,
    id: u64,
    /// As whom it writes in transactions.
    session: Option<Session>,
}

impl MemoryProducer {
    pub(crate) fn new(memory: Memory) -> Self {
        let id = memory.with(|broker| broker.new_id());
        Self { memory, id, session: None }
    }

    /// A producer that writes nothing but in transactions.
    pub(crate) fn in_transactions(memory: Memory, session: Session) -> Self {
        Self { memory, id: session.producer, session: Some(session) }
    }
}

impl Producer for MemoryProducer {
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        self.memory.with(|broker| {
            if !broker.asked.has_room(broker.held(self.id)) {
                broker.asked.fired.producers_full += 1;
                return Err(Box::new(Full { record, receipt }));
            }
            let result = match &self.session {
                Some(session) => broker.write_in(session, record),
                None => broker.write(record, None),
            };
            if broker.asked.hold_delivery() {
                broker.hold(self.id, (receipt, result));
            } else {
                broker.after.deliver([(receipt, result)]);
            }
            Ok(())
        })
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        Box::pin(Until::room(self.memory.clone(), self.id))
    }

    // There is no clock to wait by, and what is not held back has been answered.
    fn flush(&self, _within: Duration) -> BoxFuture<'_, usize> {
        Box::pin(async { self.memory.with(|broker| broker.held(self.id)) })
    }

    fn partitions(&self, topic: Arc<str>) -> BoxFuture<'_, Result<i32, Error>> {
        let partitions = self.memory.with(|broker| {
            let partitions = broker.topics.at_use(&topic).map(|topic| topic.partitions());
            broker.touch();
            partitions
        });
        let message =
            format!("could not count the partitions of topic `{topic}`: it does not exist");
        let unknown = || Error::new(ErrorKind::UnknownTopic, message);
        Box::pin(ready(partitions.ok_or_else(unknown)))
    }
}

impl Drop for MemoryProducer {
    fn drop(&mut self) {
        drop(self.memory.with(|broker| broker.take_held(self.id)));
    }
}
