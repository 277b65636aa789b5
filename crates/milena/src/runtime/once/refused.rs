use super::{
    Output, again,
    attempt::{Part, outputs},
    plan::{Planned, Source},
};
use crate::runtime::{answers, conductor::Conductor, settle};
use milena_core::error::Error;

impl Conductor {
    /// The records of these results fail, as their subscriptions have it; their other results are dropped.
    pub(super) fn decide_anew(&mut self, parts: &mut [Part], refused: Vec<(usize, Error)>) {
        let failed = self.failed_sources(parts, refused);
        for part in &mut *parts {
            for Planned { of, outputs } in &mut part.results {
                outputs.retain(|(index, output)| {
                    let hit = failed.iter().find(|it| it.index == *index && it.of.is(of));
                    hit.is_none_or(|it| it.error.is_none() && kind_of(output) != Kind::Answer)
                });
            }
        }
        for Failed { of, index, error } in failed {
            let Some(error) = error else { continue };
            for item in of.items(index) {
                let at = &item.work.assignment;
                let (place, epoch) = (at.place.clone(), at.epoch);
                item.work.unsettle(item.index);
                settle::late_failure(&item.work, item.index, again(&error));
                if let Some(partition) = self.partition(&place, epoch) {
                    partition.plan.undecided.push(item);
                }
            }
        }
    }

    /// Whose results these are, with why they fail; answers that are refused fail nothing.
    fn failed_sources(&self, parts: &[Part], refused: Vec<(usize, Error)>) -> Vec<Failed> {
        let all: Vec<_> = outputs(parts).collect();
        let mut failed: Vec<Failed> = Vec::new();
        for (place, error) in refused {
            let Some(&(of, index, output)) = all.get(place) else { continue };
            if failed.iter().any(|known| known.index == index && known.of.is(of)) {
                continue;
            }
            let fail = |error| Failed { of: of.clone(), index, error };
            match kind_of(output) {
                // It is tried again, and its partition waits: nothing else could become of its record.
                Kind::DeadLetter => {
                    let topic = &output.record.topic;
                    tracing::error!(group = %self.group, %topic, %error, "a dead letter cannot be written; it is tried again");
                }
                Kind::Answer => {
                    for item in of.items(index) {
                        answers::refused(&item.work, item.index, &error);
                    }
                    failed.push(fail(None));
                }
                Kind::Result => failed.push(fail(Some(error))),
            }
        }
        failed
    }
}

/// Whose result was refused, and why it fails if it does.
struct Failed {
    of: Source,
    index: u32,
    error: Option<Error>,
}

/// What a result is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Result,
    Answer,
    DeadLetter,
}

fn kind_of(output: &Output) -> Kind {
    match (output.is_dead_letter, output.record.answer) {
        (true, _) => Kind::DeadLetter,
        (_, true) => Kind::Answer,
        _ => Kind::Result,
    }
}
