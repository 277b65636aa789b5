use super::{Called, Ending, Recorder, copied};
use crate::stand_in::StandIns;
use futures_util::FutureExt;
use milena::router::{Described, Refused, Replies, Route};
use milena_core::{
    error::BoxError,
    handler::{Delivery, Outcome},
    record::Record,
    transport::BoxFuture,
};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service, ServiceExt as _};

/// Records the calls of a handler, and has others stand in for it.
#[derive(Clone)]
pub(crate) struct Recording {
    recorder: Arc<Recorder>,
    stand_ins: Arc<StandIns>,
    handler: &'static str,
    replies: Arc<Replies>,
}

impl Recording {
    pub(crate) fn new(
        recorder: &Arc<Recorder>,
        stand_ins: &Arc<StandIns>,
        described: &Described<'_>,
    ) -> Self {
        let (recorder, stand_ins) = (recorder.clone(), stand_ins.clone());
        let replies = Arc::new(described.replies());
        Self { recorder, stand_ins, handler: described.operation.handler, replies }
    }

    async fn call(self, route: Route, delivery: Delivery) -> Result<Outcome, BoxError> {
        let records: Vec<Record> = delivery.records().map(copied).collect();
        let number = self.recorder.begin(Called::Handler(self.handler), records);
        let answer = async {
            match self.stand_ins.answer(self.handler, &self.replies, &delivery) {
                Some(answer) => answer,
                None => route.oneshot(delivery.clone()).await,
            }
        };
        let result = AssertUnwindSafe(answer).catch_unwind().await;
        let refused = told_of(&delivery);
        let ending = match &result {
            Ok(Ok(outcome)) => Ending::Outcome(outcome.clone()),
            Ok(Err(error)) if error.is::<Refused>() => Ending::Refused(error.to_string()),
            Ok(Err(error)) => Ending::Error(error.to_string()),
            Err(panicked) => Ending::Error(format!("it panicked: {}", text(&**panicked))),
        };
        self.recorder.end(number, ending, refused);
        result.unwrap_or_else(|panicked| resume_unwind(panicked))
    }
}

/// The records that were taken out of a batch, which stay so.
fn told_of(delivery: &Delivery) -> Vec<(usize, String)> {
    let refused = delivery.take_refused();
    let told = refused.iter().map(|(index, why)| (*index, why.to_string())).collect();
    refused.into_iter().for_each(|(index, why)| delivery.refuse(index, why));
    told
}

fn text(panicked: &(dyn Any + Send)) -> &str {
    let text = panicked.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panicked.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a value that is not text")
}

impl Layer<Route> for Recording {
    type Service = Recorded;

    fn layer(&self, route: Route) -> Recorded {
        Recorded { recording: self.clone(), route }
    }
}

/// A handler whose calls are recorded.
#[derive(Clone)]
pub(crate) struct Recorded {
    recording: Recording,
    route: Route,
}

impl Service<Delivery> for Recorded {
    type Response = Outcome;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Outcome, BoxError>>;

    // Whether what is inside is ready is part of the call.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        Box::pin(self.recording.clone().call(self.route.clone(), delivery))
    }
}
