use crate::{Member, at, configured, write};
use milena_core::{error::ErrorKind, record::Epoch, transport::Event};
use milena_memory::Memory;

fn join(memory: &Memory, strategy: &str) -> Member {
    let option = [("partition.assignment.strategy", strategy)];
    Member::with(memory, configured("g", &["t"], &option))
}

fn release(member: &mut Member, partitions: &[i32]) {
    member.0.release(partitions.iter().map(|n| at("t", *n)).collect());
}

fn partitions(assigned: &[(i32, Epoch)]) -> Vec<i32> {
    assigned.iter().map(|(partition, _)| *partition).collect()
}

#[test]
fn a_rebalance_takes_everything_before_it_gives_anything() {
    let memory = Memory::new();
    memory.create_topic("t", 3);
    let mut first = join(&memory, "range");
    let before = first.begin("t");
    assert_eq!(partitions(&before), [0, 1, 2]);
    let mut second = join(&memory, "range");

    assert_eq!(first.revoked(), [0, 1, 2]);
    release(&mut first, &[0, 1]);
    first.nothing();
    second.nothing();
    assert_eq!(first.commit("t", 2, 0), Ok(()), "it is not released yet");
    release(&mut first, &[2]);

    let after = first.begin("t");
    assert_eq!((partitions(&after), partitions(&second.begin("t"))), (vec![0, 1], vec![2]));
    assert!(after[0].1 > before[2].1);
    first.nothing();
    second.nothing();
}

#[test]
fn rounds_go_round_the_members() {
    let memory = Memory::new();
    memory.create_topic("t", 3);
    let mut first = join(&memory, "roundrobin");
    let mut second = join(&memory, "roundrobin");

    assert_eq!(partitions(&first.begin("t")), [0, 2]);
    assert_eq!(partitions(&second.begin("t")), [1]);
}

#[test]
fn everybody_is_told_of_each_round_also_of_one_without_anything() {
    let memory = Memory::new();
    memory.create_topic("t", 1);
    let mut first = join(&memory, "range");
    first.begin("t");
    let mut second = join(&memory, "range");
    assert_eq!(first.revoked(), [0]);
    release(&mut first, &[0]);
    assert_eq!(first.begin("t").len(), 1);
    assert_eq!(second.assigned(), []);

    drop(first);

    assert_eq!(second.begin("t").len(), 1);
}

#[test]
fn a_member_that_leaves_takes_everything_from_the_others() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let mut members = [(); 3].map(|()| join(&memory, "range"));
    let assigned = members.each_mut().map(|member| partitions(&member.begin("t")));
    assert_eq!(assigned, [vec![0], vec![1], vec![]]);

    let [first, mut second, mut third] = members;
    drop(first);

    assert_eq!(second.revoked(), [1]);
    third.nothing();
    release(&mut second, &[1]);
    assert_eq!(partitions(&second.begin("t")), [0]);
    assert_eq!(partitions(&third.begin("t")), [1]);
}

#[test]
fn a_member_that_comes_while_others_release_is_dealt_in() {
    let memory = Memory::new();
    memory.create_topic("t", 3);
    let mut first = join(&memory, "range");
    first.begin("t");
    let mut second = join(&memory, "range");
    assert_eq!(first.revoked(), [0, 1, 2]);
    let mut third = join(&memory, "range");
    first.nothing();

    release(&mut first, &[0, 1, 2]);

    let assigned = [&mut first, &mut second, &mut third].map(|it| partitions(&it.begin("t")));
    assert_eq!(assigned, [[0], [1], [2]]);
}

#[test]
fn a_member_that_lost_its_partitions_is_dealt_in_again() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let [mut first, mut second] = [(); 2].map(|()| join(&memory, "range"));
    first.begin("t");
    second.begin("t");

    memory.faults().lose_member("g", 0);
    assert_eq!(second.revoked(), [1]);
    release(&mut second, &[1]);
    assert_eq!(partitions(&second.begin("t")), [0, 1]);
    assert_eq!(first.lost(), [0]);
    assert_eq!(second.revoked(), [0, 1]);
    release(&mut second, &[0, 1]);

    assert_eq!(partitions(&first.begin("t")), [0]);
    assert_eq!(partitions(&second.begin("t")), [1]);
    assert_eq!(memory.faults().fired().members_lost, 1);
}

#[test]
fn what_does_not_concern_a_group_leaves_it_alone() {
    let memory = Memory::new();
    write(&memory, "t", 1);
    let mut member = join(&memory, "range");
    member.begin("t");
    member.records();

    memory.create_topic("u", 3);
    memory.delete_topic("u");
    member.nothing();
    memory.add_partitions("t", 2);

    assert_eq!(member.revoked(), [0]);
    release(&mut member, &[0]);
    assert_eq!(partitions(&member.begin("t")), [0, 1]);
}

#[test]
fn a_deleted_topic_is_lost_and_the_rest_is_dealt_anew() {
    let memory = Memory::new();
    memory.create_topic("t", 1);
    memory.create_topic("u", 1);
    let option = [("partition.assignment.strategy", "range")];
    let mut member = Member::with(&memory, configured("g", &["t", "u"], &option));
    assert_eq!(member.begin("t").len(), 2);

    memory.delete_topic("u");

    assert_eq!(member.lost(), [0]);
    assert_eq!(member.revoked(), [0]);
    release(&mut member, &[0]);
    assert_eq!(member.begin("t").len(), 1);
}

#[test]
fn members_that_have_no_protocol_in_common_are_kept_apart() {
    let memory = Memory::new();
    let mut first = join(&memory, "range");
    first.begin("t");
    let mut second = join(&memory, "cooperative-sticky");

    let error = second.failed();

    assert_eq!(error.kind(), ErrorKind::Config);
    let message = "could not join group `g`: its members assign by `range`, \
                   and this one by `cooperative-sticky`";
    assert_eq!(error.to_string(), message);
    assert_eq!(memory.members("g"), 1);
    first.nothing();
}

#[test]
fn members_agree_on_the_best_that_all_of_them_take() {
    let memory = Memory::new();
    memory.create_topic("t", 4);
    let mut first = join(&memory, "range,roundrobin");
    let mut second = join(&memory, "roundrobin");

    assert_eq!(partitions(&first.begin("t")), [0, 2]);
    assert_eq!(partitions(&second.begin("t")), [1, 3]);
}

#[test]
fn the_brokers_protocol_is_incremental_whatever_the_strategy() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let options = [("group.protocol", "consumer"), ("partition.assignment.strategy", "range")];
    let join = || Member::with(&memory, configured("g", &["t"], &options));
    let mut first = join();
    first.begin("t");
    let _second = join();

    assert_eq!(first.revoked(), [1]);
}

#[test]
fn a_strategy_that_does_not_exist_is_refused() {
    for (option, value) in
        [("partition.assignment.strategy", "range,fair"), ("group.protocol", "new")]
    {
        let memory = Memory::new();
        let mut member = Member::with(&memory, configured("g", &["t"], &[(option, value)]));

        let Some(Event::Failed(error)) = member.next() else { panic!("it did not fail") };

        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(&format!("option `{option}`")), "{error}");
    }
}
