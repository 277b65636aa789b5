use super::Member;
use milena_core::{
    error::{Error, ErrorKind},
    transport::Event,
};

/// Answers to commits.
impl Member {
    /// Keeps the answer to a commit back.
    pub(crate) fn answer_later(&mut self, result: Result<(), Error>) {
        self.answer = Some(result);
    }

    /// Gives the answer that was kept back.
    pub(crate) fn release_answer(&mut self) {
        if let Some(result) = self.answer.take() {
            self.tell(Event::Committed(result));
        }
    }

    pub(crate) fn awaits_commit(&self) -> bool {
        let told = self.news.iter().any(|event| matches!(event, Event::Committed(_)));
        told || self.answer.is_some()
    }

    /// What is left to tell it when it has left: the answers to its commits.
    pub(crate) fn take_answers(&mut self) -> Vec<Event> {
        let late = self.answer.take().map(|_| {
            let message = "could not learn what became of a commit: it was not answered in time";
            Event::Committed(Err(Error::new(ErrorKind::TimedOut, message)))
        });
        let told = self.news.drain(..).filter(|event| matches!(event, Event::Committed(_)));
        told.chain(late).collect()
    }
}
