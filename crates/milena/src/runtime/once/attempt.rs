use super::{
    Output, TIMEOUT,
    plan::{Planned, Source},
    session::{Open, Opener},
};
use crate::planted::{Bug, planted};
use milena_core::{
    error::{Error, ErrorKind},
    record::{Epoch, TopicPartition},
    transport::{BoxFuture, Delivered, GroupMetadata, Lookup, Receipt, Receive},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Who the member is, once that is known.
type Metadata = BoxFuture<'static, Result<GroupMetadata, Error>>;

/// How long to wait before it is looked up again what is committed.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// One try to publish what is planned, together with offsets.
pub(crate) struct Attempt {
    pub(crate) opener: Opener,
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) parts: Vec<Part>,
}

/// What is planned of a partition.
pub(crate) struct Part {
    pub(crate) place: TopicPartition,
    pub(crate) epoch: Epoch,
    pub(crate) to: i64,
    pub(crate) results: Vec<Planned>,
}

/// How a try ended.
pub(crate) struct Attempted {
    pub(crate) key: Option<i32>,
    /// Which session it had.
    pub(crate) number: u64,
    /// The session for the next; none when it went to somebody else.
    pub(crate) open: Option<Open>,
    pub(crate) parts: Vec<Part>,
    pub(crate) result: Result<(), Failed>,
    /// Whether another session had to be opened.
    pub(crate) is_new: bool,
}

/// Why nothing of a transaction was published.
pub(crate) enum Failed {
    /// It was aborted, and is worth another try.
    Aborted(Error),
    /// The broker refused these results, each at its place among all.
    Refused(Vec<(usize, Error)>),
    /// Another has the id.
    Fenced(Error),
    /// There can be no other session.
    Over(Error),
}

impl Attempt {
    pub(crate) async fn run(self, key: Option<i32>, open: Open, metadata: Metadata) -> Attempted {
        let (began, number) = (Instant::now(), open.number);
        let refused = Arc::<Refused>::default();
        let failure = self.publish(&open, metadata, &refused).await.err();
        let (mut open, mut is_new) = (Some(open), false);
        let result = match failure {
            None => Ok(()),
            Some(error) if error.kind() == ErrorKind::Aborted => Err(refused.or(error)),
            Some(error) if error.kind() == ErrorKind::Fenced && began.elapsed() < TIMEOUT => {
                open = None;
                Err(Failed::Fenced(error))
            }
            Some(error) if error.kind() == ErrorKind::Unauthorized => {
                open = None;
                Err(Failed::Over(error))
            }
            Some(error) if planted(Bug::ReuseProducer) => Err(Failed::Aborted(error)),
            Some(error) => {
                // Nothing more of the old session: what it still has on its way could end another transaction.
                (open, is_new) = (None, true);
                match self.find_out(error).await {
                    Ok((new, result)) => {
                        open = Some(new);
                        result
                    }
                    Err(error) => Err(Failed::Over(error)),
                }
            }
        };
        Attempted { key, number, open, parts: self.parts, result, is_new }
    }

    /// Publishes everything in one transaction. An error of kind `Aborted` is one behind which the session is ready
    /// for the next transaction.
    async fn publish(
        &self,
        open: &Open,
        metadata: Metadata,
        refused: &Arc<Refused>,
    ) -> Result<(), Error> {
        let Err(error) = self.fill(open, metadata, refused).await else { return Ok(()) };
        if error.kind() != ErrorKind::Aborted {
            return Err(error);
        }
        // What is answered from here on was taken back.
        refused.close();
        open.transactions.abort().await?;
        Err(error)
    }

    async fn fill(
        &self,
        open: &Open,
        metadata: Metadata,
        refused: &Arc<Refused>,
    ) -> Result<(), Error> {
        // It may be that the transaction before could not be aborted.
        open.transactions.begin().await?;
        for (token, (.., output)) in outputs(&self.parts).enumerate() {
            let mut receipt = Receipt::new(refused.clone(), token as u64);
            while let Err(back) = open.producer.enqueue_copy(&output.record, receipt) {
                open.producer.room().await;
                receipt = back;
            }
        }
        self.end(open, metadata).await
    }

    async fn end(&self, open: &Open, metadata: Metadata) -> Result<(), Error> {
        // Nothing was sent of the offsets, so that the transaction can be aborted.
        let metadata = metadata.await.map_err(|error| {
            Error::new(ErrorKind::Aborted, error.to_string()).with_source(error)
        })?;
        let offsets = self.parts.iter().map(|part| (part.place.clone(), part.to)).collect();
        if !planted(Bug::OffsetsOutside) {
            open.transactions.send_offsets(offsets, metadata).await?;
        }
        open.transactions.commit().await
    }

    /// The outcome is unknown: another session ends what the old one left open, and then the committed offsets tell.
    async fn find_out(&self, error: Error) -> Result<(Open, Result<(), Failed>), Error> {
        tracing::warn!(
            group = %self.opener.group, id = %self.opener.id, %error,
            "the outcome of a transaction is unknown; another session finds out"
        );
        let open = self.opener.open().await?;
        let places: Vec<_> = self.parts.iter().map(|part| part.place.clone()).collect();
        let committed = look_up(&*self.lookup, &self.opener.group, places).await;
        // All or none. Others may have gone on with what is no longer ours, so that one that is not is enough.
        let mut parts = self.parts.iter().zip(committed);
        let is_committed = parts.all(|(part, at)| at.is_some_and(|at| at >= part.to));
        let is_committed =
            (is_committed || planted(Bug::UnknownIsCommitted)) && !planted(Bug::UnknownIsAborted);
        let result = if is_committed { Ok(()) } else { Err(Failed::Aborted(error)) };
        Ok((open, result))
    }
}

/// All results, in the order in which they are published, each with whose it is.
pub(super) fn outputs(parts: &[Part]) -> impl Iterator<Item = (&Source, u32, &Output)> {
    let planned = parts.iter().flat_map(|part| &part.results);
    planned.flat_map(|it| it.outputs.iter().map(|(index, output)| (&it.of, *index, output)))
}

/// What is committed of these partitions, however long no broker can be asked.
pub(crate) async fn look_up(
    lookup: &dyn Lookup,
    group: &str,
    places: Vec<TopicPartition>,
) -> Vec<Option<i64>> {
    loop {
        match lookup.committed(places.clone()).await {
            Ok(committed) => return committed,
            Err(error) => {
                tracing::warn!(group, %error, "it cannot be looked up what is committed; it is tried again");
                sleep(LOOK_AGAIN).await;
            }
        }
    }
}

/// Hears which results the broker refuses.
#[derive(Default)]
struct Refused(Mutex<(bool, Vec<(usize, Error)>)>);

impl Refused {
    fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = true;
    }

    /// Why a transaction that was aborted could not be committed.
    fn or(&self, error: Error) -> Failed {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::take(&mut state.1) {
            refused if refused.is_empty() => Failed::Aborted(error),
            refused => Failed::Refused(refused),
        }
    }
}

impl Receive for Refused {
    fn receive(&self, token: u64, result: Result<Delivered, Error>) {
        let Err(error) = result else { return };
        let is_final = matches!(
            error.kind(),
            ErrorKind::Publish
                | ErrorKind::TooLarge
                | ErrorKind::UnknownTopic
                | ErrorKind::Unauthorized
        );
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Others are worth another try, as a whole.
        if is_final && !state.0 {
            state.1.push((token as usize, error));
        }
    }
}

impl std::fmt::Debug for Attempted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempted").field("parts", &self.parts.len()).finish_non_exhaustive()
    }
}
