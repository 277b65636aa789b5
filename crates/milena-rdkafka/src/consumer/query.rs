//! Questions about offsets, each for many partitions at once. They wait for the answer, so they are
//! asked on threads of their own.

use crate::native::Client;
use milena_core::record::TopicPartition;
use rdkafka::{
    Offset, TopicPartitionList,
    error::{KafkaError, RDKafkaErrorCode as Code},
    topic_partition_list::TopicPartitionListElem,
};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

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
    in_rounds(
        places,
        |place| place,
        |places| {
            let mut list = TopicPartitionList::with_capacity(places.len());
            for place in places {
                list.add_partition(&place.topic, place.partition);
            }
            client.committed(&mut list, within)?;
            Ok(list.elements().iter().map(committed_of).collect())
        },
    )
}

/// Where these offsets are.
pub(super) fn offsets(
    client: &Client,
    asked: &[(TopicPartition, Ask)],
    within: Duration,
) -> Result<Answers, Code> {
    in_rounds(
        asked,
        |(place, _)| place,
        |asked| {
            let mut list = TopicPartitionList::with_capacity(asked.len());
            for (place, ask) in asked {
                let mut at = list.add_partition(&place.topic, place.partition);
                at.set_offset(ask.raw()).map_err(|_| Code::InvalidArgument)?;
            }
            client.offsets_at(&mut list, within)?;
            Ok(list.elements().iter().map(|at| told(at).and_then(offset)).collect())
        },
    )
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

fn committed_of(at: &TopicPartitionListElem<'_>) -> Result<Option<i64>, Code> {
    told(at).map(|at| if let Offset::Offset(offset) = at { Some(offset) } else { None })
}

/// What the list has of a partition, once it was asked.
fn told(at: &TopicPartitionListElem<'_>) -> Result<Offset, Code> {
    match at.error() {
        Ok(()) => Ok(at.offset()),
        Err(KafkaError::OffsetFetch(code)) => Err(code),
        Err(_) => Err(Code::Unknown),
    }
}

fn offset(answer: Offset) -> Result<Option<i64>, Code> {
    match answer {
        Offset::Offset(offset) => Ok(Some(offset)),
        // There is no record of such a time.
        Offset::End => Ok(None),
        // Its broker has not answered, though others did.
        _ => Err(Code::BrokerTransportFailure),
    }
}

/// Asks about each partition once at a time, because librdkafka takes none twice.
fn in_rounds<T: Clone>(
    asked: &[T],
    place: impl Fn(&T) -> &TopicPartition,
    mut ask: impl FnMut(&[T]) -> Result<Answers, Code>,
) -> Result<Answers, Code> {
    let mut answers: Answers = vec![Err(Code::Unknown); asked.len()];
    let mut left: Vec<_> = (0..asked.len()).collect();
    while !left.is_empty() {
        let mut seen = HashSet::new();
        let (round, others): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|index| seen.insert(place(&asked[*index])));
        let items: Vec<_> = round.iter().map(|index| asked[*index].clone()).collect();
        for (index, answer) in round.into_iter().zip(ask(&items)?) {
            answers[index] = answer;
        }
        left = others;
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::ClientConfig;

    #[test]
    fn a_partition_that_is_asked_about_twice_is_asked_about_in_turns() {
        let asked = [(0, 10), (1, 20), (0, 30), (0, 40)];
        let asked = asked.map(|(partition, time)| (TopicPartition::new("t", partition), time));
        let mut rounds = Vec::new();

        let answers = in_rounds(
            &asked,
            |(place, _)| place,
            |round| {
                rounds.push(round.len());
                Ok(round.iter().map(|(_, time)| Ok(Some(*time))).collect())
            },
        );

        assert_eq!(rounds, [2, 1, 1]);
        assert_eq!(answers, Ok(vec![Ok(Some(10)), Ok(Some(20)), Ok(Some(30)), Ok(Some(40))]));
    }

    #[test]
    fn a_question_with_little_or_no_time_harms_nothing() {
        let mut config = ClientConfig::new();
        // Nobody is there.
        config.set("bootstrap.servers", "127.0.0.1:1").set("group.id", "g");
        let client = Client::consumer(&config, || ()).unwrap();
        let asked = [(TopicPartition::new("t", 0), Ask::End)];

        for round in 0..2_000 {
            let within = Duration::from_millis(u64::from(round % 10 == 0));
            assert_eq!(offsets(&client, &asked, within), Err(Code::OperationTimedOut));
        }
    }

    #[test]
    fn what_no_broker_answered_is_not_taken_for_an_offset() {
        assert_eq!(offset(Offset::Offset(3)), Ok(Some(3)));
        assert_eq!(offset(Offset::End), Ok(None));
        assert_eq!(offset(Offset::Invalid), Err(Code::BrokerTransportFailure));
    }
}
