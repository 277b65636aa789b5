use crate::{Memory, assign::place, group::GroupId, log::Log};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::{BoxFuture, Lookup},
};
use std::{future::ready, ops::Range};

/// Looks at the broker as one of a group.
pub(crate) struct MemoryLookup {
    memory: Memory,
    group: GroupId,
}

impl MemoryLookup {
    pub(crate) fn new(memory: Memory, group: GroupId) -> Self {
        Self { memory, group }
    }

    fn look<T>(&self, at: &TopicPartition, look: impl FnOnce(&Log) -> T) -> Result<T, Error> {
        self.memory.with(|broker| match broker.topics.log(&place(at)) {
            Some(log) => Ok(look(log)),
            None => {
                let message = format!("could not look at `{at}`: it does not exist");
                Err(Error::new(ErrorKind::UnknownTopic, message))
            }
        })
    }
}

impl Lookup for MemoryLookup {
    fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>> {
        let committed = self.memory.with(|broker| {
            let group = self.group.name().and_then(|name| broker.find_group(name));
            let of = |at| group.and_then(|group| group.committed(&place(at)));
            partitions.iter().map(of).collect()
        });
        Box::pin(ready(Ok(committed)))
    }

    fn bounds(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Range<i64>>, Error>> {
        let of = |at| self.look(at, |log| log.begin()..log.end());
        Box::pin(ready(partitions.iter().map(of).collect()))
    }

    fn at_time(
        &self,
        times: Vec<(TopicPartition, i64)>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>> {
        let of = |(at, millis): &(TopicPartition, i64)| self.look(at, |log| log.at_time(*millis));
        Box::pin(ready(times.iter().map(of).collect()))
    }
}
