use super::{
    mailbox::Mailbox,
    query::{self, Ask},
};
use crate::{
    error::{error, error_or, kind},
    native::Client,
    offload::offload,
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::{BoxFuture, Lookup},
};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::{
    ops::Range,
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

/// How long an answer may take, and when to ask again.
const WITHIN: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(100);

/// Answers questions about offsets, as long as the consumer has not closed.
pub(super) struct Lookups {
    /// The client ends with its consumer, whoever keeps this.
    client: Weak<Client>,
    mailbox: Arc<Mailbox>,
    has_group: bool,
}

impl Lookups {
    pub(super) fn new(client: &Arc<Client>, mailbox: Arc<Mailbox>, has_group: bool) -> Self {
        Self { client: Arc::downgrade(client), mailbox, has_group }
    }

    /// Asks on a thread of its own.
    fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        ask: impl Fn(&Client, Duration) -> Result<Vec<T>, Failure> + Send + 'static,
    ) -> BoxFuture<'_, Result<Vec<T>, Error>> {
        let client = self.client.upgrade().filter(|_| !self.mailbox.has_ended());
        Box::pin(async move {
            let Some(client) = client else {
                let message = format!("could not {what}: the consumer has closed");
                return Err(Error::new(ErrorKind::NotAssigned, message));
            };
            let ask = move || patiently(WITHIN, |left| ask(&client, left));
            let answer = offload("kafka-lookup", ask).await;
            let Some(answer) = answer else {
                let message = format!("could not {what}: there is no thread for it");
                return Err(Error::new(ErrorKind::Driver, message));
            };
            answer.map_err(|failure| failure.error(what))
        })
    }
}

/// An error, of one partition or of all.
type At = Option<TopicPartition>;
struct Failure(At, Code);

impl Lookup for Lookups {
    fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>> {
        if !self.has_group {
            return Box::pin(async move { Ok(vec![None; partitions.len()]) });
        }
        self.ask("look up committed offsets", move |client, within| {
            each(&partitions, query::committed(client, &partitions, within))
        })
    }

    fn bounds(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Range<i64>>, Error>> {
        self.ask("look up the bounds of partitions", move |client, within| {
            let bounds = each(&partitions, query::bounds(client, &partitions, within))?;
            Ok(bounds.into_iter().map(|(oldest, end)| oldest..end).collect())
        })
    }

    fn at_time(
        &self,
        times: Vec<(TopicPartition, i64)>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>> {
        let (partitions, asked): (Vec<_>, Vec<_>) =
            times.into_iter().map(|(at, time)| (at.clone(), (at, Ask::Time(time)))).unzip();
        self.ask("look up offsets of times", move |client, within| {
            each(&partitions, query::offsets(client, &asked, within))
        })
    }
}

/// Asks again what a broker could not say because it was not the one to ask, or not there; unless there is
/// no time for an answer any more.
fn patiently<T>(
    within: Duration,
    mut ask: impl FnMut(Duration) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (until, mut left) = (Instant::now() + within, within);
    loop {
        let failure = match ask(left) {
            Err(failure) if is_passing(failure.1) => failure,
            answer => return answer,
        };
        left = until.saturating_duration_since(Instant::now()).saturating_sub(AGAIN);
        if left < AGAIN {
            return Err(failure);
        }
        thread::sleep(AGAIN);
    }
}

/// Whether another broker is the one to ask, or will be.
fn is_passing(code: Code) -> bool {
    let passing = [
        Code::BrokerDestroy,
        Code::DestroyBroker,
        Code::LeaderNotAvailable,
        Code::NotLeaderForPartition,
        Code::UnstableOffsetCommit,
    ];
    let kinds = [Some(ErrorKind::Unreachable), Some(ErrorKind::Rebalancing)];
    passing.contains(&code) || kinds.contains(&kind(code))
}

impl Failure {
    fn error(self, what: &str) -> Error {
        let Self(at, code) = self;
        let what = at.map_or_else(|| what.to_owned(), |at| format!("{what}, of `{at}`"));
        match code {
            Code::OperationTimedOut | Code::RequestTimedOut => {
                let message = format!("could not {what}: no broker answered within 10 s");
                Error::new(ErrorKind::TimedOut, message).with_source(code)
            }
            Code::UnknownPartition => {
                let message = format!("could not {what}: there is no such partition");
                Error::new(ErrorKind::UnknownTopic, message).with_source(code)
            }
            code if is_passing(code) => error_or(ErrorKind::Unreachable, &what, code),
            code => error(&what, code),
        }
    }
}

/// The answers, or the first error among them.
fn each<T>(
    partitions: &[TopicPartition],
    answers: Result<Vec<Result<T, Code>>, Code>,
) -> Result<Vec<T>, Failure> {
    let answers = answers.map_err(|code| Failure(None, code))?;
    let answer = |(at, answer): (&TopicPartition, Result<T, Code>)| {
        answer.map_err(|code| Failure(Some(at.clone()), code))
    };
    partitions.iter().zip(answers).map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_asked_again_and_never_without_time_for_an_answer() {
        let mut given = Vec::new();

        let answer = patiently(4 * AGAIN, |left| {
            given.push(left);
            Err::<(), _>(Failure(None, Code::LeaderNotAvailable))
        });

        assert!(matches!(answer, Err(Failure(None, Code::LeaderNotAvailable))));
        assert_eq!(given[0], 4 * AGAIN);
        assert!(given.iter().all(|left| *left >= AGAIN), "{given:?}");
    }

    #[test]
    fn what_has_no_time_left_is_asked_once() {
        let mut asked = 0;

        let answer = patiently(AGAIN, |_| {
            asked += 1;
            Err::<(), _>(Failure(None, Code::OperationTimedOut))
        });

        assert!(matches!(answer, Err(Failure(None, Code::OperationTimedOut))));
        assert_eq!(asked, 1);
    }

    #[test]
    fn what_does_not_pass_is_asked_once() {
        let mut asked = 0;

        let answer = patiently(WITHIN, |_| {
            asked += 1;
            Err::<(), _>(Failure(None, Code::UnknownPartition))
        });

        assert!(matches!(answer, Err(Failure(None, Code::UnknownPartition))));
        assert_eq!(asked, 1);
    }
}
