use super::{
    super::service::Service,
    cluster::Mock,
    log::{Log, Seen},
    rig::{ALL, PARTITIONS, Rig},
};
use milena::{Record, Router, State, each, error::ErrorKind};
use milena_core::transport::ProducerConfig;
use rdkafka::types::{
    RDKafkaApiKey::Produce,
    RDKafkaErrorCode::{
        self as Code, BrokerTransportFailure, MessageSizeTooLarge, NotEnoughReplicas,
        NotEnoughReplicasAfterAppend, OutOfOrderSequenceNumber, RequestTimedOut,
        TopicAuthorizationFailed,
    },
};
use std::{collections::BTreeSet, time::Duration};

const OFTEN: Duration = Duration::from_millis(50);

async fn copy(record: Record, State(log): State<Log>) -> String {
    log.call(&record);
    tokio::time::sleep(Duration::from_millis(4)).await;
    format!("{}/{}", record.partition(), record.offset())
}

/// Handles the records and replies to another topic; what fails is dead-lettered if that is asked for.
fn router(rig: &Rig, letters: bool) -> Router {
    let subscriber = each(copy).publish_to("copies");
    let subscriber =
        if letters { subscriber.dead_letter("dead").without_breaker() } else { subscriber };
    let router = Router::new("group").subscribe(rig.source.clone(), subscriber);
    router.commit_interval(OFTEN).with_state(rig.log().clone())
}

/// A rig that refuses the first replies with these.
async fn refusing(codes: &[Code]) -> Rig {
    let mut rig = Rig::new(1).await;
    // The mock takes a batch behind one that it refused, which a broker does not do: to the producer that
    // says that the refused one was written, too.
    let one_by_one = ProducerConfig::new().set("max.in.flight", "1");
    rig.kafka = rig.kafka.producer_config(one_by_one);
    rig.mock.topic("copies", 1);
    rig.mock.refuse(Produce, codes);
    rig
}

/// The replies that are there.
async fn copies(mock: &Mock) -> Vec<String> {
    mock.view().values("copies").await
}

async fn answered_at_last(codes: &[Code]) {
    let rig = refusing(codes).await;
    let before = rig.mock.requests(Produce);
    let service = Service::start(&rig.kafka, router(&rig, false));
    rig.mock.until_requests(Produce, before + codes.len()).await;
    rig.until_done().await;
    service.stop().await.unwrap();

    let written = copies(&rig.mock).await;
    let distinct: BTreeSet<_> = written.iter().collect();
    let early = early(&rig.log().seen());
    println!(
        "F24 mock: {codes:?} fired {} times, {ALL} replies, lost {}, again {}, commits before the first reply was written {early}",
        codes.len(),
        ALL - distinct.len(),
        written.len() - distinct.len(),
    );
    assert_eq!((written.len(), distinct.len(), early), (ALL, ALL, 0));
}

/// How many offsets were committed before any reply was written.
fn early(seen: &[Seen]) -> usize {
    let before =
        seen.iter().take_while(|seen| !matches!(seen, Seen::Append(topic) if topic == "copies"));
    before.filter(|seen| matches!(seen, Seen::Commit(..))).count()
}

#[tokio::test]
async fn a_reply_that_is_refused_for_now_is_written_once_and_its_record_is_committed_behind_that() {
    for codes in [
        &[RequestTimedOut, RequestTimedOut][..],
        &[NotEnoughReplicas, NotEnoughReplicas],
        &[NotEnoughReplicasAfterAppend],
        &[BrokerTransportFailure],
        &[NotEnoughReplicas, RequestTimedOut, NotEnoughReplicasAfterAppend, BrokerTransportFailure],
    ] {
        answered_at_last(codes).await;
    }
}

/// A service of which a reply is refused when others have been written, and their records committed.
async fn refused_later(code: Code, letters: bool) -> (Rig, Service) {
    let rig = refusing(&[]).await;
    rig.mock.topic("dead", 1);
    let service = Service::start(&rig.kafka, router(&rig, letters));
    rig.until_committed().await;
    rig.mock.refuse(Produce, &[code]);
    (rig, service)
}

/// What a producer cannot get over ends the service before the record, and says why.
#[tokio::test]
async fn a_reply_that_is_refused_for_good_ends_the_service_before_its_record() {
    for (code, why) in [
        // The producer is out of step with the broker, and says either so or what the broker said.
        (OutOfOrderSequenceNumber, "sequence"),
        (TopicAuthorizationFailed, "Topic authorization failed"),
        (MessageSizeTooLarge, "more than the broker takes"),
    ] {
        let (rig, service) = refused_later(code, false).await;
        let error = service.ended().await.unwrap_err();

        let (tally, written) = (rig.log().tally(), copies(&rig.mock).await);
        let committed: i64 = tally.committed.values().sum();
        println!(
            "F24 mock: [{code:?}] fired 1 times, ended with {:?}: {error}; {} records called, {} replies, {committed} committed",
            error.kind(),
            tally.records,
            written.len(),
        );
        // What ends the producer may be told before what that means for the record.
        let of_producer = code == OutOfOrderSequenceNumber && error.kind() == ErrorKind::Driver;
        assert!(of_producer || error.kind() == ErrorKind::Record, "{error:?}");
        assert!(error.to_string().contains(why), "{error}");
        for partition in 0..PARTITIONS {
            let committed = tally.committed.get(&partition).copied().unwrap_or(0);
            for offset in 0..committed {
                assert!(written.contains(&format!("{partition}/{offset}")), "{partition}/{offset}");
            }
        }
        assert!(
            committed > 0 && committed < i64::try_from(ALL).unwrap() && tally.again == 0,
            "{tally:?}"
        );
    }
}

/// Nor is there anything that could still write a dead letter.
#[tokio::test]
async fn a_producer_that_cannot_go_on_ends_the_service_also_where_failures_are_dead_letters() {
    let (rig, service) = refused_later(OutOfOrderSequenceNumber, true).await;
    let error = service.ended().await.unwrap_err();

    let committed: i64 = rig.log().tally().committed.values().sum();
    println!(
        "F24 mock: fired: 1 [OutOfOrderSequenceNumber]; ended with {:?}: {error}; {committed} of {ALL} committed",
        error.kind()
    );
    assert_eq!(error.kind(), ErrorKind::Driver);
    assert!(error.to_string().contains("could not go on publishing"), "{error}");
    assert!(committed > 0 && committed < i64::try_from(ALL).unwrap(), "{committed}");
}

#[tokio::test]
async fn a_reply_that_is_too_large_becomes_a_dead_letter_once() {
    let (rig, service) = refused_later(MessageSizeTooLarge, true).await;
    rig.until_done().await;
    service.stop().await.unwrap();

    let (tally, written, dead) =
        (rig.tally(), copies(&rig.mock).await, rig.mock.view().values("dead").await);
    println!(
        "F24 mock: [MessageSizeTooLarge] fired 1 times, {ALL} records, {} replies, {} dead letters, again {}",
        written.len(),
        dead.len(),
        tally.again
    );
    assert!(!dead.is_empty());
    assert_eq!((written.len() + dead.len(), tally.again), (ALL, 0));
}
