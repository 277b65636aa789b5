use super::mailbox::Mailbox;
use crate::native::Client;
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// What is asked of brokers on threads of its own, because the answers are waited for.
pub(super) struct Errands<T> {
    name: &'static str,
    client: Arc<Client>,
    mailbox: Arc<Mailbox>,
    answers: Arc<Mutex<Vec<T>>>,
}

impl<T: Send + 'static> Errands<T> {
    pub(super) fn new(name: &'static str, client: &Arc<Client>, mailbox: &Arc<Mailbox>) -> Self {
        Self { name, client: client.clone(), mailbox: mailbox.clone(), answers: Arc::default() }
    }

    /// Asks, and wakes the consumer's thread with the answer. `false` if there is no thread for it.
    pub(super) fn send(&self, ask: impl FnOnce(&Client) -> T + Send + 'static) -> bool {
        let (client, mailbox) = (self.client.clone(), self.mailbox.clone());
        let answers = self.answers.clone();
        let run = move || {
            let answer = ask(&client);
            // The client may end with this thread, which must not keep it then.
            drop(client);
            answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
            mailbox.bell.ring();
        };
        let thread = thread::Builder::new().name(self.name.into()).spawn(run);
        if let Err(error) = &thread {
            tracing::warn!(%error, "could not begin a thread for a question to the broker");
        }
        thread.is_ok()
    }

    /// The answers that came.
    pub(super) fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
