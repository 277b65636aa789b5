//! A transactional producer: a producer, and threads for the calls that wait.

mod calls;
mod config;
mod outcome;
mod patience;

use self::calls::{Asked, Call, Calls};
use crate::{
    consumer::list_of_offsets,
    error::{config as refuse, error},
    native::{Client, Generation},
    options::Options,
    producer::{Scope, produce_in},
    promise::promise,
    security::Identity,
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::{BoxFuture, GroupMetadata, Producer, Transactions},
};
use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, mpsc},
    task::Poll,
    time::Duration,
};

/// The least that librdkafka takes.
const LEAST: Duration = Duration::from_secs(1);

/// Begins a session of transactions, which ends the one before that had this id.
pub(crate) async fn begin(
    options: &Options,
    brokers: &str,
    id: Arc<str>,
    timeout: Duration,
) -> Result<Arc<dyn Transactions>, Error> {
    let refuse = |cause: &str| refuse(format!("could not begin transactions as `{id}`: {cause}"));
    if id.is_empty() || id.contains('\0') {
        return Err(refuse("no transactional id can be called so"));
    }
    if timeout < LEAST {
        return Err(refuse(&format!("the timeout of {timeout:?} is less than a second")));
    }
    let config = options.transactions(brokers, &id, timeout)?;
    let (client, scope) = (Arc::new(Client::producer(&config)?), Arc::<Scope>::default());
    let identity = Identity::new(&options.security, &config);
    let producer = produce_in(&scope, &client, identity)?;
    let calls = Calls { client, scope, id: id.clone(), timeout }.start()?;
    let transactions = KafkaTransactions { id, calls, producer: producer.clone() };
    first(transactions.ask(Call::Init), producer.failed()).await.map_err(|error| match producer
        .trouble()
        .filter(|_| error.kind() == ErrorKind::Unreachable)
    {
        Some(trouble) => Error::new(error.kind(), format!("{error}: {trouble}")),
        None => error,
    })?;
    Ok(Arc::new(transactions))
}

/// Waits for this, unless it turns out before that the producer is not to go on.
async fn first(
    done: impl Future<Output = Result<(), Error>>,
    failed: impl Future<Output = Error>,
) -> Result<(), Error> {
    let (mut done, mut failed) = (pin!(done), pin!(failed));
    poll_fn(|cx| match done.as_mut().poll(cx) {
        Poll::Pending => failed.as_mut().poll(cx).map(Err),
        result => result,
    })
    .await
}

/// When it is dropped, its thread and its producer end, and so does its client. A transaction that is open
/// is left to the broker, or the next session.
struct KafkaTransactions {
    id: Arc<str>,
    calls: mpsc::Sender<Asked>,
    producer: Arc<dyn Producer>,
}

impl KafkaTransactions {
    /// Has the thread do it, behind what it was asked before, whether anybody waits for that or not.
    async fn ask(&self, call: Call) -> Result<(), Error> {
        let (promise, answer) = promise();
        // Without a thread the promise is dropped, here as well.
        let _ = self.calls.send((call, promise));
        answer.await.unwrap_or_else(|| {
            let message =
                format!("could not go on with transactions as `{}`: its thread is gone", self.id);
            Err(Error::new(ErrorKind::Driver, message))
        })
    }
}

impl Transactions for KafkaTransactions {
    fn producer(&self) -> &Arc<dyn Producer> {
        &self.producer
    }

    fn begin(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.ask(Call::Begin))
    }

    fn send_offsets(
        &self,
        offsets: Vec<(TopicPartition, i64)>,
        metadata: GroupMetadata,
    ) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let what = || format!("send offsets with a transaction of `{}`", self.id);
            if metadata.get::<Generation>().is_none() {
                let why = "the metadata of the group is another driver's";
                return Err(refuse(format!("could not {}: {why}", what())));
            }
            let list = list_of_offsets(&offsets).map_err(|code| error(&what(), code))?;
            self.ask(Call::SendOffsets(Arc::new((list, metadata)))).await
        })
    }

    fn commit(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.ask(Call::Commit))
    }

    fn abort(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.ask(Call::Abort))
    }
}
