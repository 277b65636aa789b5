use super::{Issued, Tokens};
use std::sync::{Arc, Weak};

/// A client that shows tokens.
pub(crate) trait Holder: Send + Sync {
    /// Takes the token for its next connections, and for those that are open.
    fn hold(&self, issued: &Issued) -> Result<(), String>;

    /// There is no token for it, because of this.
    fn miss(&self, why: &str);
}

/// The clients that a token is for.
#[derive(Default)]
pub(super) struct Clients {
    clients: Vec<(u64, Weak<dyn Holder>)>,
    next: u64,
}

impl Clients {
    pub(super) fn add(&mut self, client: Weak<dyn Holder>) -> u64 {
        self.next += 1;
        self.clients.push((self.next, client));
        self.next
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.clients.retain(|(other, _)| *other != id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    pub(super) fn each(&self, mut call: impl FnMut(&dyn Holder)) {
        let alive = self.clients.iter().filter_map(|(_, client)| client.upgrade());
        alive.for_each(|client| call(&*client));
    }
}

/// As long as it is kept, a client gets tokens.
pub(crate) struct Enrolled {
    tokens: Arc<Tokens>,
    id: u64,
}

impl Enrolled {
    pub(super) fn new(tokens: Arc<Tokens>, id: u64) -> Self {
        Self { tokens, id }
    }
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        self.tokens.leave(self.id);
    }
}
