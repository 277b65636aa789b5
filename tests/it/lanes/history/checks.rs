//! The audit sees what is planted.

use super::{
    At, Event, What,
    audit::{Lane, Rules, lost},
};

/// A history of partition 0: the member, what happened, the offset and the key.
fn events(events: &[(u32, What, i64, &str)]) -> Vec<Event> {
    let event = |(number, (member, what, offset, key)): (usize, &(u32, What, i64, &str))| Event {
        member: *member,
        what: *what,
        at: At("t".into(), 0, *offset),
        key: Some(key.as_bytes().to_vec()),
        // A call is known by its beginning.
        call: events[..=number]
            .iter()
            .rposition(|other| (other.0, other.1, other.2) == (*member, What::Begun, *offset))
            .unwrap_or(number),
    };
    events.iter().enumerate().map(event).collect()
}

#[track_caller]
fn check(rules: Rules, history: &[(u32, What, i64, &str)], expected: &[&str]) {
    assert_eq!(rules.faults(&events(history)), expected);
}

const BY_KEY: Rules = Rules { lane: Lane::Key, most: 2 };

#[test]
fn a_good_history_has_no_faults() {
    use What::{Begun, Committed, Crashed, Cut, Done, Failed, Offered};
    check(
        BY_KEY,
        &[
            (1, Begun, 0, "a"),
            (1, Begun, 1, "b"),
            (1, Done, 1, "b"),
            (1, Failed, 0, "a"),
            (1, Begun, 0, "a"),
            (1, Done, 0, "a"),
            (1, Offered, 2, ""),
            (1, Committed, 2, ""),
            (1, Begun, 2, "a"),
            (1, Cut, 2, "a"),
            (1, Begun, 3, "b"),
            (1, Crashed, 0, ""),
            (2, Begun, 2, "a"),
            (2, Begun, 3, "b"),
        ],
        &[],
    );
}

#[test]
fn an_overlap_of_a_key_is_seen_also_between_members() {
    use What::Begun;
    for other in [1, 2] {
        check(BY_KEY, &[(1, Begun, 0, "a"), (other, Begun, 1, "a")], &["t/0/1 overlaps t/0/0"]);
        check(BY_KEY, &[(1, Begun, 0, "a"), (other, Begun, 1, "b")], &[]);
        let rules = Rules { lane: Lane::Partition, ..BY_KEY };
        check(rules, &[(1, Begun, 0, "a"), (other, Begun, 1, "b")], &["t/0/1 overlaps t/0/0"]);
    }
}

#[test]
fn a_record_that_overtakes_another_of_its_key_is_seen() {
    use What::{Begun, Done};
    check(
        BY_KEY,
        &[(1, Begun, 1, "a"), (1, Done, 1, "a"), (1, Begun, 0, "a"), (1, Done, 0, "a")],
        &["1 was begun before t/0/0", "1 was done before t/0/0"],
    );
}

#[test]
fn a_commit_of_what_is_not_done_is_seen() {
    use What::{Begun, Committed, Done, Offered};
    check(
        BY_KEY,
        &[(1, Begun, 0, "a"), (1, Begun, 1, "b"), (1, Done, 1, "b"), (1, Offered, 2, "")],
        &["t/0/2 was to be committed, and t/0/0 is not done"],
    );
    // Also of what was never begun.
    check(BY_KEY, &[(1, Offered, 1, "")], &["t/0/1 was to be committed, and t/0/0 is not done"]);
    check(
        BY_KEY,
        &[(1, Committed, 2, ""), (1, Committed, 1, "")],
        &["t/0/1 was committed behind 2"],
    );
}

#[test]
fn a_record_that_comes_again_without_a_reason_is_seen() {
    use What::{Assigned, Begun, Committed, Done};
    check(
        BY_KEY,
        &[(1, Committed, 1, ""), (2, Begun, 0, "a")],
        &["t/0/0 was committed, and came again"],
    );
    check(
        BY_KEY,
        &[(1, Begun, 0, "a"), (1, Done, 0, "a"), (1, Begun, 0, "a")],
        &["t/0/0 was done, and came again under its assignment"],
    );
    check(
        BY_KEY,
        &[(1, Begun, 0, "a"), (1, Done, 0, "a"), (1, Assigned, 0, ""), (1, Begun, 0, "a")],
        &[],
    );
}

#[test]
fn a_call_too_many_is_seen() {
    use What::Begun;
    check(
        BY_KEY,
        &[(1, Begun, 0, "a"), (1, Begun, 1, "b"), (2, Begun, 2, "c"), (1, Begun, 3, "d")],
        &["3 calls at once, at t/0/3, and not 2"],
    );
}

#[test]
fn a_loss_is_seen() {
    use What::{Begun, Cut, Done};
    let history =
        events(&[(1, Begun, 0, "a"), (1, Done, 0, "a"), (1, Begun, 1, "a"), (1, Cut, 1, "a")]);

    let lost = lost(&history, (0..3).map(|offset| At("t".into(), 0, offset)));

    assert_eq!(lost, [1, 2].map(|offset| At("t".into(), 0, offset)));
}
