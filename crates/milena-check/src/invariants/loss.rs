use crate::{At, Broken, How, Invariant, What, facts::Facts};
use milena_core::record::TopicPartition;
use std::collections::HashMap;

/// I1 and I8: each record came to an end, what came of it is there, and it is committed.
pub(super) fn nothing_is_lost(facts: &Facts<'_>) -> Result<(), Broken> {
    let committed = committed(facts);
    for at in facts.inputs.keys() {
        came_to_an_end(facts, at)?;
        let place = TopicPartition::new(at.topic.clone(), at.partition);
        let to = committed.get(&place).copied().unwrap_or(0);
        if to <= at.offset {
            let why = format!("nobody committed {at}: {place} is committed before {to}");
            return Err(facts.broken((Invariant::Liveness, why), None, &[at]));
        }
    }
    Ok(())
}

fn came_to_an_end(facts: &Facts<'_>, at: &At) -> Result<(), Broken> {
    let seen = facts.seen.get(at);
    let (results, letters) = seen.map_or((0, 0), |it| (it.results.len(), it.letters.len()));
    if letters > 0 {
        return Ok(());
    }
    let Some(rules) = facts.subscribed(at) else { return Ok(()) };
    let ends = facts.ends.get(at).map_or(&[][..], |ends| ends);
    let needed = ends.iter().filter_map(|(_, attempt, how)| match how {
        How::Done(records) => Some(*records),
        How::Skipped => Some(0),
        How::Failed(_) | How::Dropped if rules.skips && *attempt >= rules.most => Some(0),
        How::TakenOut if rules.skips => Some(0),
        _ => None,
    });
    match needed.min() {
        None => {
            let why = format!("{at} came to no end");
            Err(facts.broken((Invariant::NoLoss, why), None, &[at]))
        }
        Some(needed) if results < needed => {
            let why = format!("of {at} {needed} records came, and {results} are seen");
            Err(facts.broken((Invariant::NoLoss, why), None, &[at]))
        }
        Some(_) => Ok(()),
    }
}

/// What is committed of each partition.
fn committed(facts: &Facts<'_>) -> HashMap<TopicPartition, i64> {
    let mut committed = HashMap::new();
    for entry in facts.entries {
        if let What::Committed(offsets, _) | What::Found(offsets) = &entry.what {
            for (place, to) in offsets {
                let known: &mut i64 = committed.entry(place.clone()).or_default();
                *known = (*known).max(*to);
            }
        }
    }
    committed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rules, Subscribed, made::Made};

    fn rules() -> Rules {
        Rules::new().topic("in", Subscribed::by_partition().dead_letter("dead"))
    }

    #[test]
    fn a_record_that_is_done_published_and_committed_is_not_lost() {
        let made = Made::new().input(0, "a").call(0, 1, How::Done(1)).seen(0).committed(1);
        made.holds(&rules());
        let letter = Made::new().input(0, "a").call(0, 1, How::DeadLetter).letter(0, 1);
        letter.committed(1).holds(&rules());
    }

    #[test]
    fn a_record_that_nobody_worked_on_is_lost() {
        let made = Made::new().input(0, "a").input(1, "a").call(1, 1, How::Done(0)).found(2);
        let text = made.breaks_only(nothing_is_lost, &rules(), Invariant::NoLoss);

        assert!(text.contains("in/0/0 came to no end"), "{text}");
        assert!(text.contains("in/0/0 is there, key Some(\"a\")"), "{text}");
    }

    #[test]
    fn a_result_that_nobody_sees_is_lost() {
        let made = Made::new().input(0, "a").call(0, 1, How::Done(1)).found(1);
        made.breaks_only(nothing_is_lost, &rules(), Invariant::NoLoss);
    }

    #[test]
    fn what_is_not_committed_in_the_end_is_not_live() {
        let made = Made::new().input(0, "a").call(0, 1, How::Done(0));
        made.breaks_only(nothing_is_lost, &rules(), Invariant::Liveness);
    }
}
