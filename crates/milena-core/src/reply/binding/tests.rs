use super::*;
use crate::{
    record::{Headers, names},
    reply::{Partition, ProducerRecord, publish},
    transport::{BoxFuture, Delivered, Full, Producer, Receipt},
};
use bytes::Bytes;
use std::{sync::Mutex, time::Duration};

/// A producer that keeps what it gets, and answers at once or never.
#[derive(Default)]
struct Kept {
    records: Mutex<Vec<ProducerRecord>>,
    silent: Mutex<Vec<Receipt>>,
    is_silent: bool,
    flushes: Mutex<usize>,
}

impl Producer for Kept {
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        let mut records = self.records.lock().unwrap();
        records.push(record);
        if self.is_silent {
            self.silent.lock().unwrap().push(receipt);
        } else {
            receipt.deliver(Ok(Delivered { partition: 0, offset: records.len() as i64 - 1 }));
        }
        Ok(())
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn flush(&self, _within: Duration) -> BoxFuture<'_, usize> {
        *self.flushes.lock().unwrap() += 1;
        Box::pin(std::future::ready(self.silent.lock().unwrap().len()))
    }

    fn partitions(&self, _topic: Arc<str>) -> BoxFuture<'_, Result<i32, Error>> {
        Box::pin(std::future::ready(Ok(3)))
    }
}

impl Kept {
    fn take(&self) -> Vec<ProducerRecord> {
        std::mem::take(&mut self.records.lock().unwrap())
    }
}

/// A publisher of text whose service runs.
fn running(to: Publish) -> (Arc<Kept>, Arc<Binding>, Publisher<String>) {
    let (kept, binding) = (Arc::new(Kept::default()), Binding::new(to));
    binding.bind(Arc::new(Outlet::new(kept.clone())));
    let publisher = binding.publisher();
    (kept, binding, publisher)
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[tokio::test]
async fn before_the_start_and_after_the_end_every_call_says_so() {
    let binding = Binding::new(publish("t"));
    let publisher = binding.publisher::<String>();
    let outlet = Arc::new(Outlet::new(Arc::new(Kept::default())));

    for what in ["not started", "ended"] {
        let says = format!("could not publish to topic `t`: the service has {what}");
        let all = publisher.send_all([text("x")]).await.map_err(Error::from);
        let errors = [
            publisher.send(text("x")).await.unwrap_err(),
            publisher.enqueue(text("x")).await.await.unwrap_err(),
            publisher.request::<String>(text("x"), Duration::from_secs(1)).await.unwrap_err(),
            publisher.delete("key").await.unwrap_err(),
            publisher.partitions("t").await.unwrap_err(),
            all.unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::NotRunning, says.clone()));
        }
        assert_eq!(publisher.flush(Duration::ZERO).await, 0);
        binding.bind(outlet.clone());
        publisher.send(text("x")).await.unwrap();
        binding.unbind();
    }
}

#[tokio::test]
async fn each_item_of_a_batch_has_parts_of_its_own_over_those_of_the_target() {
    let to = publish("t").key("default").partition(1).header("from", "target").timestamp(7);
    let (kept, _, publisher) = running(to);
    let item = |key: Option<&'static str>, partition, headers: Headers| {
        (key, partition, headers, text("x"))
    };

    let delivered = publisher
        .send_all([
            item(None, None, Headers::new()),
            item(Some("own"), Some(Partition(0)), Headers::new().with("from", "item")),
            item(Some(""), None, Headers::new()),
        ])
        .await
        .unwrap();

    assert_eq!(delivered.iter().map(|it| it.offset).collect::<Vec<_>>(), [0, 1, 2]);
    let records = kept.take();
    let keys: Vec<_> = records.iter().map(|it| it.key.as_deref().unwrap()).collect();
    assert_eq!(keys, [&b"default"[..], b"own", b""], "an empty key is a key");
    assert_eq!(
        records.iter().map(|it| it.partition).collect::<Vec<_>>(),
        [Some(1), Some(0), Some(1)]
    );
    assert_eq!(records[1].headers.get("from"), Some(&b"item"[..]));
    assert_eq!(records[1].headers.get_all("from").count(), 2);
    assert!(records.iter().all(|it| it.timestamp == Some(7)));
}

#[tokio::test]
async fn what_is_made_of_a_value_has_a_correlation_id_unless_it_brings_one_or_the_target_is_bare() {
    let (kept, _, publisher) = running(publish("t"));
    let own = Headers::new().with(names::CORRELATION_ID, "mine");
    publisher.send(text("x")).await.unwrap();
    publisher.send(text("x")).await.unwrap();
    publisher.send((own, text("x"))).await.unwrap();
    let records = kept.take();

    let ids: Vec<_> = records
        .iter()
        .map(|it| String::from_utf8(it.headers.get(names::CORRELATION_ID).unwrap().to_vec()))
        .map(Result::unwrap)
        .collect();
    assert_eq!((ids[0].len(), &*ids[2]), (36, "mine"));
    assert_ne!(ids[0], ids[1]);
    assert_eq!(records[2].headers.get_all(names::CORRELATION_ID).count(), 1);
    let (kept, _, publisher) = running(publish("t").bare());
    publisher.send(text("x")).await.unwrap();
    assert!(kept.take()[0].headers.is_empty());
}

#[tokio::test]
async fn a_target_without_a_type_takes_any_value_and_one_record_at_a_time() {
    let (kept, binding, _) = running(publish("t"));
    let publisher = binding.publisher::<()>();

    publisher.send("text").await.unwrap();
    publisher.send((1i64, Bytes::from_static(b"bytes"))).await.unwrap();
    publisher.delete("gone").await.unwrap();
    let several = publisher.send(vec!["a", "b"]).await.unwrap_err();
    publisher.send_all([vec!["a", "b"], vec!["c"]]).await.unwrap();

    let records = kept.take();
    let values: Vec<_> = records.iter().map(|it| it.value.as_deref()).collect();
    let some = |value: &'static [u8]| Some(value);
    assert_eq!(values, [some(b"text"), some(b"bytes"), None, some(b"a"), some(b"b"), some(b"c")]);
    assert_eq!(records[2].headers.get("content-type"), None);
    assert!(several.to_string().contains("makes 2 records"), "{several}");
}

#[tokio::test]
async fn what_cannot_be_written_keeps_the_others_from_being_sent() {
    let (kept, binding, _) = running(publish("t"));
    let publisher = binding.publisher::<()>();
    let bad = || Err::<String, _>(std::io::Error::other("no ink"));

    let error = publisher.send_all([Ok(text("a")), bad()]).await.unwrap_err();

    assert_eq!(error.failed()[0].0, 1);
    assert_eq!(error.to_string(), "could not write the value for topic `t`: no ink");
    assert!(kept.take().is_empty());
}

#[tokio::test]
async fn autoflush_flushes_once_behind_each_call() {
    let (kept, _, publisher) = running(publish("t").autoflush());

    publisher.send(text("x")).await.unwrap();
    assert_eq!(*kept.flushes.lock().unwrap(), 1);
    publisher.send_all([text("x"), text("y")]).await.unwrap();

    assert_eq!(*kept.flushes.lock().unwrap(), 2);
}

#[tokio::test]
async fn what_is_not_answered_is_counted_by_topic_until_it_is() {
    let kept = Arc::new(Kept { is_silent: true, ..Kept::default() });
    let outlet = Arc::new(Outlet::new(kept.clone()));
    let publisher = Publisher::through(outlet.clone());
    let record = |topic: &str| ProducerRecord::new(topic);

    drop(publisher.enqueue(record("a")).await);
    drop(publisher.enqueue(record("b")).await);
    let all = publisher.send_all([record("a"), record("a")]);
    assert!(tokio::time::timeout(Duration::ZERO, all).await.is_err());

    assert_eq!(outlet.unanswered(), [("a".into(), 3), ("b".into(), 1)]);
    for receipt in kept.silent.lock().unwrap().drain(..) {
        receipt.deliver(Ok(Delivered::default()));
    }
    assert_eq!(outlet.unanswered(), []);
}

#[test]
fn a_prefix_stands_before_the_topics_as_they_were_declared() {
    let binding = Binding::new(publish("orders").reply_to("answers"));

    binding.prefix("eu.");
    binding.prefix("eu.test.");

    assert_eq!(&**binding.target().topic(), "eu.test.orders");
    assert_eq!(binding.target().answers().map(|it| &**it), Some("eu.test.answers"));
}

#[tokio::test]
async fn a_record_tells_which_of_two_publishers_of_one_topic_sent_it() {
    let kept = Arc::new(Kept::default());
    let outlet = Arc::new(Outlet::new(kept.clone()));
    let of = || {
        let binding = Binding::new(publish("t"));
        binding.bind(outlet.clone());
        binding.publisher::<()>()
    };
    let (one, other, anybody) = (of(), of(), Publisher::through(outlet.clone()));

    one.send("x").await.unwrap();
    one.clone().send_all(["x", "y"]).await.unwrap();
    other.delete("key").await.unwrap();
    anybody.send(ProducerRecord::new("t")).await.unwrap();

    let records = kept.take();
    let are_from = |it: &Publisher<()>| records.iter().map(|record| record.is_from(it)).collect();
    let (from_one, from_other): (Vec<_>, Vec<_>) = (are_from(&one), are_from(&other));
    assert_eq!(from_one, [true, true, true, false, false]);
    assert_eq!(from_other, [false, false, false, true, false]);
    assert!(!records[4].is_from(&anybody) && records[4].publisher().is_none());
}
