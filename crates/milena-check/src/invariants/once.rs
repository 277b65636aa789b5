use crate::{Broken, How, Invariant, facts::Facts};

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
        if (letters == 1 && results == 0) || (letters == 0 && is_of_one) {
            continue;
        }
        let last = seen.results.iter().chain(&seen.letters).max().copied();
        let why = format!("of {at} {results} results and {letters} dead letters are seen");
        return Err(facts.broken((Invariant::ExactlyOnce, why), last, &[at]));
    }
    Ok(())
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
    fn a_result_that_is_seen_twice_is_found() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(1)).seen(0).seen(0);
        let text = made.committed_by(1, "id").breaks(&rules(), Invariant::ExactlyOnce);
        assert!(text.contains("of in/0/0 2 results and 0 dead letters are seen"), "{text}");
    }

    #[test]
    fn a_result_beside_a_dead_letter_is_found() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(1)).seen(0);
        let made = made.letter(0, 1).committed_by(1, "id");
        made.breaks(&rules(), Invariant::ExactlyOnce);
    }
}
