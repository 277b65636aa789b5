mod offsets;
mod session;

pub use self::offsets::{
    a_member_speaks_only_for_partitions_of_its_own,
    a_new_assignment_waits_for_the_open_transaction, offsets_move_with_the_commit_alone,
    offsets_of_an_older_generation_are_refused,
    what_is_committed_is_known_when_the_transaction_ends,
};

use self::session::Session;
use crate::conformance::{
    Fixture, drive,
    read::{numbered, numbered_for, numbers},
};
use milena_core::{
    TopicPartition,
    error::ErrorKind,
    reply::ProducerRecord,
    transport::{IsolationLevel, Membership},
};

/// What a transaction wrote, to several partitions, is read when it is committed: all of it, and each partition
/// in its order.
pub async fn what_is_committed_together_is_read_whole(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let places = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
    let session = Session::new(fixture).await;

    session.begin().await;
    for n in 0..40 {
        session.send(numbered_for(&places[n % 2], 10 * n..10 * n + 10)).await;
    }
    session.commit().await;
    let read = fixture.join(&group, &[&topic]).await.read(400).await;

    for (partition, even) in [(0, 0), (1, 1)] {
        let mut of_it = read.clone();
        of_it.retain(|record| record.partition() == partition);
        let sent: Vec<usize> = (0..400).filter(|n| n / 10 % 2 == even).collect();
        assert_eq!(numbers(&of_it), sent, "partition {partition}");
    }
}

/// What is aborted is never read, and what the same producer commits behind it is.
pub async fn what_is_aborted_is_never_read(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let session = Session::new(fixture).await;

    session.abort_all(numbered(&topic, 0..5)).await;
    session.commit_all(numbered(&topic, 5..10)).await;
    session.abort_all(numbered(&topic, 10..15)).await;

    let mut member = fixture.join(&group, &[&topic]).await;
    assert_eq!(numbers(&member.read(5).await), (5..10).collect::<Vec<_>>());
    drive::look(&mut [&mut member]).await;
    assert!(member.records.is_empty(), "{:?} is read", member.records);
}

/// Who asks for it reads also what is aborted.
pub async fn an_uncommitted_reader_reads_what_is_aborted(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    Session::new(fixture).await.abort_all(numbered(&topic, 0..3)).await;
    fixture.send(numbered(&topic, 3..5)).await;

    let membership = fixture.membership(&group, &[&topic]);
    let config = membership.config.isolation_level(IsolationLevel::ReadUncommitted);
    let membership = Membership { config, ..fixture.membership(&group, &[&topic]) };
    let mut member = fixture.enter(membership).await;

    assert_eq!(numbers(&member.read(5).await), [0, 1, 2, 3, 4]);
}

/// What stands behind the first record of an open transaction is read when that has ended, and then in order.
/// Until then the end of the partition is that record.
pub async fn a_reader_waits_for_the_open_transaction(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let place = TopicPartition::new(topic.clone(), 0);
    fixture.send(numbered(&topic, 0..1)).await;
    let session = Session::new(fixture).await;
    session.begin().await;
    session.send(numbered(&topic, 1..3)).await;
    fixture.send(numbered(&topic, 3..5)).await;
    let mut member = fixture.join(&group, &[&topic]).await;

    member.until_reading(1).await;
    drive::look(&mut [&mut member]).await;
    assert_eq!(numbers(&member.records), [0]);
    let bounds = member.lookup();
    let bounds = fixture.done("the lookup answers", bounds.bounds(vec![place])).await;
    assert_eq!((bounds[0].start, bounds[0].end), (0, 1));
    let waiting = tokio::spawn(async move { member.read(5).await });
    session.commit().await;

    let read = fixture.joined("the transaction is read", waiting).await;
    assert_eq!(numbers(&read), [0, 1, 2, 3, 4]);
}

/// One producer has one transaction after the other, also such in which nothing is done.
pub async fn transactions_follow_each_other(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let session = Session::new(fixture).await;

    session.abort().await;
    for n in 0..10 {
        session.commit_all(numbered(&topic, 3 * n..3 * n + 3)).await;
        session.commit_all(Vec::new()).await;
        session.abort_all(Vec::new()).await;
    }

    let read = fixture.join(&group, &[&topic]).await.read(30).await;
    assert_eq!(numbers(&read), (0..30).collect::<Vec<_>>());
}

/// A second producer of an id ends the transaction of the first one, which can then do nothing more.
pub async fn a_second_session_fences_the_first_and_ends_its_transaction(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let id = fixture.name("transactions");
    let first = Session::of(fixture, &id).await;
    first.begin().await;
    first.send(numbered(&topic, 0..3)).await;

    let second = Session::of(fixture, &id).await;
    fixture.send(numbered(&topic, 3..5)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    assert_eq!(numbers(&member.read(2).await), [3, 4]);

    assert_eq!(first.commit_refused().await, ErrorKind::Fenced);
    assert_eq!(first.begin_refused().await, ErrorKind::Fenced);
    first.send_refused(ProducerRecord::new(topic.clone())).await;
    second.commit_all(numbered(&topic, 5..6)).await;
    assert_eq!(numbers(&member.read(1).await), [5]);
}

/// A transactional producer refuses a record by its receipt when no transaction is open.
pub async fn publishing_without_a_transaction_is_refused(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let session = Session::new(fixture).await;
    let record = || numbered(&topic, 100..101).remove(0);

    session.send_refused(record()).await;
    session.commit_all(numbered(&topic, 0..1)).await;
    session.send_refused(record()).await;
    session.abort_all(numbered(&topic, 1..2)).await;
    session.send_refused(record()).await;
    session.commit_all(numbered(&topic, 2..3)).await;

    assert_eq!(numbers(&fixture.join(&group, &[&topic]).await.read(2).await), [0, 2]);
}

/// When a record of a transaction is refused, nothing of it can be committed, and the next one can.
pub async fn a_refused_record_leaves_nothing_but_to_abort(fixture: &Fixture) {
    if !fixture.guarantees.transactions {
        return;
    }
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let session = Session::new(fixture).await;

    session.begin().await;
    session.send(numbered(&topic, 0..3)).await;
    session.send_refused(ProducerRecord::new(topic.clone()).partition(7)).await;
    assert_eq!(session.commit_refused().await, ErrorKind::Aborted);
    session.abort().await;
    session.commit_all(numbered(&topic, 3..5)).await;

    assert_eq!(numbers(&fixture.join(&group, &[&topic]).await.read(2).await), [3, 4]);
}
