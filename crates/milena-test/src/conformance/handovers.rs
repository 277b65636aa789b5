use crate::conformance::{
    Fixture, drive,
    groups::share,
    member::{Member, Phase},
    read::{numbered_for, numbers},
};
use milena_core::{Record, TopicPartition, reply::ProducerRecord};
use std::sync::Arc;

/// A revoked partition stays its member's until that one has released it: nobody else is assigned
/// it, and it can be committed.
pub async fn a_revoked_partition_stays_its_members_until_released(fixture: &Fixture) {
    if !fixture.guarantees.rebalances_in_part {
        return;
    }
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let mut first = fixture.join(&group, &[&topic]).await;
    first.until_reading(2).await;
    first.releases = false;
    let mut second = fixture.join(&group, &[&topic]).await;

    revoke(&mut first, &mut second).await;
    drive::look(&mut [&mut first, &mut second]).await;
    assert!(second.held().is_empty(), "it was assigned before its release\n{}", second.story());
    let revoked = first.in_phase(Phase::Revoked)[0].clone();
    let answer = first.commit_at(vec![(revoked.clone(), 0)]).await;
    first.release();

    assert!(answer.is_ok(), "{answer:?}");
    share(&mut first, &mut second, 1).await;
    assert_eq!(second.in_phase(Phase::Reading), [revoked]);
}

/// The next owner begins at the offset that was committed when the partition was revoked.
pub async fn a_revoked_partition_goes_on_at_its_committed_offset(fixture: &Fixture) {
    if !fixture.guarantees.rebalances_in_part {
        return;
    }
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let extra = fixture.topic(1).await;
    let place = TopicPartition::new(topic.clone(), 0);
    fixture.send(numbered_for(&place, 0..10)).await;
    let mut first = fixture.join(&group, &[&topic, &extra]).await;
    first.read(10).await;
    first.until_reading(2).await;
    first.releases = false;
    let mut second = fixture.join(&group, &[&topic, &extra]).await;

    revoke(&mut first, &mut second).await;
    let revoked = first.in_phase(Phase::Revoked)[0].clone();
    let mut offset = 6;
    if revoked != place {
        fixture.send(numbered_for(&revoked, 0..10)).await;
        offset = 3;
    }
    let answer = first.commit_at(vec![(revoked.clone(), offset)]).await;
    first.release();
    share(&mut first, &mut second, 1).await;

    assert!(answer.is_ok(), "{answer:?}");
    let rest = usize::try_from(10 - offset).unwrap_or(0);
    assert_eq!(numbers(&second.read(rest).await), (10 - rest..10).collect::<Vec<_>>());
}

/// While members come and go, every record is read by one of them and once, if each commits what
/// it has read when it is revoked and when it leaves.
pub async fn every_record_is_read_once_when_revokes_commit(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(6).await, fixture.name("group"));
    let send = async |round: usize| {
        let place = |n: usize| TopicPartition::new(topic.clone(), i32::try_from(n).unwrap_or(0));
        for partition in 0..6 {
            fixture.send(numbered_for(&place(partition), round * 200..(round + 1) * 200)).await;
        }
    };

    send(0).await;
    let mut first = fixture.join(&group, &[&topic]).await;
    first.until("it has read something", |member| member.records.len() >= 100).await;
    let mut second = fixture.join(&group, &[&topic]).await;
    share(&mut first, &mut second, 3).await;
    send(1).await;
    drive::together(&mut [&mut first, &mut second], "both have read 2400 records", |members| {
        members.iter().map(|member| member.records.len()).sum::<usize>() >= 2400
    })
    .await;
    send(2).await;
    second.until("it reads on", |member| !member.records.is_empty()).await;
    let mut read = std::mem::take(&mut second.records);
    second.commit_and_close().await;
    let rest = 3600 - read.len();
    read.extend(first.read(rest).await);
    drive::look(&mut [&mut first]).await;
    read.append(&mut first.records);

    let mut places: Vec<_> =
        read.iter().map(|record| (record.partition(), record.offset())).collect();
    places.sort_unstable();
    let all: Vec<_> = (0..6).flat_map(|p| (0..600).map(move |offset| (p, offset))).collect();
    assert_eq!(places, all);
}

/// A partition that comes back to a member has a new epoch, goes on where it was committed, and
/// nothing of its old epoch arrives.
pub async fn nothing_old_arrives_when_a_partition_comes_back(fixture: &Fixture) {
    if !fixture.guarantees.rebalances_in_part {
        return;
    }
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let records = |n: i32| ProducerRecord::new(topic.clone()).partition(n % 2).value(n.to_string());
    fixture.send((0..4000).map(records).collect()).await;
    let mut first = fixture.join(&group, &[&topic]).await;
    first.until("it has read something", |member| member.records.len() >= 10).await;
    first.until_reading(2).await;
    let before = epochs(&first, &topic);

    let mut second = fixture.join(&group, &[&topic]).await;
    share(&mut first, &mut second, 1).await;
    let gone = second.in_phase(Phase::Reading)[0].clone();
    second.finish();
    second.close().await;
    first.until_reading(2).await;

    // The members themselves check that every chunk has the epoch of its assignment.
    let after = epochs(&first, &topic);
    let index = usize::try_from(gone.partition).unwrap_or(0);
    assert_ne!(after[index], before[index], "the partition came back in its old epoch");
    assert_eq!(after[1 - index], before[1 - index], "the other partition did not stay");
    first.until("it has read everything", |member| member.records.len() >= 4000).await;
    let of_it: Vec<Record> = first
        .records
        .iter()
        .filter(|record| record.partition() == gone.partition)
        .cloned()
        .collect();
    assert_eq!(numbers(&of_it), (0..2000).map(|n| 2 * n + index).collect::<Vec<_>>());
}

fn epochs(member: &Member, topic: &Arc<str>) -> [Option<milena_core::record::Epoch>; 2] {
    [0, 1].map(|partition| member.epoch(&TopicPartition::new(topic.clone(), partition)))
}

/// Runs two members until the first is asked for a partition.
async fn revoke(first: &mut Member, second: &mut Member) {
    drive::together(&mut [first, second], "a partition is revoked", |members| {
        !members[0].in_phase(Phase::Revoked).is_empty()
    })
    .await;
}
