use crate::{At, Broken, How, Invariant, What, facts::Facts};
use milena_core::record::TopicPartition;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// I2: whatever a commit covers is done when it is sent. What came of it is at the broker, unless it is in the same
/// transaction.
pub(super) fn commits_are_safe(facts: &Facts<'_>) -> Result<(), Broken> {
    let mut done = Done::default();
    // Before these offsets everything was found to be done.
    let mut known: HashMap<&TopicPartition, i64> = HashMap::new();
    for (index, entry) in facts.entries.iter().enumerate() {
        done.note(facts, &entry.what);
        let What::CommitSent(offsets, id) = &entry.what else { continue };
        for (place, to) in offsets {
            let from = known.get(place).copied().unwrap_or(0);
            let mut before = facts.before(place, from, *to);
            if let Some(at) = before.find(|at| !done.is_done(at, id.is_some())) {
                let why = format!("{place} is committed before {to}, and {at} is not done");
                return Err(facts.broken((Invariant::CommitSafety, why), index, &[at]));
            }
            known.insert(place, from.max(*to));
        }
    }
    Ok(())
}

/// What is done so far.
#[derive(Default)]
struct Done {
    /// How many results there are to be; the least of all calls.
    calls: BTreeMap<At, usize>,
    sent: HashMap<u64, (Vec<At>, bool)>,
    delivered: BTreeMap<At, usize>,
    letters_sent: BTreeSet<At>,
    letters: BTreeSet<At>,
}

impl Done {
    fn note(&mut self, facts: &Facts<'_>, what: &What) {
        match what {
            What::Ended(_, at, _, attempt, how) => {
                let skips = facts.subscribed(at).is_some_and(|it| it.skips && *attempt >= it.most);
                let results = match how {
                    How::Done(results) => *results,
                    How::Skipped => 0,
                    How::Failed(_) | How::TakenOut | How::Dropped if skips => 0,
                    _ => return,
                };
                let least = self.calls.entry(at.clone()).or_insert(results);
                *least = results.min(*least);
            }
            What::Sent(number, _, of, letter, _) => {
                if *letter {
                    self.letters_sent.extend(of.iter().cloned());
                }
                self.sent.insert(*number, (of.clone(), *letter));
            }
            What::Delivered(number, _) => self.delivered(*number),
            _ => {}
        }
    }

    fn delivered(&mut self, number: u64) {
        let Some((of, letter)) = self.sent.remove(&number) else { return };
        for at in of {
            if letter {
                self.letters.insert(at);
            } else {
                *self.delivered.entry(at).or_default() += 1;
            }
        }
    }

    fn is_done(&self, at: &At, in_transaction: bool) -> bool {
        if in_transaction {
            return self.calls.contains_key(at) || self.letters_sent.contains(at);
        }
        let there = self.delivered.get(at).copied().unwrap_or(0);
        self.letters.contains(at) || self.calls.get(at).is_some_and(|needed| there >= *needed)
    }
}

/// What an instance has of a partition.
#[derive(Clone, Copy)]
struct Owned {
    epoch: u64,
    /// What it committed under this epoch.
    sent: i64,
}

/// I3: nobody commits a partition that is not its own, and no commit goes back.
pub(super) fn commits_are_owned(facts: &Facts<'_>) -> Result<(), Broken> {
    let mut owners = Owners::default();
    for (index, entry) in facts.entries.iter().enumerate() {
        let (offsets, in_transaction) = match &entry.what {
            What::CommitSent(offsets, id) => (offsets, id.is_some()),
            What::Committed(offsets, _) => (offsets, false),
            other => {
                owners.note(&entry.instance, other);
                continue;
            }
        };
        let is_sent = matches!(entry.what, What::CommitSent(..));
        for (place, to) in offsets {
            let part = (&entry.instance, place);
            let wrong = match is_sent {
                true => owners.sent(part, index, *to).filter(|_| !in_transaction),
                false => owners.committed(part, index, *to),
            };
            if let Some(why) = wrong {
                let at = At::new(place.topic.clone(), place.partition, (to - 1).max(0));
                return Err(facts.broken((Invariant::CommitOwnership, why), index, &[&at]));
            }
        }
    }
    Ok(())
}

/// An instance, and a partition.
type Part<'a> = (&'a Arc<str>, &'a TopicPartition);

#[derive(Default)]
struct Owners<'a> {
    owned: HashMap<Part<'a>, Owned>,
    /// Where the last commit of an instance stands, and whether the partition was its own then.
    open: HashMap<Part<'a>, (usize, bool)>,
    /// What was committed last, and where that stands.
    committed: HashMap<&'a TopicPartition, (usize, i64)>,
}

impl<'a> Owners<'a> {
    fn note(&mut self, who: &'a Arc<str>, what: &'a What) {
        match what {
            What::Assigned(place, epoch) => {
                self.owned.insert((who, place), Owned { epoch: *epoch, sent: 0 });
            }
            // A seek may go back.
            What::Moved(place, epoch, _) => {
                self.committed.remove(place);
                self.owned.insert((who, place), Owned { epoch: *epoch, sent: 0 });
            }
            What::Released(place) | What::Lost(place) => drop(self.owned.remove(&(who, place))),
            _ => {}
        }
    }

    /// What is wrong with a commit that is sent. Of one in a transaction it counts what the broker makes of it.
    fn sent(&mut self, part: Part<'a>, index: usize, to: i64) -> Option<String> {
        let (who, place) = part;
        let own = self.owned.get_mut(&part);
        self.open.insert(part, (index, own.is_some()));
        let Some(own) = own else {
            return Some(format!("{who} commits {place}, which is not its own"));
        };
        let (Owned { epoch, sent }, is_back) = (*own, to < own.sent);
        own.sent = to;
        is_back.then(|| format!("{who} goes back from {sent} to {to} in epoch {epoch} of {place}"))
    }

    /// What is wrong with a commit that was done.
    fn committed(&mut self, part: Part<'a>, index: usize, to: i64) -> Option<String> {
        let (who, place) = part;
        let (sent, own) = self.open.remove(&part).unwrap_or((index, true));
        if !own {
            return Some(format!("{who} has committed {place}, which is not its own"));
        }
        let before = self.committed.insert(place, (index, to));
        let is_back = before.is_some_and(|(at, before)| at < sent && before > to);
        is_back.then(|| format!("{who} has set {place} back to {to}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rules, Subscribed, made::Made};

    fn rules() -> Rules {
        Rules::new().topic("in", Subscribed::by_partition().dead_letter("dead"))
    }

    #[test]
    fn what_is_done_and_delivered_may_be_committed() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(1)).seen(0);
        made.committed(1).holds(&rules());
    }

    #[test]
    fn a_commit_of_what_is_not_done_is_found() {
        let made = Made::new().assigned(1).input(0, "a").input(1, "a").call(0, 1, How::Done(0));
        let text = made.committed(2).breaks(&rules(), Invariant::CommitSafety);

        assert!(text.contains("in/0/1 is not done"), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with('>') && last.contains("commits in/0 before 2"), "{text}");
    }

    #[test]
    fn a_commit_before_the_result_is_delivered_is_found() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(1)).committed(1);
        made.seen(0).breaks(&rules(), Invariant::CommitSafety);
    }

    #[test]
    fn a_commit_before_the_dead_letter_is_delivered_is_found() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::DeadLetter).committed(1);
        made.letter(0, 1).breaks(&rules(), Invariant::CommitSafety);
    }

    #[test]
    fn a_commit_of_what_was_lost_is_found() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(0)).lost();
        made.committed(1).breaks(&rules(), Invariant::CommitOwnership);
    }

    #[test]
    fn a_transaction_that_commits_what_was_lost_is_found() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(0)).lost();
        made.committed_by(1, "id").breaks(&rules(), Invariant::CommitOwnership);
    }

    #[test]
    fn a_commit_that_goes_back_is_found() {
        let made = Made::new().assigned(1).input(0, "a").input(1, "a");
        let made = made.call(0, 1, How::Done(0)).call(1, 1, How::Done(0)).committed(2);
        made.committed(1).breaks(&rules(), Invariant::CommitOwnership);
    }

    #[test]
    fn a_commit_of_another_that_goes_back_is_found() {
        let made = Made::new().assigned(1).input(0, "a").input(1, "a");
        let made = made.call(0, 1, How::Done(0)).call(1, 1, How::Done(0)).committed(2).released();
        made.by("b").assigned(1).committed(1).breaks(&rules(), Invariant::CommitOwnership);
    }
}
