use milena_core::{
    error::Error,
    transport::{Delivered, Receipt},
};
use std::task::Waker;

/// A receipt with what it is to say.
pub(crate) type Answer = (Receipt, Result<Delivered, Error>);

/// What is to be called when the broker's lock is free again.
#[derive(Default)]
pub(crate) struct After {
    wakers: Vec<Waker>,
    answers: Vec<Answer>,
}

impl After {
    pub(crate) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.wakers.extend(wakers);
    }

    pub(crate) fn deliver(&mut self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.extend(answers);
    }

    pub(crate) fn run(self) {
        for (receipt, result) in self.answers {
            receipt.deliver(result);
        }
        self.wakers.into_iter().for_each(Waker::wake);
    }
}
