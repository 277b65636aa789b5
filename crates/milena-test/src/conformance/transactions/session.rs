use crate::conformance::Fixture;
use milena_core::{
    TopicPartition,
    error::ErrorKind,
    reply::ProducerRecord,
    transport::{GroupMetadata, Transactions},
};
use std::{sync::Arc, time::Duration};

/// A transactional producer under test.
pub(super) struct Session<'a> {
    fixture: &'a Fixture,
    transactions: Arc<dyn Transactions>,
}

impl<'a> Session<'a> {
    /// A producer of an id that is new.
    pub(super) async fn new(fixture: &'a Fixture) -> Self {
        Self::of(fixture, &fixture.name("transactions")).await
    }

    /// A producer of this id.
    pub(super) async fn of(fixture: &'a Fixture, id: &Arc<str>) -> Self {
        let timeout = Duration::from_mins(1);
        let transactions = fixture.transport.transactions(id.clone(), timeout);
        let transactions = fixture.done("there is a transactional producer", transactions).await;
        Self { fixture, transactions }
    }

    pub(super) async fn begin(&self) {
        self.fixture.done("a transaction is begun", self.transactions.begin()).await;
    }

    /// Why no transaction can be begun.
    pub(super) async fn begin_refused(&self) -> ErrorKind {
        let refused = self.fixture.within("a call is refused", self.transactions.begin()).await;
        refused.err().map_or_else(|| panic!("a transaction was begun"), |error| error.kind())
    }

    /// Publishes the records and waits for the broker to have them.
    pub(super) async fn send(&self, records: Vec<ProducerRecord>) {
        let sent = async { Ok(self.transactions.producer().send_all(records).await?) };
        self.fixture.done("the records are delivered", sent).await;
    }

    /// Publishes a record that is refused by its receipt.
    pub(super) async fn send_refused(&self, record: ProducerRecord) {
        let sent = self.transactions.producer().send_all(vec![record]);
        let sent = self.fixture.within("the receipt comes back", sent).await;
        assert!(sent.is_err(), "the record was taken, at {sent:?}");
    }

    /// Publishes the records in a transaction, and commits it.
    pub(super) async fn commit_all(&self, records: Vec<ProducerRecord>) {
        self.begin().await;
        self.send(records).await;
        self.commit().await;
    }

    /// Publishes the records in a transaction, and aborts it.
    pub(super) async fn abort_all(&self, records: Vec<ProducerRecord>) {
        self.begin().await;
        self.send(records).await;
        self.abort().await;
    }

    pub(super) async fn send_offset(
        &self,
        (place, offset): (&TopicPartition, i64),
        metadata: &GroupMetadata,
    ) -> Result<(), ErrorKind> {
        let offsets = vec![(place.clone(), offset)];
        let sent = self.transactions.send_offsets(offsets, metadata.clone());
        let sent = self.fixture.within("offsets are sent", sent).await;
        sent.map_err(|error| error.kind())
    }

    pub(super) async fn commit(&self) {
        self.fixture.done("the transaction is committed", self.transactions.commit()).await;
    }

    /// Why the transaction cannot be committed.
    pub(super) async fn commit_refused(&self) -> ErrorKind {
        let refused = self.fixture.within("a commit is refused", self.transactions.commit()).await;
        refused.err().map_or_else(|| panic!("the transaction was committed"), |error| error.kind())
    }

    pub(super) async fn abort(&self) {
        self.fixture.done("the transaction is aborted", self.transactions.abort()).await;
    }
}
