use crate::{At, Broken, Invariant, What, facts::Facts};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A call that goes on: whose, in which epoch, its number, and with which record.
type Call<'a> = (&'a Arc<str>, u64, u64, &'a At);

/// I4, across instances: who gives a partition back in good order has ended its calls, unless they take too long.
pub(super) fn hand_over_is_quiet(facts: &Facts<'_>) -> Result<(), Broken> {
    let Some(within) = facts.rules.hands_over_within else { return Ok(()) };
    let (mut open, mut owned, mut asked) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    for (index, entry) in facts.entries.iter().enumerate() {
        let who = &entry.instance;
        match &entry.what {
            What::Began(call, at, epoch, _) => drop(open.insert((who, *epoch, *call, at))),
            What::Ended(call, at, epoch, ..) => drop(open.remove(&(who, *epoch, *call, at))),
            What::Assigned(place, epoch) | What::Moved(place, epoch, _) => {
                owned.insert((who, place), *epoch);
            }
            What::Revoked(place) => drop(asked.insert((who, place), entry.time)),
            What::Released(place) => {
                let since = asked.remove(&(who, place)).unwrap_or(entry.time);
                let soon = entry.time.saturating_sub(since) < within;
                // What ran when it was lost is waited for by nobody.
                let Some(epoch) = owned.remove(&(who, place)).filter(|_| soon) else { continue };
                let here =
                    |call: &&Call<'_>| call.0 == who && call.1 == epoch && call.3.is_of(place);
                if let Some((_, _, call, at)) = open.iter().find(here) {
                    let why =
                        format!("{who} gives {place} back while call {call} with {at} goes on");
                    return Err(facts.broken((Invariant::KeyOrder, why), index, &[at]));
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
    use milena_core::record::TopicPartition;
    use std::time::Duration;

    fn rules() -> Rules {
        let within = Duration::from_millis(20);
        Rules::new().topic("in", Subscribed::unordered()).hands_over_within(within)
    }

    fn begun() -> Made {
        let made = Made::new().assigned(1).input(0, "a").began(0, 1);
        made.note(What::Revoked(TopicPartition::new("in", 0)))
    }

    #[test]
    fn a_partition_whose_calls_have_ended_may_be_given_back() {
        let made = Made::new().assigned(1).input(0, "a").call(0, 1, How::Done(0)).committed(1);
        made.released().holds(&rules());
    }

    #[test]
    fn a_partition_that_is_given_back_while_a_call_goes_on_is_found() {
        let text = begun().released().breaks(&rules(), Invariant::KeyOrder);
        assert!(text.contains("a gives in/0 back while call 1 with in/0/0 goes on"), "{text}");
    }

    #[test]
    fn a_call_that_takes_too_long_is_not_waited_for() {
        let made = begun().later(20).released().by("b").assigned(2).call(0, 1, How::Done(0));
        made.committed(1).holds(&rules());
    }
}
