use super::{
    errands::Errands,
    mailbox::Mailbox,
    partitions::Missing,
    query::{self, Bounds},
};
use crate::native::Client;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long the broker may take to say which offsets there are, and how often it is asked.
const ANSWER: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(100);

/// Partitions whose offset is not there, while the broker is asked which are.
pub(super) struct Resets {
    missing: Vec<Missing>,
    asking: bool,
    next: Instant,
    errands: Errands<Vec<(Missing, Bounds)>>,
}

impl Resets {
    pub(super) fn new(client: &Arc<Client>, mailbox: &Arc<Mailbox>) -> Self {
        Self {
            missing: Vec::new(),
            asking: false,
            next: Instant::now(),
            errands: Errands::new("kafka-resets", client, mailbox),
        }
    }

    pub(super) fn add(&mut self, missing: Missing) {
        self.missing.push(missing);
    }

    /// Asks about what was added, all at once, and gives the answers.
    pub(super) fn look(&mut self, now: Instant) -> Vec<(Missing, Bounds)> {
        let answers: Vec<_> = self.errands.take().into_iter().flatten().collect();
        if !answers.is_empty() {
            self.asking = false;
        }
        if !self.asking && !self.missing.is_empty() && now >= self.next {
            self.next = now + AGAIN;
            let missing = std::mem::take(&mut self.missing);
            let kept = missing.clone();
            self.asking = self.errands.send(move |client| bounds(client, missing));
            if !self.asking {
                self.missing = kept;
            }
        }
        answers
    }
}

fn bounds(client: &Client, missing: Vec<Missing>) -> Vec<(Missing, Bounds)> {
    let places: Vec<_> = missing.iter().map(|missing| missing.place.clone()).collect();
    let bounds = query::bounds(client, &places, ANSWER);
    let bounds = bounds.unwrap_or_else(|code| vec![Err(code); places.len()]);
    missing.into_iter().zip(bounds).collect()
}
