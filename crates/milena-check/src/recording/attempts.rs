use super::{Pen, SOURCE};
use crate::{At, History, How, What};
use milena_core::{
    error::BoxError,
    handler::{Decision, Delivery, Outcome},
    reply::ProducerRecord,
    transport::BoxFuture,
};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service, ServiceExt as _};

/// A layer that records the calls of handlers; [`History::attempts`] makes one.
///
/// What a handler returns gets the header [`SOURCE`].
#[derive(Clone)]
pub struct Attempts(Pen);

impl Attempts {
    pub(crate) fn new(history: History, instance: Arc<str>) -> Self {
        Self(Pen { history, instance })
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attempts({})", self.0.instance)
    }
}

impl<S> Layer<S> for Attempts {
    type Service = Attempted<S>;

    fn layer(&self, inner: S) -> Attempted<S> {
        Attempted { inner, pen: self.0.clone() }
    }
}

/// A handler whose calls are recorded.
#[derive(Clone)]
pub struct Attempted<S> {
    inner: S,
    pen: Pen,
}

impl<S> Service<Delivery> for Attempted<S>
where
    S: Service<Delivery, Response = Outcome> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Outcome;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Outcome, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        let (inner, pen) = (self.inner.clone(), self.pen.clone());
        Box::pin(async move {
            let call = Call::begin(pen, &delivery);
            let result = inner.oneshot(delivery.clone()).await.map_err(Into::into);
            call.end(&delivery, result)
        })
    }
}

impl<S> fmt::Debug for Attempted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attempted({})", self.pen.instance)
    }
}

/// A call that goes on, with its records: place, epoch and attempt of each.
struct Call {
    pen: Pen,
    number: u64,
    records: Vec<(At, u64, u32)>,
}

impl Call {
    fn begin(pen: Pen, delivery: &Delivery) -> Self {
        let number = pen.history.number();
        let records: Vec<_> =
            delivery.records().map(|it| (At::of(it), it.chunk().epoch().0, it.attempt())).collect();
        for (at, epoch, attempt) in &records {
            pen.note(What::Began(number, at.clone(), *epoch, *attempt));
        }
        Self { pen, number, records }
    }

    fn end(
        mut self,
        delivery: &Delivery,
        result: Result<Outcome, BoxError>,
    ) -> Result<Outcome, BoxError> {
        let gone = delivery.refused_so_far();
        let all: Vec<_> = self.records.iter().map(|(at, ..)| at.clone()).collect();
        let left = |index: &usize| !gone.contains(index);
        let left: Vec<usize> = (0..all.len()).filter(left).collect();
        let result = result.map(|outcome| marked(outcome, &all, &left));
        for (index, (at, epoch, attempt)) in
            std::mem::take(&mut self.records).into_iter().enumerate()
        {
            let item = left.iter().position(|it| *it == index);
            let how = match (&result, item) {
                (_, None) => How::TakenOut,
                (Ok(outcome), Some(item)) => how(outcome, item),
                (Err(error), _) => How::Failed(error.to_string()),
            };
            self.pen.note(What::Ended(self.number, at, epoch, attempt, how));
        }
        result
    }
}

/// A call that is dropped, or panics.
impl Drop for Call {
    fn drop(&mut self) {
        for (at, epoch, attempt) in std::mem::take(&mut self.records) {
            let panics = std::thread::panicking();
            let how = if panics { How::Failed("it panicked".to_owned()) } else { How::Dropped };
            self.pen.note(What::Ended(self.number, at, epoch, attempt, how));
        }
    }
}

/// The outcome, with the header of what is to be published.
fn marked(mut outcome: Outcome, all: &[At], left: &[usize]) -> Outcome {
    let names = |of: &mut dyn Iterator<Item = &usize>| {
        of.filter_map(|it| all.get(*it)).map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    let mark = |records: &mut Vec<ProducerRecord>, of: &str| {
        records.iter_mut().for_each(|record| record.headers.set(SOURCE, of.to_owned()));
    };
    // What comes of a batch is not that of records that it is to be called with again.
    let done = match &outcome.decision {
        Decision::OfEach(each) => {
            let each = left.iter().zip(each);
            each.filter(|(_, own)| own.decision == Decision::Done)
                .map(|(index, _)| *index)
                .collect()
        }
        _ => left.to_vec(),
    };
    mark(&mut outcome.records, &names(&mut done.iter()));
    if let Decision::OfEach(outcomes) = &mut outcome.decision {
        for (outcome, index) in outcomes.iter_mut().zip(left) {
            mark(&mut outcome.records, &names(&mut std::iter::once(index)));
        }
    }
    outcome
}

/// How the call ended for the item at this place.
fn how(outcome: &Outcome, item: usize) -> How {
    match &outcome.decision {
        Decision::Done => How::Done(outcome.records.len()),
        Decision::Skip(_) => How::Skipped,
        Decision::DeadLetter(_) => How::DeadLetter,
        Decision::RetryAfter(delay) => How::RetryAfter(*delay),
        Decision::OfEach(outcomes) => match outcomes.get(item) {
            Some(own) => match how(own, 0) {
                How::Done(records) => How::Done(records + outcome.records.len()),
                other => other,
            },
            None => How::Failed("there is no outcome for it".to_owned()),
        },
        _ => How::Stop,
    }
}
