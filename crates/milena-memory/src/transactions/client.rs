use super::{Session, TransactionStep};
use crate::{Memory, broker::Broker, changed::Until, group::Identity, producer::MemoryProducer};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::{BoxFuture, GroupMetadata, Producer, Transactions},
};
use std::{sync::Arc, time::Duration};

/// A transactional producer's own end: the broker knows everything else. When it is dropped, what it left open stays
/// so until its time is over, as in Kafka.
pub(crate) struct MemoryTransactions {
    memory: Memory,
    session: Session,
    producer: Arc<dyn Producer>,
}

impl MemoryTransactions {
    pub(crate) async fn start(
        memory: Memory,
        id: Arc<str>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let (session, delay) = memory.with(|broker| {
            let session = broker.start(&id, timeout, &memory);
            (session, broker.asked.delay_step(TransactionStep::Start))
        });
        late(delay).await;
        let session = session?;
        let producer = MemoryProducer::in_transactions(memory.clone(), session.clone());
        Ok(Self { memory, session, producer: Arc::new(producer) })
    }

    async fn step(
        &self,
        step: TransactionStep,
        act: impl FnOnce(&mut Broker, &Session) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (answer, delay) = self.memory.with(|broker| {
            let answer = broker.step(&self.session, step, |broker| act(broker, &self.session));
            (answer, broker.asked.delay_step(step))
        });
        late(delay).await;
        answer
    }
}

impl Transactions for MemoryTransactions {
    fn producer(&self) -> &Arc<dyn Producer> {
        &self.producer
    }

    fn begin(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.step(TransactionStep::Begin, |broker, session| {
            broker.begin(session);
            Ok(())
        }))
    }

    fn send_offsets(
        &self,
        offsets: Vec<(TopicPartition, i64)>,
        metadata: GroupMetadata,
    ) -> BoxFuture<'_, Result<(), Error>> {
        let step = TransactionStep::SendOffsets;
        Box::pin(self.step(step, move |broker, session| {
            let Some(identity) = metadata.get::<Identity>() else {
                let cause = "the metadata of the group is that of another driver";
                return Err(step.error(ErrorKind::Config, &session.id, cause));
            };
            broker.send_offsets(session, &offsets, identity)
        }))
    }

    fn commit(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            Until::answered(self.memory.clone(), self.session.producer).await;
            self.step(TransactionStep::Commit, |broker, session| {
                broker.end(session, true);
                Ok(())
            })
            .await
        })
    }

    fn abort(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.step(TransactionStep::Abort, |broker, session| {
            broker.abort_transaction(session);
            Ok(())
        }))
    }
}

/// Waits as long as an answer is delayed.
async fn late(delay: Option<Duration>) {
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
}
