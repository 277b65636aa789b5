use crate::{Member, at, configured, membership, to, write};
use milena_core::{
    error::ErrorKind,
    transport::{Event, Membership, Pattern, Selection},
};
use milena_memory::Memory;

fn matching(pattern: &str) -> Selection {
    let patterns = vec![Pattern::new(pattern).unwrap()];
    Selection::Topics { names: vec![], patterns }
}

/// The topics and partitions of the next assignment, all of which the member begins to read.
#[track_caller]
fn begun(member: &mut Member) -> Vec<String> {
    let Some(Event::Assigned(list)) = member.next() else { panic!("nothing was assigned") };
    let named = list.iter().map(|(at, _)| at.to_string()).collect();
    member.0.assign(list.into_iter().map(|(at, _)| (at, None)).collect());
    named
}

#[track_caller]
fn revoked(member: &mut Member) -> Vec<String> {
    let Some(Event::Revoked(list, _)) = member.next() else { panic!("nothing was revoked") };
    let named = list.iter().map(ToString::to_string).collect();
    member.0.release(list);
    named
}

fn reads(memory: &Memory, group: Option<&str>, selection: Selection) -> Member {
    let group = group.map(Into::into);
    Member::with(memory, Membership { group, selection, ..membership("", &[]) })
}

#[test]
fn topics_that_match_a_pattern_join_when_they_are_created() {
    let memory = Memory::new();
    memory.create_topic("logs.info", 1);
    memory.create_topic("all.logs", 1);
    let mut member = reads(&memory, Some("g"), matching(r"logs\..+"));
    assert_eq!(begun(&mut member), ["logs.info/0"]);

    memory.create_topic("metrics", 1);
    member.nothing();
    memory.create_topic("logs.warn", 2);
    assert_eq!(begun(&mut member), ["logs.warn/0", "logs.warn/1"]);
    memory.produce(to("logs.error", 0)).unwrap();

    assert_eq!(begun(&mut member), ["logs.error/0"]);
    assert_eq!(member.records().2, [0]);
}

#[test]
fn topics_of_kafkas_own_match_only_if_asked_to() {
    let memory = Memory::new();
    memory.create_topic("__offsets", 1);
    memory.create_topic("offsets", 1);
    let mut plain = reads(&memory, Some("g"), matching(".*"));
    let option = [("exclude.internal.topics", "false")];
    let selection = matching(".*");
    let membership = Membership { selection, ..configured("h", &[], &option) };
    let mut all = Member::with(&memory, membership);

    assert_eq!(begun(&mut plain), ["offsets/0"]);
    assert_eq!(begun(&mut all), ["__offsets/0", "offsets/0"]);
}

#[test]
fn members_share_what_their_patterns_and_names_have_in_common() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let mut named = Member::join(&memory, "g", &["t"]);
    begun(&mut named);
    let mut matching = reads(&memory, Some("g"), matching("t|u"));

    assert_eq!(begun(&mut matching), [""; 0]);
    assert_eq!(revoked(&mut named), ["t/1"]);
    assert_eq!(begun(&mut matching), ["t/1"]);
}

#[test]
fn another_selection_gives_up_one_topic_and_gets_another() {
    let memory = Memory::new();
    write(&memory, "t", 1);
    write(&memory, "u", 1);
    write(&memory, "v", 1);
    let mut member = Member::join(&memory, "g", &["t", "u"]);
    assert_eq!(begun(&mut member), ["t/0", "u/0"]);
    member.records();
    member.records();

    member.0.select(Selection::topics(["u", "v"]));

    assert_eq!(revoked(&mut member), ["t/0"]);
    assert_eq!(begun(&mut member), ["v/0"]);
    assert_eq!(member.records().2, [0]);
    member.nothing();
    member.0.select(Selection::topics(["u", "v"]));
    member.nothing();
}

#[test]
fn a_selection_of_what_does_not_exist_is_an_error() {
    let memory = Memory::new().without_auto_create();
    memory.create_topic("t", 1);
    let mut member = Member::join(&memory, "g", &["t"]);
    begun(&mut member);

    member.0.select(Selection::topics(["t", "unknown"]));

    let error = member.failed();
    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert_eq!(error.to_string(), "could not subscribe to topic `unknown`: it does not exist");
    member.nothing();
}

#[test]
fn named_partitions_are_read_by_everybody_who_named_them() {
    let memory = Memory::new();
    memory.create_topic("t", 3);
    memory.produce(to("t", 1)).unwrap();
    let named = || Selection::Partitions(vec![at("t", 1), at("t", 2)]);
    let [mut first, mut second] = [(); 2].map(|()| reads(&memory, Some("g"), named()));

    for member in [&mut first, &mut second] {
        assert_eq!(begun(member), ["t/1", "t/2"]);
        assert_eq!(member.records().2, [0]);
    }
    assert_eq!(memory.members("g"), 0);
    assert_eq!(first.commit("t", 1, 1), Ok(()));
    assert_eq!(first.commit("t", 0, 1), Err(ErrorKind::Fenced));
    assert_eq!(memory.committed("g", "t", 1), Some(1));
    memory.produce(to("t", 1)).unwrap();
    assert_eq!((first.records().2, second.records().2), (vec![1], vec![1]));
}

#[test]
fn who_named_its_partitions_commits_only_where_there_are_no_members() {
    let memory = Memory::new();
    let mut named = reads(&memory, Some("g"), Selection::Partitions(vec![at("t", 0)]));
    begun(&mut named);
    let member = Member::join(&memory, "g", &["t"]);

    assert_eq!(named.commit("t", 0, 1), Err(ErrorKind::Fenced));
    drop(member);
    assert_eq!(named.commit("t", 0, 1), Ok(()));
}

#[test]
fn named_partitions_can_be_others_later() {
    let memory = Memory::new();
    memory.create_topic("t", 3);
    let mut member = reads(&memory, Some("g"), Selection::Partitions(vec![at("t", 0), at("t", 1)]));
    begun(&mut member);

    member.0.select(Selection::Partitions(vec![at("t", 1), at("t", 2)]));

    assert_eq!(revoked(&mut member), ["t/0"]);
    assert_eq!(begun(&mut member), ["t/2"]);
}

#[test]
fn a_partition_that_is_named_has_to_exist() {
    let memory = Memory::new();
    memory.create_topic("t", 1);
    let mut member = reads(&memory, Some("g"), Selection::Partitions(vec![at("t", 1)]));

    let error = member.failed();

    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert_eq!(error.to_string(), "could not read partition `t/1`: it does not exist");
}

#[test]
fn without_a_group_everybody_reads_everything_also_what_is_new() {
    let memory = Memory::new();
    memory.create_topic("t", 1);
    let [mut first, mut second] = [(); 2].map(|()| reads(&memory, None, Selection::topics(["t"])));

    for member in [&mut first, &mut second] {
        assert_eq!(begun(member), ["t/0"]);
    }
    memory.add_partitions("t", 2);
    memory.produce(to("t", 1)).unwrap();

    for member in [&mut first, &mut second] {
        assert_eq!(begun(member), ["t/1"]);
        assert_eq!(member.records().2, [0]);
    }
}

#[test]
fn without_a_group_nothing_is_taken_back_for_what_is_new() {
    let memory = Memory::new();
    memory.create_topic("t", 1);
    let range = [("partition.assignment.strategy", "range")];
    let mut member =
        Member::with(&memory, Membership { group: None, ..configured("", &["t"], &range) });
    begun(&mut member);

    memory.add_partitions("t", 2);

    assert_eq!(begun(&mut member), ["t/1"]);
}

#[test]
fn without_a_group_there_is_nothing_to_commit_to() {
    let memory = Memory::new();
    let mut member = reads(&memory, None, Selection::topics(["t"]));
    begun(&mut member);

    member.0.commit(vec![(at("t", 0), 0)]);

    let error = member.committed().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "could not commit: the consumer has no group");
}
