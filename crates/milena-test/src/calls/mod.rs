//! What handlers and publishers were called with, and what came of it.

mod asserts;
mod call;
mod copied;
mod layer;
mod recorder;
mod sends;

pub(crate) use self::{
    call::{Called, Ending},
    copied::{copied, sent},
    layer::Recording,
    recorder::Recorder,
    sends::Sends,
};

use self::call::Call;
use futures_util::FutureExt;
use milena_core::{error::BoxError, extract::FromRecord, handler::Outcome, record::Record};
use std::{fmt, sync::Arc, time::Duration};

/// The calls of a handler so far, which [`TestApp::calls`](crate::TestApp::calls) tells, or what a publisher sent, which
/// [`TestApp::sends`](crate::TestApp::sends) tells.
///
/// An attempt is a call, so a record that is retried twice makes three. A record that an extractor refused
/// was no call of the handler: [`refused`](Self::refused) has those. What is recorded are copies of the
/// records, decoded anew each time that they are asked for; so nothing that a handler does to its arguments
/// changes them.
///
/// Each record that a publisher sends is a call, which ends when the broker has answered. It is recorded as the
/// publisher sent it, before publish layers make something else of it.
///
/// ```
/// use milena::{Json, Router, each};
/// use milena_test::TestApp;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)] struct Order { id: u64 }
///
/// async fn bill(Json(order): Json<Order>) {
///     println!("{}", order.id);
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let test = TestApp::start(Router::new("billing").subscribe("orders", each(bill))).await;
///
/// test.publish("orders", Json(Order { id: 7 })).await;
///
/// test.calls(bill).assert_called_once_with(Json(Order { id: 7 }));
/// # }
/// ```
#[derive(Clone)]
pub struct Calls {
    called: Called,
    recorder: Arc<Recorder>,
    patience: Duration,
}

impl Calls {
    pub(crate) fn new(called: Called, recorder: Arc<Recorder>, patience: Duration) -> Self {
        Self { called, recorder, patience }
    }

    /// How many calls there were; those that run count.
    pub fn count(&self) -> usize {
        self.with(|calls| calls.len())
    }

    /// Whether there was a call.
    pub fn was_called(&self) -> bool {
        self.count() > 0
    }

    /// The records of the calls, in their order; those of a batch one after the other. One that a publisher sent
    /// has the partition -1 and the offset -1 until the broker has answered.
    pub fn records(&self) -> Vec<Record> {
        self.batches().into_iter().flatten().collect()
    }

    /// The records of each call: one, or those of the batch.
    pub fn batches(&self) -> Vec<Vec<Record>> {
        self.with(|calls| calls.iter().map(|call| call.records.clone()).collect())
    }

    /// What the calls were with, by any extractor that needs no state: `Json<Order>`,
    /// `(Key<String>, Json<Order>)`, `Headers`. For a batch it is that of each record.
    ///
    /// # Panics
    ///
    /// If the extractor refuses a record that a call was with.
    #[track_caller]
    pub fn arguments<T: FromRecord<()>>(&self) -> Vec<T> {
        self.records().iter().map(|record| self.extracted(record)).collect()
    }

    /// The same for each call of a batch handler.
    ///
    /// # Panics
    ///
    /// If the extractor refuses a record that the handler was called with.
    #[track_caller]
    pub fn batch_arguments<T: FromRecord<()>>(&self) -> Vec<Vec<T>> {
        let batches = self.batches();
        batches.iter().map(|batch| batch.iter().map(|it| self.extracted(it)).collect()).collect()
    }

    /// What the calls ended with, where they have ended: an outcome, or the text of the error. That the broker
    /// has what a publisher sent is `Outcome::done()`.
    pub fn outcomes(&self) -> Vec<Result<Outcome, String>> {
        let outcome = |call: &Call| match &call.ending {
            Some(Ending::Outcome(outcome)) => Some(Ok(outcome.clone())),
            Some(Ending::Delivered) => Some(Ok(Outcome::done())),
            Some(Ending::Error(error)) => Some(Err(error.clone())),
            None | Some(Ending::Refused(_)) => None,
        };
        self.with(|calls| calls.iter().filter_map(|call| outcome(call)).collect())
    }

    /// The errors and panics of the handler, or those of a publisher, also those that a retry or a dead letter hid.
    pub fn errors(&self) -> Vec<String> {
        self.outcomes().into_iter().filter_map(Result::err).collect()
    }

    /// The records that an extractor of the handler refused, each with the reason. The handler was not
    /// called with them.
    pub fn refused(&self) -> Vec<(Record, String)> {
        self.recorder.refused(&self.called)
    }

    /// Whether there was a call with this, as an extractor has it.
    ///
    /// # Panics
    ///
    /// As [`arguments`](Self::arguments).
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "it reads as the call does")]
    pub fn was_called_with<T: FromRecord<()> + PartialEq>(&self, arguments: T) -> bool {
        self.arguments::<T>().contains(&arguments)
    }

    #[track_caller]
    fn extracted<T: FromRecord<()>>(&self, record: &Record) -> T {
        match extracted(record) {
            Ok(value) => value,
            Err(why) => panic!("could not tell the arguments of {}: {why}", self.called),
        }
    }

    fn with<R>(&self, look: impl FnOnce(Vec<&Call>) -> R) -> R {
        self.recorder.with(|calls| {
            let of_it = calls.iter().filter(|call| call.called == self.called);
            look(of_it.filter(|call| !call.is_refused()).collect())
        })
    }
}

/// What an extractor without a state takes from a record.
pub(crate) fn extracted<T: FromRecord<()>>(record: &Record) -> Result<T, String> {
    let place = || format!("{}/{}/{}", record.topic(), record.partition(), record.offset());
    let Some(result) = T::from_record(record, &()).now_or_never() else {
        return Err(format!("the extractor waits for something, with record {}", place()));
    };
    result.map_err(|error| {
        let error: BoxError = error.into();
        format!("record {}: {error}", place())
    })
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|calls| {
            match &self.called {
                Called::Handler(_) => {
                    writeln!(f, "{} was called {} times", self.called, calls.len())?;
                }
                Called::Publisher(_) => {
                    writeln!(f, "{} sent {} records", self.called, calls.len())?;
                }
            }
            calls.iter().try_for_each(|call| writeln!(f, "  {call}"))
        })
    }
}
