use crate::{Member, at, to, write};
use milena_core::record::Epoch;
use milena_memory::Memory;

/// A member that has begun to read a topic with ten records, and the epoch it reads it under.
fn reading(memory: &Memory) -> (Member, Epoch) {
    write(memory, "t", 10);
    let mut member = Member::join(memory, "g", &["t"]);
    let epoch = member.begin("t")[0].1;
    (member, epoch)
}

#[test]
fn reading_goes_on_where_it_was_sought_and_under_a_new_epoch() {
    let memory = Memory::new().max_chunk(4);
    let (mut member, first) = reading(&memory);
    assert_eq!(member.records(), (0, first, vec![0, 1, 2, 3]));

    member.0.seek(vec![(at("t", 0), 8)]);
    let (_, second, offset) = member.moved();
    assert_eq!(offset, 8);
    assert_eq!(member.records(), (0, second, vec![8, 9]));
    member.0.seek(vec![(at("t", 0), 1)]);
    let (_, third, _) = member.moved();

    assert_eq!(member.records(), (0, third, vec![1, 2, 3, 4]));
    assert!(first < second && second < third);
}

#[test]
fn each_seek_is_answered_in_order_and_the_last_one_counts() {
    let memory = Memory::new();
    let (mut member, _) = reading(&memory);

    member.0.seek(vec![(at("t", 0), 3), (at("t", 0), 5)]);
    member.0.seek(vec![(at("t", 0), 9)]);

    let moves = [(); 3].map(|()| member.moved());
    assert_eq!(moves.map(|(_, _, offset)| offset), [3, 5, 9]);
    assert_eq!(member.records(), (0, moves[2].1, vec![9]));
}

#[test]
fn what_is_not_the_members_own_is_not_moved() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let mut first = Member::join(&memory, "g", &["t"]);
    first.0.seek(vec![(at("t", 0), 1)]);
    first.begin("t");
    let _second = Member::join(&memory, "g", &["t"]);
    assert_eq!(first.revoked(), [1]);

    first.0.seek(vec![(at("t", 1), 0), (at("t", 7), 0), (at("u", 0), 0)]);

    first.nothing();
}

#[test]
fn a_parked_partition_moves_and_stays_parked() {
    let memory = Memory::new();
    let (mut member, _) = reading(&memory);
    member.0.park(&at("t", 0));

    member.0.seek(vec![(at("t", 0), 6)]);
    let (_, epoch, _) = member.moved();
    member.nothing();
    member.0.unpark(&at("t", 0));

    assert_eq!(member.records(), (0, epoch, vec![6, 7, 8, 9]));
}

#[test]
fn what_was_sought_before_reading_began_is_where_it_begins() {
    for (given, first) in [(None, 4), (Some(7), 7)] {
        let memory = Memory::new();
        write(&memory, "t", 10);
        let mut member = Member::join(&memory, "g", &["t"]);
        member.assigned();

        member.0.seek(vec![(at("t", 0), 4)]);
        let (_, epoch, _) = member.moved();
        member.nothing();
        member.0.assign(vec![(at("t", 0), given)]);

        let (_, read_under, offsets) = member.records();
        assert_eq!((read_under, offsets[0]), (epoch, first));
    }
}

#[test]
fn one_may_seek_to_the_end_and_wait_there() {
    let memory = Memory::new();
    let (mut member, _) = reading(&memory);

    member.0.seek(vec![(at("t", 0), 10)]);
    member.moved();
    member.nothing();
    memory.produce(to("t", 0)).unwrap();

    assert_eq!(member.records().2, [10]);
}
