use crate::{Broken, Invariant, What, facts::Facts};
use milena_core::record::TopicPartition;
use std::collections::HashMap;

/// I5: what was committed when a partition was assigned is not worked on under that assignment, and what an
/// instance committed itself does not come again in it.
pub(super) fn duplicates_are_bounded(facts: &Facts<'_>) -> Result<(), Broken> {
    let mut committed: HashMap<&TopicPartition, i64> = HashMap::new();
    // Where each instance begins, in the epoch that it has; a seek is none of ours.
    let mut begins = HashMap::new();
    for (index, entry) in facts.entries.iter().enumerate() {
        let who = &entry.instance;
        match &entry.what {
            What::Assigned(place, epoch) => {
                let from = committed.get(place).copied().unwrap_or(0);
                begins.insert((who, place.clone()), (*epoch, from));
            }
            What::Moved(place, ..) => {
                begins.remove(&(who, place.clone()));
                committed.remove(place);
            }
            What::Committed(offsets, _) | What::Found(offsets) => {
                for (place, to) in offsets {
                    let known = committed.entry(place).or_default();
                    *known = (*known).max(*to);
                    if let (What::Committed(..), Some((_, from))) =
                        (&entry.what, begins.get_mut(&(who, place.clone())))
                    {
                        *from = (*from).max(*to);
                    }
                }
            }
            What::Began(_, at, epoch, _) => {
                let place = TopicPartition::new(at.topic.clone(), at.partition);
                let begin = begins.get(&(who, place)).filter(|(now, _)| now == epoch);
                if let Some((_, from)) = begin.filter(|(_, from)| at.offset < *from) {
                    let why = format!("{at} is begun, and everything before {from} was committed");
                    return Err(facts.broken((Invariant::BoundedDuplicates, why), index, &[at]));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{How, Rules, Subscribed, made::Made};

    fn rules() -> Rules {
        Rules::new().topic("in", Subscribed::by_partition())
    }

    #[test]
    fn what_was_not_committed_may_come_again() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(0)).lost();
        let made = made.by("b").assigned(1).call(0, 1, How::Done(0)).committed(1);
        made.holds(&rules());
    }

    #[test]
    fn what_another_had_committed_is_found_when_it_comes_again() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(0)).committed(1);
        let made = made.released().by("b").assigned(1).began(0, 1);
        made.breaks(&rules(), Invariant::BoundedDuplicates);
    }

    #[test]
    fn what_it_committed_itself_is_found_when_it_comes_again() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(0)).committed(1);
        made.began(0, 1).breaks(&rules(), Invariant::BoundedDuplicates);
    }
}
