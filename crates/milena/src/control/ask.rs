use super::{Health, PartitionStatus, Scope};
use crate::subscriber::Offered;
use milena_core::{error::Error, record::TopicPartition, transport::Lookup};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What a conductor is asked for.
#[derive(Debug)]
pub(crate) enum Ask {
    Status(Reply<Vec<PartitionStatus>>),
    Health(Reply<Health>),
    Lookup(Reply<Arc<dyn Lookup>>),
    /// Pauses, or resumes.
    Pause(Scope, bool, Reply<Result<(), Error>>),
    /// Lets calls begin, or not.
    Flow(bool, Reply<()>),
    Seek(TopicPartition, i64, Reply<Result<(), Error>>),
    Commit(Option<Vec<Arc<str>>>, Reply<Result<(), Error>>),
    WaitEmpty(Reply<()>),
    Add(Vec<Offered>, Reply<Result<(), Error>>),
    Remove(Vec<Arc<str>>, Reply<Result<(), Error>>),
    Stop(Reply<()>),
}
