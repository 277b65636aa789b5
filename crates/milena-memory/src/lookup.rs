use crate::{Memory, assign::place, changed::Until, group::GroupId, log::Log};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::{BoxFuture, IsolationLevel, Lookup},
};
use std::{future::ready, ops::Range};

/// Looks at the broker as one of a group.
pub(crate) struct MemoryLookup {
    memory: Memory,
    group: GroupId,
    level: IsolationLevel,
}

impl MemoryLookup {
    pub(crate) fn new(memory: Memory, group: GroupId, level: IsolationLevel) -> Self {
        Self { memory, group, level }
    }

    fn look_up(&self, partitions: &[TopicPartition]) -> Vec<Option<i64>> {
        self.memory.with(|broker| {
            let group = self.group.name().and_then(|name| broker.find_group(name));
            let of = |at| group.and_then(|group| group.committed(&place(at)));
            partitions.iter().map(of).collect()
        })
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
        Box::pin(async move {
            if self.level == IsolationLevel::ReadCommitted {
                let places = partitions.iter().map(place).collect();
                Until::stable(self.memory.clone(), self.group.clone(), places).await;
            }
            Ok(self.look_up(&partitions))
        })
    }

    fn bounds(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Range<i64>>, Error>> {
        let of = |at| self.look(at, |log| log.begin()..log.end_at(self.level));
        Box::pin(ready(partitions.iter().map(of).collect()))
    }

    fn at_time(
        &self,
        times: Vec<(TopicPartition, i64)>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>> {
        let of = |(at, millis): &(TopicPartition, i64)| {
            self.look(at, |log| log.at_time(*millis, self.level))
        };
        Box::pin(ready(times.iter().map(of).collect()))
    }
}
