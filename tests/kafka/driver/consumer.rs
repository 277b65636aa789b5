use super::member::{Member, all};
use crate::kit::{STUCK, fill, kafka, topic, unique};
use bytes::Bytes;
use milena_core::{
    Headers, ProducerRecord, Timestamp, TopicPartition,
    transport::{Event, Transport as _},
};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_record_comes_back_byte_for_byte() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "bytes", 1).await;
    let bytes: Bytes = (0..=255).collect::<Vec<u8>>().into();
    let headers = Headers::new()
        .with("b", "1")
        .with("a", "2")
        .with("b", "3")
        .with("null", None::<&[u8]>)
        .with("empty", "")
        .with("", "no name")
        .with("bytes", bytes.clone());
    let records = vec![
        ProducerRecord::new(topic.clone()),
        ProducerRecord::new(topic.clone()).key("").value(""),
        ProducerRecord {
            headers,
            ..ProducerRecord::new(topic.clone()).key(bytes.clone()).value(bytes).timestamp(1)
        },
        ProducerRecord::new(topic.clone()).key("only a key"),
        ProducerRecord::new(topic.clone()).value("only a value"),
    ];

    let sent = kafka.producer().await.unwrap().send_all(records.clone()).await.unwrap();
    let mut member = Member::join(&kafka, &unique("bytes"), &[&topic]).await;
    let mut chunks = Vec::new();
    while chunks.iter().map(milena_core::record::Chunk::len).sum::<usize>() < records.len() {
        match member.event().await {
            Event::Records(chunk) => chunks.push(chunk),
            event => member.answer(event),
        }
    }

    assert_eq!(sent.iter().map(|sent| sent.offset).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let read =
        chunks.iter().flat_map(|chunk| (0..chunk.len()).map(move |index| (chunk.records(), index)));
    for (record, (read, index)) in records.iter().zip(read) {
        assert_eq!(read.key(index), record.key.as_deref());
        assert_eq!(read.value(index), record.value.as_deref());
        assert_eq!(read.headers(index), record.headers);
        assert_eq!(read.headers(index), record.headers, "they are parsed once and read twice");
        for name in ["a", "b", "null", "empty", "", "bytes", "absent"] {
            let header = read.header(index, name);
            assert_eq!(header.as_deref(), record.headers.get(name), "{name} of {record:?}");
        }
        let Timestamp::Created(millis) = read.timestamp(index) else {
            panic!("{:?}", read.timestamp(index))
        };
        assert!(record.timestamp.is_none_or(|timestamp| timestamp == millis));
    }
}

#[tokio::test]
async fn a_parked_partition_holds_back_and_loses_nothing() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "park", 2).await;
    fill(&kafka, &topic, 2, 0..10).await;
    let mut member = Member::join(&kafka, &unique("park"), &[&topic]).await;
    member.until(|member| member.read.len() == 20).await;
    let parked = TopicPartition::new(topic.clone(), 0);

    member.consumer.park(&parked);
    // Both are in the queue of commands before anything new is written.
    member.run_for(Duration::from_millis(300)).await;
    fill(&kafka, &topic, 2, 10..5_000).await;
    member
        .until(|member| {
            member.read.iter().filter(|(partition, _)| *partition == 1).count() == 5_000
        })
        .await;
    member.run_for(Duration::from_millis(500)).await;
    let while_parked = member.read.iter().filter(|(partition, _)| *partition == 0).count();
    member.consumer.unpark(&parked);
    member.until(|member| member.read.len() == 10_000).await;
    member.run_for(Duration::from_millis(500)).await;

    assert_eq!(while_parked, 10);
    assert_eq!(member.sorted(), all(2, 0..5_000));
}

#[tokio::test]
async fn reading_begins_at_the_offset_that_is_answered() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "start", 2).await;
    fill(&kafka, &topic, 2, 0..100).await;
    let mut member = Member::join(&kafka, &unique("start"), &[&topic]).await;

    let Event::Assigned(partitions) = member.event().await else { panic!("not assigned") };
    for (at, epoch) in &partitions {
        member.owned.insert(super::member::key(at), (*epoch, None));
    }
    let starts = partitions
        .into_iter()
        .map(|(at, _)| (at.clone(), (at.partition == 1).then_some(90)))
        .collect();
    member.consumer.assign(starts);
    member.until(|member| member.read.len() == 110).await;
    member.run_for(Duration::from_millis(300)).await;

    let mut expected = all(1, 0..100);
    expected.extend((90..100).map(|offset| (1, offset)));
    assert_eq!(member.sorted(), expected);
}

#[tokio::test]
async fn a_runtime_that_takes_nothing_stops_the_reading_and_misses_nothing() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "full", 3).await;
    fill(&kafka, &topic, 3, 0..10_000).await;
    let mut member = Member::join(&kafka, &unique("full"), &[&topic]).await;
    let event = member.event().await;
    member.answer(event);

    tokio::time::sleep(Duration::from_secs(1)).await;
    // A command is obeyed although nothing is taken.
    let start = Instant::now();
    member.consumer.commit(Vec::new());
    let mut waiting = 0;
    while let Some(event) = member.event_within(STUCK).await {
        if let Event::Committed(result) = event {
            result.unwrap();
            break;
        }
        if let Event::Records(chunk) = &event {
            waiting += chunk.len();
        }
        member.answer(event);
    }
    println!("{waiting} records waited; the command took {:?}", start.elapsed());
    member.until(|member| member.read.len() == 30_000).await;

    assert!(waiting < 10_000, "{waiting} records were read and not taken");
    assert_eq!(member.sorted(), all(3, 0..10_000));
}

#[tokio::test]
async fn records_may_outlive_their_consumer() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "outlive", 1).await;
    fill(&kafka, &topic, 1, 0..100).await;
    let mut member = Member::join(&kafka, &unique("outlive"), &[&topic]).await;
    let chunk = loop {
        match member.event().await {
            Event::Records(chunk) => break chunk,
            event => member.answer(event),
        }
    };

    let took = member.close(Duration::from_secs(10)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let value = chunk.records().value(0).map(<[u8]>::to_vec);
    let dropped = std::thread::spawn(move || {
        let start = Instant::now();
        drop(chunk);
        start.elapsed()
    });

    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(value.as_deref(), Some(&b"0"[..]));
    let dropped = dropped.join().unwrap();
    assert!(dropped < Duration::from_millis(100), "{dropped:?}");
}

/// librdkafka's own heartbeats come every three seconds, whatever the session.
#[tokio::test]
async fn a_member_with_a_short_session_stays_in_its_group() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.set("session.timeout.ms", "2000");
    let topic = topic(&kafka, "short", 2).await;
    let mut member = Member::join(&kafka, &unique("short"), &[&topic]).await;
    member.until(|member| member.owned.len() == 2).await;

    member.run_for(Duration::from_secs(6)).await;

    assert!(member.lost.is_empty() && member.troubles.is_empty(), "{:?}", member.lost);
    assert_eq!((member.owned.len(), member.revokes), (2, 0));
}
