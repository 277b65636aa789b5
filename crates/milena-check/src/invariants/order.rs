use crate::{At, Broken, Invariant, What, entry::Copied, facts::Facts, rules::Order};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// What keeps its order: a partition, or a key in it.
type Lane<'a> = (&'a Arc<str>, i32, Option<&'a Option<Bytes>>);

/// I4: records of a lane are begun when those before them have come to an end, and one call at a time.
pub(super) fn order_is_kept(facts: &Facts<'_>) -> Result<(), Broken> {
    let mut walk = Walk::new(facts);
    for (index, entry) in facts.entries.iter().enumerate() {
        match &entry.what {
            What::Began(call, at, epoch, _) => {
                let open = Open { call: *call, instance: &entry.instance, epoch: *epoch, at };
                walk.begin(index, open)?;
            }

            What::Ended(call, at, _, attempt, how) => {
                let most = facts.subscribed(at).map_or(u32::MAX, |it| it.most);
                let given_up = facts.given_up.contains(&(at.clone(), *attempt));
                if given_up || how.is_last(*attempt, most) {
                    walk.ended.insert(at.clone());
                }
                if let Some(lane) = walk.lane(at) {
                    walk.open.entry(lane).or_default().retain(|open| open.call != *call);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

struct Walk<'a> {
    facts: &'a Facts<'a>,
    /// The records of each lane, in order, and how many at its beginning have ended.
    lanes: HashMap<Lane<'a>, (Vec<&'a At>, usize)>,
    ended: BTreeSet<At>,
    open: BTreeMap<Lane<'a>, Vec<Open<'a>>>,
}

/// A call that goes on.
#[derive(Clone, Copy)]
struct Open<'a> {
    call: u64,
    instance: &'a Arc<str>,
    epoch: u64,
    at: &'a At,
}

impl<'a> Walk<'a> {
    fn new(facts: &'a Facts<'a>) -> Self {
        let (ended, open) = (BTreeSet::new(), BTreeMap::new());
        let mut walk = Self { facts, lanes: HashMap::new(), ended, open };
        for at in facts.inputs.keys() {
            if let Some(lane) = walk.lane(at) {
                walk.lanes.entry(lane).or_default().0.push(at);
            }
        }
        walk
    }

    /// The lane of a record, if it has an order.
    fn lane(&self, at: &At) -> Option<Lane<'a>> {
        let (at, copied): (&'a At, &'a &'a Copied) = {
            let (at, copied) = self.facts.inputs.get_key_value(at)?;
            (at, copied)
        };
        match self.facts.subscribed(at)?.order {
            Order::Partition => Some((&at.topic, at.partition, None)),
            Order::Key => Some((&at.topic, at.partition, Some(&copied.key))),
            Order::None => None,
        }
    }

    fn begin(&mut self, index: usize, new: Open<'a>) -> Result<(), Broken> {
        let Open { call, instance, epoch, at } = new;
        let Some(lane) = self.lane(at) else { return Ok(()) };
        let open = self.open.entry(lane).or_default();
        let same = |it: &&Open<'_>| it.instance == instance && it.epoch == epoch && it.call != call;
        if let Some(other) = open.iter().find(same) {
            let why = format!("{at} is begun while call {} with {} goes on", other.call, other.at);
            return Err(self.facts.broken((Invariant::KeyOrder, why), index, &[at]));
        }
        let together: Vec<&At> = open.iter().filter(|it| it.call == call).map(|it| it.at).collect();
        let Some((records, done)) = self.lanes.get_mut(&lane) else { return Ok(()) };
        while records.get(*done).is_some_and(|first| self.ended.contains(*first)) {
            *done += 1;
        }
        let mut before = records[*done..].iter().take_while(|it| **it < at);
        if let Some(first) = before.find(|it| !self.ended.contains(**it) && !together.contains(*it))
        {
            let why = format!("{at} is begun before {first} has come to an end");
            return Err(self.facts.broken((Invariant::KeyOrder, why), index, &[at]));
        }
        open.push(new);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{How, Rules, Subscribed, made::Made};

    fn rules(subscribed: Subscribed) -> Rules {
        Rules::new().topic("in", subscribed)
    }

    #[test]
    fn records_in_order_hold() {
        let made = Made::new().input(0, "a").input(1, "b");
        let made = made.call(0, 1, How::Done(0)).call(1, 1, How::Done(0)).found(2);
        made.holds(&rules(Subscribed::by_partition()));
    }

    #[test]
    fn keys_need_not_wait_for_each_other() {
        let made = Made::new().input(0, "a").input(1, "b").input(2, "a");
        let made = made.call(1, 1, How::Done(0)).call(0, 1, How::Done(0));
        made.call(2, 1, How::Done(0)).found(3).holds(&rules(Subscribed::by_key()));
    }

    #[test]
    fn a_record_before_another_of_its_partition_is_found() {
        let made = Made::new().input(0, "a").input(1, "b").call(1, 1, How::Done(0));
        let text = made.breaks(&rules(Subscribed::by_partition()), Invariant::KeyOrder);
        assert!(text.contains("in/0/1 is begun before in/0/0 has come to an end"), "{text}");
    }

    #[test]
    fn a_record_before_another_of_its_key_is_found() {
        let made = Made::new().input(0, "a").input(1, "a");
        let made = made.call(0, 1, How::RetryAfter(std::time::Duration::ZERO));
        made.call(1, 1, How::Done(0)).breaks(&rules(Subscribed::by_key()), Invariant::KeyOrder);
    }

    #[test]
    fn two_calls_of_a_key_at_once_are_found() {
        let made = Made::new().input(0, "a").began(0, 1).began(0, 1);
        let text = made.breaks(&rules(Subscribed::by_key()), Invariant::KeyOrder);
        assert!(text.contains("in/0/0 is begun while call"), "{text}");
    }
}
