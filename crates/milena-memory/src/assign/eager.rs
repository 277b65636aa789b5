use super::{Place, Subscribed, Target};

/// Java's `RangeAssignor`: each topic on its own is cut into pieces, one for each member in this order
/// that subscribes to it, and the first ones get the greater pieces.
pub(crate) fn range(order: &[u64], members: &Subscribed, partitions: &[Place]) -> Target {
    let mut target: Target = order.iter().map(|id| (*id, Default::default())).collect();
    for places in partitions.chunk_by(|left, right| left.0 == right.0) {
        let able: Vec<u64> =
            order.iter().copied().filter(|id| takes(members, *id, &places[0])).collect();
        let mut rest = places;
        for (index, id) in able.iter().enumerate() {
            let greater = index < places.len() % able.len();
            let (piece, others) = rest.split_at(places.len() / able.len() + usize::from(greater));
            target.entry(*id).or_default().extend(piece.iter().cloned());
            rest = others;
        }
    }
    target
}

/// Java's `RoundRobinAssignor`: the partitions of all topics go round the members in this order, past
/// those that do not subscribe.
pub(crate) fn round_robin(order: &[u64], members: &Subscribed, partitions: &[Place]) -> Target {
    let mut target: Target = order.iter().map(|id| (*id, Default::default())).collect();
    let mut turns = order.iter().cycle();
    for place in partitions {
        let once = turns.by_ref().take(order.len());
        if let Some(id) = { once }.find(|id| takes(members, **id, place)) {
            target.entry(*id).or_default().insert(place.clone());
        }
    }
    target
}

fn takes(members: &Subscribed, id: u64, place: &Place) -> bool {
    members.get(&id).is_some_and(|topics| topics.contains(&place.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rule = fn(&[u64], &Subscribed, &[Place]) -> Target;

    /// What each member of these subscriptions gets, as Java's documentation writes it.
    fn assigned(rule: Rule, members: &[&[&str]], topics: &[(&str, i32)]) -> Vec<String> {
        let places: Vec<Place> = topics
            .iter()
            .flat_map(|(topic, count)| (0..*count).map(|n| ((*topic).into(), n)))
            .collect();
        let members: Subscribed = (0..)
            .zip(members)
            .map(|(id, topics)| (id, topics.iter().map(|&topic| topic.into()).collect()))
            .collect();
        let order: Vec<u64> = members.keys().copied().collect();
        let written = |has: Vec<String>| has.join(" ");
        rule(&order, &members, &places)
            .into_values()
            .map(|has| written(has.iter().map(|(topic, n)| format!("{topic}p{n}")).collect()))
            .collect()
    }

    #[test]
    fn ranges_are_those_of_javas_documentation() {
        let both: &[&str] = &["t0", "t1"];

        let assigned = assigned(range, &[both, both], &[("t0", 3), ("t1", 3)]);

        assert_eq!(assigned, ["t0p0 t0p1 t1p0 t1p1", "t0p2 t1p2"]);
    }

    #[test]
    fn a_range_leaves_out_who_does_not_subscribe() {
        let members: &[&[&str]] = &[&["t0"], &["t0", "t1"], &["t1"]];

        let assigned = assigned(range, members, &[("t0", 3), ("t1", 1), ("t2", 4)]);

        assert_eq!(assigned, ["t0p0 t0p1", "t0p2 t1p0", ""]);
    }

    #[test]
    fn rounds_are_those_of_javas_documentation() {
        let both: &[&str] = &["t0", "t1"];

        let assigned = assigned(round_robin, &[both, both], &[("t0", 3), ("t1", 3)]);

        assert_eq!(assigned, ["t0p0 t0p2 t1p1", "t0p1 t1p0 t1p2"]);
    }

    #[test]
    fn rounds_of_unequal_subscriptions_are_those_of_javas_documentation() {
        let members: &[&[&str]] = &[&["t0"], &["t0", "t1"], &["t0", "t1", "t2"]];

        let assigned = assigned(round_robin, members, &[("t0", 1), ("t1", 2), ("t2", 3)]);

        assert_eq!(assigned, ["t0p0", "t1p0", "t1p1 t2p0 t2p1 t2p2"]);
    }

    #[test]
    fn without_members_nothing_is_assigned() {
        for rule in [range, round_robin] as [Rule; 2] {
            assert!(assigned(rule, &[], &[("t0", 2)]).is_empty());
        }
    }
}
