use super::Session;
use crate::conformance::{
    Fixture, drive,
    groups::share,
    member::Member,
    read::{numbered, numbers},
};
use milena_core::{TopicPartition, error::ErrorKind, transport::GroupMetadata};
use std::sync::Arc;

/// Offsets that are sent with a transaction are committed with it, and not when it is aborted.
pub async fn offsets_move_with_the_commit_alone(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (group, place) = (fixture.name("group"), place(fixture).await);
    let mut member = fixture.join(&group, &[&place.topic]).await;
    member.read(5).await;
    let session = Session::new(fixture).await;

    session.begin().await;
    let metadata = identify(fixture, &mut member, &place).await;
    assert_eq!(session.send_offset((&place, 4), &metadata).await, Ok(()));
    session.abort().await;
    let aborted = committed(fixture, &member, &place).await;
    session.begin().await;
    assert_eq!(session.send_offset((&place, 2), &metadata).await, Ok(()));
    assert_eq!(session.send_offset((&place, 3), &metadata).await, Ok(()));
    session.commit().await;

    assert_eq!((aborted, committed(fixture, &member, &place).await), (None, Some(3)));
    member.finish();
    member.close().await;
    let mut next = fixture.join(&group, &[&place.topic]).await;
    assert_eq!(numbers(&next.read(2).await), [3, 4]);
}

/// What a group has committed is told when no open transaction may change it.
pub async fn what_is_committed_is_known_when_the_transaction_ends(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (group, place) = (fixture.name("group"), place(fixture).await);
    let mut member = fixture.join(&group, &[&place.topic]).await;
    member.read(5).await;
    let session = Session::new(fixture).await;
    session.begin().await;
    let metadata = identify(fixture, &mut member, &place).await;
    assert_eq!(session.send_offset((&place, 3), &metadata).await, Ok(()));

    let (lookup, asked) = (member.lookup(), vec![place]);
    let asking = tokio::spawn(async move { lookup.committed(asked).await });
    drive::look(&mut [&mut member]).await;
    assert!(!asking.is_finished(), "the lookup did not wait");
    session.commit().await;

    let committed = fixture.joined("the lookup answers", asking).await;
    assert!(matches!(committed.as_deref(), Ok([Some(3)])), "{committed:?}");
}

/// Where a partition begins is known when no open transaction may change it; until then nothing of it is read.
pub async fn a_new_assignment_waits_for_the_open_transaction(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (group, place) = (fixture.name("group"), place(fixture).await);
    let mut first = fixture.join(&group, &[&place.topic]).await;
    first.read(5).await;
    let session = Session::new(fixture).await;
    session.begin().await;
    let metadata = identify(fixture, &mut first, &place).await;
    assert_eq!(session.send_offset((&place, 3), &metadata).await, Ok(()));
    first.finish();
    first.close().await;

    let mut second = fixture.join(&group, &[&place.topic]).await;
    second.until_reading(1).await;
    drive::look(&mut [&mut second]).await;
    assert!(second.records.is_empty(), "{:?} is read", second.records);
    let waiting = tokio::spawn(async move { second.read(2).await });
    session.commit().await;

    let read = fixture.joined("the partition is read", waiting).await;
    assert_eq!(numbers(&read), [3, 4]);
}

/// Offsets are refused when the group has gone on since the member said who it is; then the transaction can only
/// be aborted.
pub async fn offsets_of_an_older_generation_are_refused(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let mut first = fixture.join(&group, &[&topic]).await;
    first.until_reading(2).await;
    let older = identify(fixture, &mut first, &TopicPartition::new(topic.clone(), 0)).await;
    let mut second = fixture.join(&group, &[&topic]).await;
    share(&mut first, &mut second, 1).await;
    let own = own(&first);
    let session = Session::new(fixture).await;

    session.begin().await;
    assert_eq!(session.send_offset((&own, 0), &older).await, Err(ErrorKind::Aborted));
    assert_eq!(session.commit_refused().await, ErrorKind::Aborted);
    session.abort().await;
    assert_eq!(committed(fixture, &first, &own).await, None);
    session.begin().await;
    let newer = identify(fixture, &mut first, &own).await;
    assert_eq!(session.send_offset((&own, 0), &newer).await, Ok(()));
    session.commit().await;

    assert_eq!(committed(fixture, &first, &own).await, Some(0));
}

/// A member says who it is for partitions that are its own, and for others that it is between two generations.
pub async fn a_member_speaks_only_for_partitions_of_its_own(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let mut first = fixture.join(&group, &[&topic]).await;
    let mut second = fixture.join(&group, &[&topic]).await;
    share(&mut first, &mut second, 1).await;
    let (own, others) = (own(&first), own(&second));

    identify(fixture, &mut first, &own).await;
    let metadata = first.group_metadata(vec![own, others]);
    let refused = fixture.within("a member says who it is", metadata).await;

    let kind = refused.err().map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::Rebalancing));
}

/// The only partition of a new topic with five records.
async fn place(fixture: &Fixture) -> TopicPartition {
    let topic: Arc<str> = fixture.topic(1).await;
    fixture.send(numbered(&topic, 0..5)).await;
    TopicPartition::new(topic, 0)
}

/// The partition that is the member's.
fn own(member: &Member) -> TopicPartition {
    let own: Vec<_> = member.held().into_iter().collect();
    assert_eq!(own.len(), 1, "a member has {own:?}");
    own[0].clone()
}

/// Who the member is, which it may have to ask for until the group has settled.
async fn identify(fixture: &Fixture, member: &mut Member, place: &TopicPartition) -> GroupMetadata {
    let asked = async {
        loop {
            match member.group_metadata(vec![place.clone()]).await {
                Ok(metadata) => return metadata,
                Err(error) if error.kind() == ErrorKind::Rebalancing => {}
                Err(error) => panic!("could not learn who a member is: {error:?}"),
            }
            drive::look(&mut [member]).await;
        }
    };
    fixture.within("a member says who it is", asked).await
}

async fn committed(fixture: &Fixture, member: &Member, place: &TopicPartition) -> Option<i64> {
    let lookup = member.lookup();
    let committed = lookup.committed(vec![place.clone()]);
    fixture.done("the lookup answers", committed).await[0]
}
