//! Questions about offsets, each for many partitions at once. They wait for the answer, so they are
//! asked on threads of their own.

use crate::native::Client;
use milena_core::record::TopicPartition;
use rdkafka::{
    Offset, TopicPartitionList,
    error::{KafkaError, RDKafkaErrorCode as Code},
    topic_partition_list::TopicPartitionListElem,
};
use std::time::{Duration, Instant};

/// An offset that only the broker knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ask {
    /// That of the oldest record.
    Oldest,
    /// The one behind the newest record that can be read.
    End,
    /// That of the first record of this time or a later one, in milliseconds since 1970.
    Time(i64),
}

/// What the broker says of each partition: an offset, or that there is none.
pub(super) type Answers = Vec<Result<Option<i64>, Code>>;

/// The oldest offset and the end.
pub(super) type Bounds = Result<(i64, i64), Code>;

/// What the group has committed.
pub(super) fn committed(
    client: &Client,
    places: &[TopicPartition],
    within: Duration,
) -> Result<Answers, Code> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut list = TopicPartitionList::with_capacity(places.len());
    for place in places {
        list.add_partition(&place.topic, place.partition);
    }
    client.committed(&mut list, within)?;
    Ok(list.elements().iter().map(answer).collect())
}

/// Where these offsets are.
pub(super) fn offsets(
    client: &Client,
    asked: &[(TopicPartition, Ask)],
    within: Duration,
) -> Result<Answers, Code> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let mut list = TopicPartitionList::with_capacity(asked.len());
    for (place, ask) in asked {
        let mut at = list.add_partition(&place.topic, place.partition);
        at.set_offset(ask.raw()).map_err(|_| Code::InvalidArgument)?;
    }
    client.offsets_at(&mut list, within)?;
    Ok(list.elements().iter().map(answer).collect())
}

/// The oldest offsets and the ends.
pub(super) fn bounds(
    client: &Client,
    places: &[TopicPartition],
    within: Duration,
) -> Result<Vec<Bounds>, Code> {
    let all = |ask| places.iter().map(|place| (place.clone(), ask)).collect::<Vec<_>>();
    let start = Instant::now();
    let oldest = offsets(client, &all(Ask::Oldest), within)?;
    let ends = offsets(client, &all(Ask::End), within.saturating_sub(start.elapsed()))?;
    let both = |(oldest, end): (Result<Option<i64>, Code>, Result<Option<i64>, Code>)| {
        oldest?.zip(end?).ok_or(Code::UnknownPartition)
    };
    Ok(oldest.into_iter().zip(ends).map(both).collect())
}

impl Ask {
    /// As the protocol has it, where the ends are times.
    fn raw(self) -> Offset {
        match self {
            Self::Oldest => Offset::Beginning,
            Self::End => Offset::End,
            Self::Time(millis) => Offset::Offset(millis.max(0)),
        }
    }
}

fn answer(at: &TopicPartitionListElem<'_>) -> Result<Option<i64>, Code> {
    match at.error() {
        Ok(()) => Ok(if let Offset::Offset(offset) = at.offset() { Some(offset) } else { None }),
        Err(KafkaError::OffsetFetch(code)) => Err(code),
        Err(_) => Err(Code::Unknown),
    }
}
