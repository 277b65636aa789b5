use super::{Pen, RecordedProducer};
use crate::What;
use milena_core::{
    error::Error,
    record::TopicPartition,
    transport::{BoxFuture, GroupMetadata, Producer, Transactions},
};
use std::sync::{Arc, Mutex, PoisonError};

/// Transactions of which it is recorded what becomes of their offsets.
pub(super) struct RecordedTransactions {
    transactions: Arc<dyn Transactions>,
    producer: Arc<dyn Producer>,
    pen: Pen,
    id: Arc<str>,
    /// The offsets of the one that is open.
    offsets: Mutex<Vec<(TopicPartition, i64)>>,
}

impl RecordedTransactions {
    pub(super) fn new(transactions: Arc<dyn Transactions>, pen: Pen, id: Arc<str>) -> Self {
        let producer = transactions.producer().clone();
        let producer = Arc::new(RecordedProducer::new(producer, pen.clone(), Some(id.clone())));
        Self { transactions, producer, pen, id, offsets: Mutex::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<(TopicPartition, i64)>) -> T) -> T {
        act(&mut self.offsets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was open is over.
    fn over(&self, result: Result<(), String>) {
        let offsets = self.with(std::mem::take);
        if !offsets.is_empty() {
            self.pen.note(match result {
                Ok(()) => What::Committed(offsets, Some(self.id.clone())),
                Err(why) => What::NotCommitted(offsets, why),
            });
        }
    }
}

impl Transactions for RecordedTransactions {
    fn producer(&self) -> &Arc<dyn Producer> {
        &self.producer
    }

    fn begin(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.pen.note(What::Opened(self.id.clone()));
        self.transactions.begin()
    }

    fn send_offsets(
        &self,
        offsets: Vec<(TopicPartition, i64)>,
        metadata: GroupMetadata,
    ) -> BoxFuture<'_, Result<(), Error>> {
        let mut told = offsets.clone();
        told.sort_by(|(a, _), (b, _)| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        self.pen.note(What::CommitSent(told.clone(), Some(self.id.clone())));
        self.with(|open| *open = told);
        self.transactions.send_offsets(offsets, metadata)
    }

    fn commit(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            let result = self.transactions.commit().await;
            self.over(result.as_ref().copied().map_err(ToString::to_string));
            result
        })
    }

    fn abort(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            self.over(Err("it is aborted".to_owned()));
            self.transactions.abort().await
        })
    }
}
