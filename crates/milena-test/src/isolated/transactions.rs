use super::{Shared, producer::IsolatedProducer};
use milena_core::{
    error::Error,
    record::TopicPartition,
    transport::{BoxFuture, GroupMetadata, Producer, Transactions},
};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Transactions in which everything has its plain name.
pub(super) struct IsolatedTransactions {
    transactions: Arc<dyn Transactions>,
    shared: Arc<Shared>,
    isolated: Arc<IsolatedProducer>,
    producer: Arc<dyn Producer>,
}

impl IsolatedTransactions {
    pub(super) fn new(transactions: Arc<dyn Transactions>, shared: Arc<Shared>) -> Self {
        let producer = transactions.producer().clone();
        let isolated = IsolatedProducer::begin(producer, shared.clone(), Handle::current());
        Self { transactions, shared, producer: isolated.clone(), isolated }
    }

    fn plain(&self, result: Result<(), Error>) -> Result<(), Error> {
        result.map_err(|error| self.shared.names.plain_error(error))
    }
}

impl Transactions for IsolatedTransactions {
    fn producer(&self) -> &Arc<dyn Producer> {
        &self.producer
    }

    fn begin(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { self.plain(self.transactions.begin().await) })
    }

    fn send_offsets(
        &self,
        offsets: Vec<(TopicPartition, i64)>,
        metadata: GroupMetadata,
    ) -> BoxFuture<'_, Result<(), Error>> {
        let full = self.shared.names.full_places(offsets);
        Box::pin(async { self.plain(self.transactions.send_offsets(full, metadata).await) })
    }

    // What waits for its topic is part of the transaction, also of one that is aborted.
    fn commit(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            self.isolated.until_handed_on().await;
            self.plain(self.transactions.commit().await)
        })
    }

    fn abort(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            self.isolated.until_handed_on().await;
            self.plain(self.transactions.abort().await)
        })
    }
}
