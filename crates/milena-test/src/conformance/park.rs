use crate::conformance::{
    Fixture, drive,
    member::Member,
    read::{numbered_for, numbers},
};
use milena_core::{Record, TopicPartition};

/// While a partition is held back the others are read, also what is written meanwhile.
pub async fn a_parked_partition_waits_for_nobody_else(fixture: &Fixture) {
    let (mut member, [parked, other]) = parked(fixture).await;

    fixture.send(numbered_for(&parked, 1000..2000)).await;
    fixture.send(numbered_for(&other, 1000..2000)).await;
    member.until("the other partition is read", |member| of(member, &other).len() == 2000).await;
    drive::look(&mut [&mut member]).await;

    assert_eq!(numbers(&of(&member, &other)), (0..2000).collect::<Vec<_>>());
    let came = of(&member, &parked).len();
    assert!(came <= 1000, "{came} records came from the parked partition, which then had 1000");
}

/// A partition that is no longer held back goes on where it stopped, without gap and repeat.
pub async fn a_parked_partition_goes_on_where_it_stopped(fixture: &Fixture) {
    let (mut member, [parked, other]) = parked(fixture).await;
    fixture.send(numbered_for(&parked, 1000..1500)).await;
    member.until("the other partition is read", |member| of(member, &other).len() == 1000).await;

    member.unpark(&parked);
    member.until("the parked partition is read", |member| of(member, &parked).len() == 1500).await;
    member.park(&parked);
    member.unpark(&parked);
    fixture.send(numbered_for(&parked, 1500..1600)).await;
    member.until("it is read again", |member| of(member, &parked).len() == 1600).await;

    assert_eq!(numbers(&of(&member, &parked)), (0..1600).collect::<Vec<_>>());
}

/// A member that has read something of a partition, which is then held back, and of another. Each
/// has 1000 records.
pub(super) async fn parked(fixture: &Fixture) -> (Member, [TopicPartition; 2]) {
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let places = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
    for place in &places {
        fixture.send(numbered_for(place, 0..1000)).await;
    }
    let mut member = fixture.join(&group, &[&topic]).await;
    member.until("something is read", |member| !of(member, &places[0]).is_empty()).await;
    member.park(&places[0]);
    (member, places)
}

/// What the member has read of this partition.
pub(super) fn of(member: &Member, place: &TopicPartition) -> Vec<Record> {
    let records = member.records.iter();
    records.filter(|record| record.partition() == place.partition).cloned().collect()
}
