use super::{
    Output, again,
    attempt::{Part, outputs},
    plan::{Planned, Source},
};
use crate::runtime::{
    Work, answers,
    conductor::Conductor,
    settle::{self, Item},
};
use milena_core::error::Error;
use std::{collections::HashSet, sync::Arc};

impl Conductor {
    /// The records of these results fail, as their subscriptions have it; their other results are dropped.
    pub(super) fn decide_anew(&mut self, parts: &mut [Part], refused: Vec<(usize, Error)>) {
        let failed = self.failed_sources(parts, refused);
        let mut failing = HashSet::new();
        for Failed { of, index, error } in &failed {
            let Some(error) = error else { continue };
            for item in of.items(*index) {
                // It fails once, also when it was in several batches whose results are refused.
                if failing.insert((Arc::as_ptr(&item.work), item.index)) {
                    self.fail_late(item, error);
                }
            }
        }
        let fails = |work: &Arc<Work>, index| failing.contains(&(Arc::as_ptr(work), index));
        for Planned { of, outputs } in parts.iter_mut().flat_map(|part| &mut part.results) {
            outputs.retain(|(index, output)| {
                let is_answer = kind_of(output) == Kind::Answer;
                let refused = || failed.iter().any(|it| it.index == *index && it.of.is(of));
                !(of.is_all(*index, fails) || is_answer && refused())
            });
        }
    }

    fn fail_late(&mut self, item: Item, error: &Error) {
        let at = &item.work.assignment;
        let (place, epoch) = (at.place.clone(), at.epoch);
        item.work.unsettle(item.index);
        settle::late_failure(&item.work, item.index, again(error));
        if let Some(partition) = self.partition(&place, epoch) {
            partition.plan.undecided.push(item);
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
