use crate::{
    error::{Error, ErrorKind},
    extract::FromRecord,
    record::{Record, names},
    reply::ProducerRecord,
    transport::{BoxFuture, Producer},
};
use std::{fmt, sync::Arc, time::Duration};

/// Who publishes questions and waits for their answers.
pub trait Requests: Send + Sync + 'static {
    /// The answer to this question.
    fn request(&self, question: Question) -> BoxFuture<'_, Result<Record, Error>>;
}

/// A record that is to be answered.
#[derive(Clone)]
pub struct Question {
    /// The record. Its header `reply_to` names the topic of the answer, if it has it already.
    pub record: ProducerRecord,
    /// Who publishes it.
    pub producer: Arc<dyn Producer>,
    /// How long the answer may take.
    pub timeout: Duration,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("record", &self.record)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What an answer to a question in `topic` says.
pub(super) async fn decode<A: FromRecord<()>>(topic: &str, answer: Record) -> Result<A, Error> {
    if let Some(why) = answer.headers().get(names::ERROR) {
        let why = String::from_utf8_lossy(why);
        let message = format!("could not get an answer from topic `{topic}`: {why}");
        return Err(Error::new(ErrorKind::Answer, message));
    }
    A::from_record(&answer, &()).await.map_err(|error| {
        let error = error.into();
        let message = format!("could not read the answer from topic `{topic}`: {error}");
        Error::new(ErrorKind::Answer, message).with_source(error)
    })
}
