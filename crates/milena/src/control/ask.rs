use super::{Health, PartitionStatus, Scope};
use crate::subscriber::Offered;
use milena_core::{error::Error, record::TopicPartition, transport::Lookup};
use std::{any::Any, sync::Arc};
use tokio::sync::oneshot;

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What is said around everything in a group. What it is only routers know, and none of them is known here.
pub(crate) type Outer = Arc<dyn Any + Send + Sync>;

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
    Outer(Reply<Outer>),
    Add(Vec<Offered>, Reply<Result<(), Error>>),
    Remove(Vec<Arc<str>>, Reply<Result<(), Error>>),
    Stop(Reply<()>),
}
