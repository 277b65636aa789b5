use crate::{
    At, Broken, How, Invariant, What,
    entry::Copied,
    facts::Facts,
    recording::{attempts, sources},
};
use std::{collections::HashMap, time::Duration};

/// I7: attempts count up from one, come no earlier than was said, and end where they are to; a dead letter is its
/// record, byte for byte.
pub(super) fn retries_are_kept(facts: &Facts<'_>) -> Result<(), Broken> {
    // The attempt of each record in each epoch of an instance, how it ended, and when.
    let mut last: HashMap<_, Attempt<'_>> = HashMap::new();
    for (index, entry) in facts.entries.iter().enumerate() {
        let why = match &entry.what {
            What::Began(_, at, epoch, attempt) => {
                let key = (&entry.instance, *epoch, at);
                let before = last.insert(key, (*attempt, None, entry.time));
                let why = wrong(facts, at, (*attempt, entry.time), before);
                why.map(|why| (why, at))
            }
            What::Ended(_, at, epoch, attempt, how) => {
                last.insert((&entry.instance, *epoch, at), (*attempt, Some(how), entry.time));
                None
            }
            What::Seen(record) => wrong_letter(facts, record),
            _ => None,
        };
        if let Some((why, at)) = why {
            return Err(facts.broken((Invariant::RetryContract, why), index, &[at]));
        }
    }
    Ok(())
}

/// The last attempt, how it ended, and when.
type Attempt<'a> = (u32, Option<&'a How>, Duration);

/// What is wrong with this attempt at this time.
fn wrong(
    facts: &Facts<'_>,
    at: &At,
    (attempt, now): (u32, Duration),
    before: Option<Attempt<'_>>,
) -> Option<String> {
    let (most, delay) = facts.subscribed(at).map(|it| (it.most, it.delay))?;
    let (number, how, ended) = before.unwrap_or((0, None, Duration::ZERO));
    if attempt != number + 1 {
        return Some(format!("attempt {attempt} with {at} comes behind attempt {number}"));
    }
    let due = match how {
        Some(How::Failed(_)) if number >= most => {
            return Some(format!("attempt {attempt} with {at} comes, and there may be {most}"));
        }
        Some(How::Failed(_)) => ended + delay,
        Some(How::RetryAfter(delay)) => ended + *delay,
        _ => return None,
    };
    let early = due.saturating_sub(now);
    (!early.is_zero()).then(|| format!("attempt {attempt} with {at} comes {early:?} early"))
}

/// What is wrong with a dead letter, and of which record it is.
fn wrong_letter<'a>(facts: &Facts<'a>, letter: &Copied) -> Option<(String, &'a At)> {
    let (of, true) = sources(&letter.headers) else { return None };
    let (at, input) = of.first().and_then(|at| facts.inputs.get_key_value(at))?;
    let expected = facts.subscribed(at)?.letters.as_ref();
    if expected != Some(&letter.at.topic) {
        return Some((format!("the dead letter of {at} is in `{}`", letter.at.topic), at));
    }
    let same = letter.key == input.key && letter.value == input.value;
    let begins = input.headers.iter().eq(letter.headers.iter().take(input.headers.len()));
    if !same || !begins {
        return Some((format!("the dead letter of {at} is not the record"), at));
    }
    let attempts = attempts(&letter.headers);
    let ends = facts.ends.get(at).map_or(&[][..], |ends| ends);
    if !ends.iter().any(|(_, attempt, _)| Some(*attempt) == attempts) {
        return Some((format!("the dead letter of {at} tells of {attempts:?} attempts"), at));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rules, Subscribed, made::Made};

    fn rules() -> Rules {
        let subscribed = Subscribed::by_partition().attempts(2).dead_letter("dead");
        Rules::new().topic("in", subscribed)
    }

    fn failed() -> How {
        How::Failed("no".to_owned())
    }

    #[test]
    fn attempts_up_to_the_limit_and_a_dead_letter_hold() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, failed()).call(0, 2, failed());
        made.letter(0, 2).committed(1).holds(&rules());
    }

    #[test]
    fn an_attempt_too_many_is_found() {
        let made = Made::new().input(0, "a").call(0, 1, failed()).call(0, 2, failed());
        let text = made.began(0, 3).breaks(&rules(), Invariant::RetryContract);
        assert!(text.contains("attempt 3 with in/0/0 comes, and there may be 2"), "{text}");
    }

    #[test]
    fn an_attempt_that_was_left_out_is_found() {
        let made = Made::new().input(0, "a").began(0, 2);
        made.breaks(&rules(), Invariant::RetryContract);
    }

    #[test]
    fn an_attempt_that_comes_early_is_found() {
        let made = Made::new().input(0, "a").call(0, 1, How::RetryAfter(Duration::from_secs(9)));
        made.began(0, 2).breaks(&rules(), Invariant::RetryContract);
    }

    #[test]
    fn an_attempt_before_the_delay_of_the_policy_is_found() {
        let subscribed = Subscribed::by_partition().attempts(2).delay(Duration::from_millis(5));
        let made = Made::new().input(0, "a").call(0, 1, failed()).began(0, 2);
        let rules = Rules::new().topic("in", subscribed);
        let text = made.breaks(&rules, Invariant::RetryContract);
        assert!(text.contains("attempt 2 with in/0/0 comes 4ms early"), "{text}");
    }

    #[test]
    fn a_dead_letter_that_is_not_its_record_is_found() {
        let made = Made::new().input(0, "a").call(0, 1, How::DeadLetter).letter_of(0, 1, "b");
        let text = made.breaks(&rules(), Invariant::RetryContract);
        assert!(text.contains("the dead letter of in/0/0 is not the record"), "{text}");
    }

    #[test]
    fn a_dead_letter_that_tells_of_other_attempts_is_found() {
        let made = Made::new().input(0, "a").call(0, 1, How::DeadLetter).letter(0, 2);
        made.breaks(&rules(), Invariant::RetryContract);
    }
}
