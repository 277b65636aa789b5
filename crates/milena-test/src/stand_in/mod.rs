//! What stands in for a handler in a test: an answer, or a failure.

mod answer;
mod when;

pub use self::{answer::Answer, when::When};

use crate::calls::extracted;
use milena::router::{Refused, Replies};
use milena_core::{
    error::BoxError,
    extract::{Batch, FromRecord},
    handler::{Delivery, Outcome},
};
use std::{collections::HashMap, fmt};

/// Who stands in for which handler.
#[derive(Default)]
pub(crate) struct StandIns {
    mocks: HashMap<&'static str, Mock>,
    failures: Vec<(&'static str, When, Cause)>,
}

type Mock = Box<dyn Fn(&Replies, &Delivery) -> Result<Outcome, BoxError> + Send + Sync>;
type Cause = Box<dyn Fn() -> BoxError + Send + Sync>;

impl StandIns {
    /// Each record is answered by `mock`.
    pub(crate) fn mock<A, R, M>(
        &mut self,
        handler: &'static str,
        mock: impl Fn(A) -> R + Send + Sync + 'static,
    ) where
        A: FromRecord<()>,
        R: Answer<M>,
    {
        let answer = move |replies: &Replies, delivery: &Delivery| {
            let arguments = extracted::<A>(delivery.first()).map_err(Refused::new)?;
            mock(arguments).outcome(replies, delivery.first())
        };
        self.mocks.insert(handler, Box::new(answer));
    }

    /// Each batch is answered by `mock`. A record that the extractor refuses fails alone.
    pub(crate) fn mock_batch<A, R, M>(
        &mut self,
        handler: &'static str,
        mock: impl Fn(Batch<A>) -> R + Send + Sync + 'static,
    ) where
        A: FromRecord<()>,
        R: Answer<M>,
    {
        let answer = move |replies: &Replies, delivery: &Delivery| {
            let mut items = Vec::with_capacity(delivery.len());
            for (index, record) in delivery.records().enumerate() {
                match extracted::<A>(record) {
                    Ok(item) => items.push(item),
                    Err(why) => delivery.refuse(index, why.into()),
                }
            }
            if items.is_empty() {
                return Ok(Outcome::done());
            }
            mock(Batch(items)).outcome(replies, delivery.first())
        };
        self.mocks.insert(handler, Box::new(answer));
    }

    pub(crate) fn fail(&mut self, handler: &'static str, when: When, cause: Cause) {
        self.failures.push((handler, when, cause));
    }

    /// The handlers that something stands in for.
    pub(crate) fn handlers(&self) -> impl Iterator<Item = &'static str> {
        self.mocks.keys().copied().chain(self.failures.iter().map(|(handler, ..)| *handler))
    }

    /// What is said instead of the handler; `None` lets it speak for itself.
    pub(crate) fn answer(
        &self,
        handler: &str,
        replies: &Replies,
        delivery: &Delivery,
    ) -> Option<Result<Outcome, BoxError>> {
        let mut failures = self.failures.iter().filter(|(of, ..)| *of == handler);
        if let Some((.., cause)) = failures.find(|(_, when, _)| when.is_now(delivery)) {
            return Some(Err(cause()));
        }
        self.mocks.get(handler).map(|mock| mock(replies, delivery))
    }
}

impl fmt::Debug for StandIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.handlers()).finish()
    }
}
