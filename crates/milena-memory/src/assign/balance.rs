use super::{Place, Subscribed, Target};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// Gives each partition to a member that subscribes to its topic, so that no member has two more
/// than another who could take one, and as many as possible stay where they were.
pub(crate) fn balance(members: &Subscribed, partitions: &[Place], before: &Target) -> Target {
    let mut target: Target = members
        .iter()
        .map(|(id, topics)| (*id, kept(before.get(id), topics, partitions)))
        .collect();
    let taken: BTreeSet<Place> = target.values().flatten().cloned().collect();
    for place in partitions.iter().filter(|place| !taken.contains(*place)) {
        let able = |id: &u64| members.get(id).is_some_and(|topics| topics.contains(&place.0));
        let least = target.iter_mut().filter(|(id, _)| able(id)).min_by_key(|(_, has)| has.len());
        if let Some((_, has)) = least {
            has.insert(place.clone());
        }
    }
    while let Some(moves) = relief(members, &target) {
        for (from, place, to) in moves {
            target.entry(from).or_default().remove(&place);
            target.entry(to).or_default().insert(place);
        }
    }
    target
}

fn kept(
    before: Option<&BTreeSet<Place>>,
    topics: &BTreeSet<Arc<str>>,
    partitions: &[Place],
) -> BTreeSet<Place> {
    let stays = |place: &&Place| topics.contains(&place.0) && partitions.contains(place);
    before.into_iter().flatten().filter(stays).cloned().collect()
}

/// From whom, what, to whom.
type Move = (u64, Place, u64);

/// The moves, each passing a partition on, by which a member with too much relieves itself of one in
/// favour of a member with two less. None when all is balanced.
fn relief(members: &Subscribed, target: &Target) -> Option<Vec<Move>> {
    let load = |id: &u64| target.get(id).map_or(0, BTreeSet::len);
    let mut heavy: Vec<u64> = members.keys().copied().collect();
    heavy.sort_by_key(|id| std::cmp::Reverse(load(id)));
    heavy.into_iter().find_map(|from| {
        let ways = ways(from, members, target);
        let to = *ways.keys().min_by_key(|id| load(id)).filter(|id| load(id) + 2 <= load(&from))?;
        let back = std::iter::successors(ways.get(&to), |way| ways.get(&way.0));
        Some(back.cloned().collect())
    })
}

/// For each member that something of `from` can reach, over others if need be, the last move of a
/// shortest way there.
fn ways(from: u64, members: &Subscribed, target: &Target) -> BTreeMap<u64, Move> {
    let mut ways = BTreeMap::new();
    let mut next = VecDeque::from([from]);
    while let Some(giver) = next.pop_front() {
        let has = target.get(&giver);
        for (taker, topics) in members.iter().filter(|(id, _)| **id != from) {
            let place = has.into_iter().flatten().rfind(|place| topics.contains(&place.0));
            if let (Some(place), false) = (place, ways.contains_key(taker)) {
                ways.insert(*taker, (giver, place.clone(), *taker));
                next.push_back(*taker);
            }
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random and are the same in each run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) % limit
        }
    }

    fn places(topics: &[(&str, i32)]) -> Vec<Place> {
        let of = |&(topic, n): &(&str, i32)| (0..n).map(move |p| (topic.into(), p)).collect();
        topics.iter().flat_map(|topic| -> Vec<Place> { of(topic) }).collect()
    }

    fn subscribed(members: &[(u64, &[&str])]) -> Subscribed {
        members
            .iter()
            .map(|(id, topics)| (*id, topics.iter().map(|&t| t.into()).collect()))
            .collect()
    }

    fn loads(target: &Target) -> Vec<usize> {
        target.values().map(BTreeSet::len).collect()
    }

    fn moved(before: &Target, after: &Target) -> usize {
        let stayed = |(id, had): (&u64, &BTreeSet<Place>)| {
            after.get(id).map_or(0, |has| had.intersection(has).count())
        };
        before.values().map(BTreeSet::len).sum::<usize>() - before.iter().map(stayed).sum::<usize>()
    }

    #[test]
    fn members_come_and_go_and_little_moves() {
        let partitions = places(&[("t", 6)]);
        let one = balance(&subscribed(&[(1, &["t"])]), &partitions, &Target::new());
        let two = balance(&subscribed(&[(1, &["t"]), (2, &["t"])]), &partitions, &one);
        let left = balance(&subscribed(&[(2, &["t"])]), &partitions, &two);

        assert_eq!(loads(&one), [6]);
        assert_eq!((loads(&two), moved(&one, &two)), (vec![3, 3], 3));
        assert_eq!((loads(&left), moved(&two, &left)), (vec![6], 3));
    }

    #[test]
    fn more_members_than_partitions_leave_some_without() {
        let members = subscribed(&[(1, &["t"]), (2, &["t"]), (3, &["t"])]);

        let target = balance(&members, &places(&[("t", 2)]), &Target::new());

        assert_eq!(loads(&target), [1, 1, 0]);
    }

    #[test]
    fn a_partition_without_a_subscriber_stays_unassigned() {
        let target =
            balance(&subscribed(&[(1, &["t"])]), &places(&[("t", 1), ("u", 4)]), &Target::new());

        assert_eq!(loads(&target), [1]);
    }

    #[test]
    fn what_one_member_cannot_take_reaches_it_over_another() {
        let members = subscribed(&[(1, &["t"]), (2, &["t", "u"]), (3, &["u"])]);
        let partitions = places(&[("t", 4), ("u", 2)]);
        let before = Target::from([
            (1, partitions[..3].iter().cloned().collect()),
            (2, partitions[3..5].iter().cloned().collect()),
            (3, partitions[5..].iter().cloned().collect()),
        ]);

        assert_eq!(loads(&balance(&members, &partitions, &before)), [2, 2, 2]);
    }

    #[test]
    fn every_group_becomes_balanced_whole_and_stable() {
        let names = ["t", "u", "v"];
        let mut numbers = Numbers(7);
        let mut target = Target::new();
        for round in 0..2000 {
            let mut members = Subscribed::new();
            for id in 0..numbers.below(6) {
                let topics = names.iter().filter(|_| numbers.below(3) > 0);
                members.insert(id, topics.map(|&name| name.into()).collect());
            }
            let sizes = names.map(|name| (name, i32::try_from(numbers.below(7)).unwrap()));
            let partitions = places(&sizes);

            target = balance(&members, &partitions, &target);

            check(&members, &partitions, &target, round);
        }
    }

    fn check(members: &Subscribed, partitions: &[Place], target: &Target, round: u64) {
        let all: Vec<&Place> = target.values().flatten().collect();
        let once: BTreeSet<&Place> = all.iter().copied().collect();
        assert_eq!(all.len(), once.len(), "round {round}: a partition is twice in {target:?}");
        for place in partitions {
            let wanted = members.values().any(|topics| topics.contains(&place.0));
            assert_eq!(once.contains(place), wanted, "round {round}: {place:?} in {target:?}");
        }
        for (id, place) in target.iter().flat_map(|(id, has)| has.iter().map(move |p| (id, p))) {
            assert!(members[id].contains(&place.0), "round {round}: {id} has {place:?}");
            for (other, topics) in members {
                let takes = topics.contains(&place.0);
                let even = target[id].len() <= target[other].len() + 1;
                assert!(!takes || even, "round {round}: {other} should have {place:?}: {target:?}");
            }
        }
        assert_eq!(&balance(members, partitions, target), target, "round {round}: not stable");
    }

    #[test]
    fn with_equal_subscriptions_no_more_moves_than_must() {
        let mut numbers = Numbers(11);
        let mut before = Target::new();
        for _ in 0..500 {
            let ids: BTreeSet<u64> = (0..=numbers.below(5)).map(|_| numbers.below(9)).collect();
            let members: Subscribed =
                ids.iter().map(|id| (*id, BTreeSet::from(["t".into()]))).collect();
            let partitions = places(&[("t", 12)]);

            let after = balance(&members, &partitions, &before);

            assert_eq!(moved(&before, &after), must_move(&ids, &before));
            before = after;
        }
    }

    /// How many of twelve partitions cannot stay: the highest loads keep the greater shares.
    fn must_move(ids: &BTreeSet<u64>, before: &Target) -> usize {
        let mut loads: Vec<usize> =
            ids.iter().map(|id| before.get(id).map_or(0, BTreeSet::len)).collect();
        loads.sort_unstable_by_key(|load| std::cmp::Reverse(*load));
        let (share, greater) = (12 / ids.len(), 12 % ids.len());
        let shares = (0..ids.len()).map(|i| share + usize::from(i < greater));
        let stay: usize = loads.iter().zip(shares).map(|(load, share)| (*load).min(share)).sum();
        before.values().map(BTreeSet::len).sum::<usize>() - stay
    }
}
