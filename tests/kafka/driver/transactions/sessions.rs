//! Sessions of one id, one after the other.

use super::{Rig, publish, session};
use crate::{
    driver::member::Member,
    faults::view::View,
    kit::{kafka, topic, unique},
};
use milena_core::{error::ErrorKind, transport::Transport as _};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_second_session_fences_the_first_and_aborts_what_it_left_open() {
    let Some(mut rig) = Rig::new("second").await else { return };
    let one = session(&rig.kafka, &rig.id).await;
    one.begin().await.unwrap();
    publish(&one, &rig.output, "never").await.unwrap();
    rig.send_offset(&one, 7).await;

    let start = Instant::now();
    let two = session(&rig.kafka, &rig.id).await;
    println!("the second was ready in {:?}", start.elapsed());
    // Before it is, all of the first is over.
    let (published, committed) = (rig.published().await, rig.committed().await);
    let commit = one.commit().await.unwrap_err();
    let again = [one.abort().await, one.commit().await].map(Result::unwrap_err);
    let late = publish(&one, &rig.output, "late").await.unwrap_err();
    two.begin().await.unwrap();
    publish(&two, &rig.output, "seen").await.unwrap();
    rig.send_offset(&two, 8).await;
    two.commit().await.unwrap();
    println!("{commit}\n{again:?}\n{late}");

    assert_eq!((published, committed), (Vec::new(), None));
    assert_eq!(commit.kind(), ErrorKind::Fenced);
    assert!(commit.to_string().contains(&*rig.id), "{commit}");
    assert_eq!(again.map(|error| error.kind()), [ErrorKind::Fenced; 2]);
    assert_eq!(late.kind(), ErrorKind::Fenced);
    assert_eq!(rig.published().await, ["seen"]);
    assert_eq!(rig.committed().await, Some(8));
}

#[tokio::test]
async fn a_fenced_session_is_told_so_by_whatever_it_does_next() {
    let Some(mut rig) = Rig::new("fenced").await else { return };
    let mut told = Vec::new();
    for what in ["publish", "send offsets", "abort"] {
        let one = session(&rig.kafka, &rig.id).await;
        one.begin().await.unwrap();
        publish(&one, &rig.output, "never").await.unwrap();
        let _two = session(&rig.kafka, &rig.id).await;
        let metadata = rig.metadata().await;
        let error = match what {
            "publish" => publish(&one, &rig.output, "late").await.map(drop),
            "send offsets" => one.send_offsets(vec![(super::at(&rig.input, 0), 1)], metadata).await,
            _ => one.abort().await,
        };
        told.push((what, error.unwrap_err().kind()));
        assert_eq!(one.commit().await.unwrap_err().kind(), ErrorKind::Fenced, "behind {what}");
    }

    assert!(told.iter().all(|(_, kind)| *kind == ErrorKind::Fenced), "{told:?}");
}

#[tokio::test]
async fn a_transaction_that_is_open_for_too_long_ends_the_session() {
    let Some(kafka) = kafka() else { return };
    let (topic, id) = (topic(&kafka, "late", 1).await, unique("late"));
    let session = kafka.transactions(id.clone(), Duration::from_secs(2)).await.unwrap();
    session.begin().await.unwrap();
    publish(&session, &topic, "never").await.unwrap();

    // Behind the marker by which the broker took it back.
    let mut reader = Member::join(&kafka, &unique("late"), &[&topic]).await;
    let end = |reader: &Member| reader.owned.get(&(topic.clone(), 0)).and_then(|at| at.1);
    reader.until(|reader| end(reader) == Some(2)).await;
    let commit = session.commit().await.unwrap_err();
    let next = super::session(&kafka, &id).await;
    next.begin().await.unwrap();
    publish(&next, &topic, "seen").await.unwrap();
    next.commit().await.unwrap();

    let message = format!(
        "could not commit a transaction of `{id}`: another producer has the id now, or the transaction \
         was open for longer than 2s"
    );
    assert_eq!((commit.kind(), commit.to_string()), (ErrorKind::Fenced, message));
    assert_eq!(View::shared().values(&topic).await, ["seen"]);
}

#[tokio::test]
async fn a_session_that_is_dropped_ends_at_once_and_leaves_its_transaction_to_the_next() {
    let Some(kafka) = kafka() else { return };
    let (topic, id) = (topic(&kafka, "dropped", 1).await, unique("dropped"));
    let one = session(&kafka, &id).await;
    one.begin().await.unwrap();
    publish(&one, &topic, "never").await.unwrap();

    let start = Instant::now();
    drop(one);
    println!("it was dropped in {:?}", start.elapsed());
    let two = session(&kafka, &id).await;
    two.begin().await.unwrap();
    publish(&two, &topic, "seen").await.unwrap();
    two.commit().await.unwrap();

    assert_eq!(View::shared().values(&topic).await, ["seen"]);
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_made_before_the_next() {
    let Some(kafka) = kafka() else { return };
    let (topic, id) = (topic(&kafka, "cancelled", 1).await, unique("cancelled"));
    let session = session(&kafka, &id).await;
    session.begin().await.unwrap();
    publish(&session, &topic, "seen").await.unwrap();

    let mut commit = session.commit();
    let waits = std::future::poll_fn(|cx| std::task::Poll::Ready(commit.as_mut().poll(cx))).await;
    drop(commit);
    session.begin().await.unwrap();
    publish(&session, &topic, "again").await.unwrap();
    session.commit().await.unwrap();

    assert!(waits.is_pending());
    assert_eq!(View::shared().values(&topic).await, ["seen", "again"]);
}
