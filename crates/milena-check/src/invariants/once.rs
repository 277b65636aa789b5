use crate::{At, Broken, How, Invariant, What, facts::Facts};
use std::collections::BTreeMap;

/// I6: what is seen of a record is what one call made of it, or one dead letter.
pub(super) fn results_are_seen_once(facts: &Facts<'_>) -> Result<(), Broken> {
    if !facts.rules.exactly_once {
        return Ok(());
    }
    for at in facts.inputs.keys() {
        let Some(seen) = facts.seen.get(*at) else { continue };
        let (results, letters) = (seen.results.len(), seen.letters.len());
        let ends = facts.ends.get(at).map_or(&[][..], |ends| ends);
        let is_of_one =
            ends.iter().any(|(_, _, how)| matches!(how, How::Done(made) if *made == results));
        // Whether something is missing is looked at where losses are.
        if !((letters <= 1 && results == 0) || (letters == 0 && is_of_one)) {
            let last = seen.results.iter().chain(&seen.letters).max().copied();
            let why = format!("of {at} {results} results and {letters} dead letters are seen");
            return Err(facts.broken((Invariant::ExactlyOnce, why), last, &[at]));
        }
        if let Some((index, why)) = wrong_beside(facts, at, &seen.beside) {
            return Err(facts.broken((Invariant::ExactlyOnce, why), index, &[at]));
        }
    }
    Ok(())
}

/// I6: results and the offsets behind them are in the same transaction.
pub(super) fn results_go_with_their_offsets(facts: &Facts<'_>) -> Result<(), Broken> {
    let mut open: BTreeMap<_, Vec<&At>> = BTreeMap::new();
    for (index, entry) in facts.entries.iter().enumerate() {
        match &entry.what {
            What::Opened(id) => drop(open.remove(&(&entry.instance, id))),
            What::Sent(_, _, of, _, Some(id)) => {
                open.entry((&entry.instance, id)).or_default().extend(of);
            }
            What::CommitSent(offsets, Some(id)) => {
                let results = open.remove(&(&entry.instance, id)).unwrap_or_default();
                let goes =
                    |at: &At| offsets.iter().any(|(to, end)| at.is_of(to) && at.offset < *end);
                if let Some(at) = results.into_iter().find(|at| !goes(at)) {
                    let why = format!("a result of {at} is in a transaction without its offset");
                    return Err(facts.broken((Invariant::ExactlyOnce, why), index, &[at]));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What calls published themselves is there once, and of a call that ended well.
fn wrong_beside(facts: &Facts<'_>, at: &At, beside: &[(usize, u32)]) -> Option<(usize, String)> {
    let ends = facts.ends.get(at).map_or(&[][..], |ends| ends);
    let ended_well = |attempt: u32| {
        let well = |how: &How| matches!(how, How::Done(_) | How::Skipped | How::DeadLetter);
        ends.iter().any(|(_, it, how)| *it == attempt && well(how))
    };
    if let Some((index, attempt)) = beside.iter().find(|(_, attempt)| !ended_well(*attempt)) {
        let why = format!("what attempt {attempt} with {at} published is seen, and it failed");
        return Some((*index, why));
    }
    let (index, _) = beside.get(1)?;
    Some((*index, format!("what calls with {at} published is seen {} times", beside.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rules, Subscribed, made::Made};

    fn rules() -> Rules {
        let subscribed = Subscribed::by_partition().dead_letter("dead");
        Rules::new().topic("in", subscribed).exactly_once()
    }

    #[test]
    fn one_result_of_two_calls_holds() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(1)).lost();
        let made = made.assigned(2).call(0, 1, How::Done(1)).seen(0);
        made.committed_by(1, "id").holds(&rules());
    }

    #[test]
    fn a_result_without_its_offset_is_found() {
        let sent = |offset| {
            What::Sent(9, "out".into(), vec![At::new("in", 0, offset)], false, Some("id".into()))
        };
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(1)).input(1, "a");
        let made = made.call(1, 1, How::Done(1)).note(What::Opened("id".into())).note(sent(1));
        // What was begun anew does not count.
        let made = made.note(What::Opened("id".into())).note(sent(0));
        let made = made.committed_by(1, "id").note(sent(1));
        let check = results_go_with_their_offsets;
        let text = made.committed_by(1, "id").breaks_only(check, &rules(), Invariant::ExactlyOnce);
        assert!(text.contains("a result of in/0/1 is in a transaction"), "{text}");
    }

    #[test]
    fn a_result_that_is_seen_twice_is_found() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(1)).seen(0).seen(0);
        let text = made.committed_by(1, "id").breaks(&rules(), Invariant::ExactlyOnce);
        assert!(text.contains("of in/0/0 2 results and 0 dead letters are seen"), "{text}");
    }

    #[test]
    fn what_a_failed_call_published_is_found() {
        let rules = rules();
        let made = |how| Made::new().assigned(1).input(0, "a").call(0, 1, how).beside(0, 1);
        made(How::Done(0)).committed_by(1, "id").holds(&rules);
        let text = made(How::Failed("no".to_owned())).breaks(&rules, Invariant::ExactlyOnce);
        assert!(text.contains("what attempt 1 with in/0/0 published is seen"), "{text}");
        made(How::Done(0)).beside(0, 1).breaks(&rules, Invariant::ExactlyOnce);
    }

    #[test]
    fn a_result_beside_a_dead_letter_is_found() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(1)).seen(0);
        let made = made.letter(0, 1).committed_by(1, "id");
        made.breaks(&rules(), Invariant::ExactlyOnce);
    }
}
