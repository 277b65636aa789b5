use crate::{At, Broken, Invariant, What, facts::Facts};
use milena_core::record::TopicPartition;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The records that an instance has read of its partitions, and that did not come to an end.
#[derive(Default)]
struct Held<'a>(HashMap<(&'a Arc<str>, &'a TopicPartition), BTreeSet<&'a At>>);

/// I9: nobody holds more records than it may.
pub(super) fn what_is_held_is_bounded(facts: &Facts<'_>) -> Result<(), Broken> {
    let Some(most) = facts.rules.most_held else { return Ok(()) };
    let mut held = Held::default();
    for (index, entry) in facts.entries.iter().enumerate() {
        let who = &entry.instance;
        match &entry.what {
            What::Read(place, _, first, last) => {
                held.of(who, place).extend(facts.before(place, *first, last + 1));
                let count = held.count(who);
                if count > most {
                    let why = format!("{who} holds {count} records, and may hold {most}");
                    return Err(facts.broken((Invariant::Bounds, why), index, &[]));
                }
            }
            What::Ended(_, at, _, attempt, how) => {
                let most = facts.subscribed(at).map_or(1, |subscribed| subscribed.most);
                if how.is_last(*attempt, most) {
                    held.end(who, at);
                }
            }
            What::Released(place) | What::Lost(place) | What::Moved(place, ..) => {
                held.of(who, place).clear();
            }
            What::Killed | What::Stopped(_) => held.0.retain(|(whose, _), _| *whose != who),
            _ => {}
        }
    }
    Ok(())
}

impl<'a> Held<'a> {
    fn of(&mut self, who: &'a Arc<str>, place: &'a TopicPartition) -> &mut BTreeSet<&'a At> {
        self.0.entry((who, place)).or_default()
    }

    fn end(&mut self, who: &Arc<str>, at: &At) {
        for ((whose, place), held) in &mut self.0 {
            if *whose == who && at.is_of(place) {
                held.remove(at);
            }
        }
    }

    fn count(&self, who: &Arc<str>) -> usize {
        self.0.iter().filter(|((whose, _), _)| *whose == who).map(|(_, held)| held.len()).sum()
    }
}

/// I10: the group misses nobody who is there.
pub(super) fn nobody_is_missed(facts: &Facts<'_>) -> Result<(), Broken> {
    if !facts.rules.misses_nobody {
        return Ok(());
    }
    let lost = facts.entries.iter().enumerate().find_map(|(index, entry)| match &entry.what {
        What::Lost(place) => Some((index, &entry.instance, place)),
        _ => None,
    });
    let Some((index, who, place)) = lost else { return Ok(()) };
    let why = format!("{who} lost {place}: the group did without it");
    Err(facts.broken((Invariant::Membership, why), index, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{How, Rules, Subscribed, made::Made};

    fn rules() -> Rules {
        Rules::new().topic("in", Subscribed::by_partition())
    }

    fn read(made: Made, first: i64, last: i64) -> Made {
        made.note(What::Read(TopicPartition::new("in", 0), 1, first, last))
    }

    fn three() -> Made {
        Made::new().input(0, "a").input(1, "b").input(2, "c").assigned(1)
    }

    fn done(made: Made, offset: i64) -> Made {
        made.call(offset, 1, How::Done(0))
    }

    #[test]
    fn what_comes_to_an_end_makes_room() {
        let made = done(done(read(three(), 0, 1), 0), 1);
        done(read(made, 2, 2), 2).committed(3).holds(&rules().holds_at_most(2));
    }

    #[test]
    fn a_record_too_many_is_found() {
        let made = done(read(read(three(), 0, 1), 2, 2), 0);
        let said =
            made.breaks_only(what_is_held_is_bounded, &rules().holds_at_most(2), Invariant::Bounds);
        assert!(said.contains("a holds 3 records, and may hold 2"), "{said}");
    }

    #[test]
    fn what_is_given_back_is_not_held_and_each_holds_its_own() {
        let made = read(read(three(), 0, 1).released().by("b").assigned(2), 0, 1);
        let check = |made: &Made| {
            made.breaks_only(what_is_held_is_bounded, &rules().holds_at_most(1), Invariant::Bounds)
        };
        assert!(check(&made).contains("a holds 2"));
        let made = read(made.released().by("c").assigned(3), 0, 1);
        made.only_holds(what_is_held_is_bounded, &rules().holds_at_most(2));
    }

    #[test]
    fn who_is_missed_is_found_where_nobody_is_to_be() {
        let made = three().lost();
        made.only_holds(nobody_is_missed, &rules());
        let said =
            made.breaks_only(nobody_is_missed, &rules().misses_nobody(), Invariant::Membership);
        assert!(said.contains("a lost in/0"), "{said}");
    }
}
