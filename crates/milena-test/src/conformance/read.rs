use crate::conformance::{
    Fixture, drive,
    member::{Member, Phase},
};
use milena_core::{Record, TopicPartition, reply::ProducerRecord, transport::StartAt};
use std::sync::Arc;

/// Records of one partition are read in the order in which one producer took them, without gap and
/// repeat.
pub async fn records_keep_their_order_within_a_partition(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));

    fixture.send(numbered(&topic, 0..3000)).await;
    let read = fixture.join(&group, &[&topic]).await.read(3000).await;

    assert_eq!(numbers(&read), (0..3000).collect::<Vec<_>>());
    let offsets: Vec<i64> = read.iter().map(Record::offset).collect();
    assert_eq!(offsets, (0..3000).collect::<Vec<_>>());
}

/// All records of many partitions are read once, and those of each partition in order.
pub async fn many_partitions_are_read_whole_and_in_order(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(12).await, fixture.name("group"));
    let to = |n: i32| ProducerRecord::new(topic.clone()).partition(n % 12).value(n.to_string());

    fixture.send((0..6000).map(to).collect()).await;
    let read = fixture.join(&group, &[&topic]).await.read(6000).await;

    assert_eq!(read.len(), 6000);
    for partition in 0..12 {
        let of_it: Vec<_> =
            read.iter().filter(|record| record.partition() == partition).cloned().collect();
        let sent: Vec<usize> =
            (0..500).map(|n| n * 12 + usize::try_from(partition).unwrap_or(0)).collect();
        assert_eq!(numbers(&of_it), sent, "partition {partition}");
    }
}

/// A group that has committed nothing reads what was written before it was there, if asked to.
pub async fn a_new_group_begins_at_the_earliest_record(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    fixture.send(numbered(&topic, 0..10)).await;

    let mut member = fixture.join_at(&group, &[&topic], StartAt::Earliest).await;

    assert_eq!(numbers(&member.read(10).await), (0..10).collect::<Vec<_>>());
}

/// A group that has committed nothing never reads what was written before it was there, if asked not to.
pub async fn a_new_group_begins_at_the_latest_if_asked_to(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    fixture.send(numbered(&topic, 0..10)).await;

    let mut member = fixture.join_at(&group, &[&topic], StartAt::Latest).await;

    only_new(fixture, &mut member, &topic, 10).await;
}

/// A start offset that is given to `assign` goes before the committed one.
pub async fn a_start_offset_given_to_assign_is_used(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    fixture.send(numbered(&topic, 0..10)).await;
    let mut first = fixture.join(&group, &[&topic]).await;
    first.read(10).await;
    first.commit_and_close().await;

    for start in [7, 0] {
        let mut member = fixture.join(&group, &[&topic]).await;
        member.assigns = false;
        member.until("it is assigned", |member| !member.in_phase(Phase::Assigned).is_empty()).await;
        member.assign(Some(start));

        let start = usize::try_from(start).unwrap_or(0);
        assert_eq!(numbers(&member.read(10 - start).await), (start..10).collect::<Vec<_>>());
        member.close().await;
    }
}

/// Nothing is read between `Assigned` and the answer to it.
pub async fn nothing_is_read_before_assign(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    fixture.send(numbered(&topic, 0..20)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    member.assigns = false;
    member.until("it is assigned", |member| member.in_phase(Phase::Assigned).len() == 2).await;

    // The member itself checks that no record comes before `assign`.
    drive::look(&mut [&mut member]).await;
    member.assign(None);

    assert_eq!(member.read(20).await.len(), 20);
}

/// A consumer that waits is woken, in whatever task it waited last.
pub async fn a_waiting_member_is_woken_by_a_record(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let mut member = fixture.join(&group, &[&topic]).await;
    member.until_reading(1).await;
    drive::look(&mut [&mut member]).await;

    let waiting = tokio::spawn(async move { member.read(1).await });
    tokio::task::yield_now().await;
    fixture.send(numbered(&topic, 0..1)).await;

    let read = fixture.joined("the record is read", waiting).await;
    assert_eq!(numbers(&read), [0]);
}

/// Checks that the member, which begins at the end, reads what is written from now on and nothing of
/// the so many records before.
pub(super) async fn only_new(
    fixture: &Fixture,
    member: &mut Member,
    topic: &Arc<str>,
    before: usize,
) {
    member.until_reading(1).await;
    // The end may be looked up only now, so the first new records may still come too early.
    let mut sent = before;
    while member.records.is_empty() {
        assert!(sent < before + 90, "nothing is read\n{}", member.story());
        fixture.send(numbered(topic, sent..sent + 1)).await;
        sent += 1;
        drive::look(&mut [member]).await;
    }
    fixture.send(numbered(topic, sent..sent + 5)).await;

    let first = numbers(&member.records)[0];
    assert!(first >= before, "record {first} was there before");
    let read = member.read(sent + 5 - first).await;
    assert_eq!(numbers(&read), (first..sent + 5).collect::<Vec<_>>());
}

/// Records for partition 0 that have these numbers as values.
pub(super) fn numbered(topic: &Arc<str>, numbers: std::ops::Range<usize>) -> Vec<ProducerRecord> {
    numbered_for(&TopicPartition::new(topic.clone(), 0), numbers)
}

/// Records for this partition that have these numbers as values.
pub(super) fn numbered_for(
    place: &TopicPartition,
    numbers: std::ops::Range<usize>,
) -> Vec<ProducerRecord> {
    let record = ProducerRecord::new(place.topic.clone()).partition(place.partition);
    numbers.map(|n| record.clone().value(n.to_string())).collect()
}

/// The numbers that are the values of these records.
pub(super) fn numbers(records: &[Record]) -> Vec<usize> {
    let number = |record: &Record| str::from_utf8(record.value()?).ok()?.parse().ok();
    records
        .iter()
        .map(|record| number(record).unwrap_or_else(|| panic!("{record:?} has no number")))
        .collect()
}
