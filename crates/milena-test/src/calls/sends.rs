use super::{Called, Recorder, sent};
use milena_core::{
    error::{BoxError, Error},
    reply::{ProducerRecord, PublishLayer},
    transport::Delivered,
};
use std::sync::Arc;

/// Records what publishers send, and nothing of what is published otherwise.
pub(crate) struct Sends(Arc<Recorder>);

impl Sends {
    pub(crate) fn new(recorder: &Arc<Recorder>) -> Self {
        Self(recorder.clone())
    }
}

impl PublishLayer for Sends {
    fn publish(&self, record: ProducerRecord) -> Result<ProducerRecord, BoxError> {
        let Some(publisher) = record.publisher() else { return Ok(record) };
        let called = Called::Publisher(publisher.clone());
        let number = self.0.begin(called, vec![sent(&record, None)]);
        let recorder = self.0.clone();
        let on_its_way = OnItsWay { number, record: record.clone(), recorder };
        Ok(record.attach(on_its_way))
    }

    fn published(&self, record: &ProducerRecord, result: Result<&Delivered, &Error>) {
        if let Some(on_its_way) = record.attached::<OnItsWay>() {
            on_its_way.end(result.map_err(ToString::to_string));
        }
    }
}

/// Stays with a record until the broker has answered.
struct OnItsWay {
    number: usize,
    /// As the publisher sent it, whatever layers make of it.
    record: ProducerRecord,
    recorder: Arc<Recorder>,
}

impl OnItsWay {
    fn end(&self, result: Result<&Delivered, String>) {
        self.recorder.answer(self.number, result.map(|at| sent(&self.record, Some(at))));
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        // Behind an answer this says nothing.
        self.end(Err(
            "no broker has answered: a publish layer kept it, or nobody waited".to_owned()
        ));
    }
}
