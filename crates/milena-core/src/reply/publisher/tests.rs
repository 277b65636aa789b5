use super::*;
use crate::transport::{BoxFuture, Full, Producer, Receipt};
use std::{
    future::poll_fn,
    pin::pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

/// A producer with room for so many records, whose answers are given by hand.
#[derive(Default)]
struct ByHand(Mutex<Vec<(ProducerRecord, Receipt)>>, usize, Mutex<Vec<Waker>>);

impl ByHand {
    fn with_room(records: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::default(), records, Mutex::default()))
    }

    /// Answers the oldest record.
    fn answer(&self, result: Result<Delivered, Error>) {
        let (_, receipt) = self.0.lock().unwrap().remove(0);
        receipt.deliver(result);
        self.2.lock().unwrap().drain(..).for_each(Waker::wake);
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Producer for Arc<ByHand> {
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        let mut taken = self.0.lock().unwrap();
        if taken.len() == self.1 {
            return Err(Box::new(Full { record, receipt }));
        }
        taken.push((record, receipt));
        Ok(())
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        Box::pin(poll_fn(|cx| {
            if self.count() < self.1 {
                return Poll::Ready(());
            }
            self.2.lock().unwrap().push(cx.waker().clone());
            Poll::Pending
        }))
    }

    fn flush(&self, _within: Duration) -> BoxFuture<'_, usize> {
        Box::pin(async { self.count() })
    }

    fn partitions(&self, topic: Arc<str>) -> BoxFuture<'_, Result<i32, Error>> {
        Box::pin(async move { if &*topic == "t" { Ok(1000) } else { Err(refused(0)) } })
    }
}

fn refused(n: u8) -> Error {
    Error::new(ErrorKind::UnknownTopic, format!("could not publish to topic `{n}`: no such topic"))
}

fn at(offset: i64) -> Delivered {
    Delivered { partition: 0, offset }
}

fn record() -> ProducerRecord {
    ProducerRecord::new("t")
}

fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn what_is_enqueued_waits_for_room_and_not_for_the_answer() {
    let by_hand = ByHand::with_room(1);
    let publisher = Publisher::new(Arc::new(by_hand.clone()));

    let mut first = pin!(publisher.enqueue(record()).await);
    let mut second = pin!(publisher.enqueue(record()));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert_eq!(publisher.flush(Duration::ZERO).await, 1);
    by_hand.answer(Ok(at(7)));

    assert_eq!(first.await.unwrap(), at(7));
    let second = second.await;
    by_hand.answer(Err(refused(1)));
    assert_eq!(second.await.unwrap_err().kind(), ErrorKind::UnknownTopic);
    assert_eq!(publisher.flush(Duration::ZERO).await, 0);
}

#[tokio::test]
async fn what_was_not_taken_when_the_wait_is_over_is_not_published() {
    let by_hand = ByHand::with_room(1);
    let publisher = Publisher::new(Arc::new(by_hand.clone()));
    let first = publisher.enqueue(record()).await;

    let mut second = Box::pin(publisher.enqueue(record()));
    assert!(poll(second.as_mut()).is_pending());
    drop(second);
    by_hand.answer(Ok(at(0)));

    assert_eq!(first.await.unwrap(), at(0));
    assert_eq!(by_hand.count(), 0);
}

#[tokio::test]
async fn all_that_failed_are_listed_and_all_that_did_not() {
    let by_hand = ByHand::with_room(4);
    let publisher = Publisher::new(Arc::new(by_hand.clone()));
    let mut sending = pin!(publisher.send_all(vec![record(); 4]));
    assert!(poll(sending.as_mut()).is_pending());
    for result in [Ok(at(0)), Err(refused(1)), Ok(at(1)), Err(refused(3))] {
        by_hand.answer(result);
    }

    let error = sending.await.unwrap_err();

    let failed: Vec<_> =
        error.failed().iter().map(|(index, error)| (*index, error.kind())).collect();
    assert_eq!(failed, [(1, ErrorKind::UnknownTopic), (3, ErrorKind::UnknownTopic)]);
    assert_eq!(error.delivered(), [(0, at(0)), (2, at(1))]);
    let message = "could not publish 2 of 4 records; record 1: \
                   could not publish to topic `1`: no such topic";
    assert_eq!(error.to_string(), message);
    let error = Error::from(error);
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::UnknownTopic, message.into()));
}

#[tokio::test]
async fn the_error_of_a_single_record_is_that_of_the_record() {
    let by_hand = ByHand::with_room(1);
    let publisher = Publisher::new(Arc::new(by_hand.clone()));
    let mut publishing = pin!(publisher.publish("t", "value"));
    assert!(poll(publishing.as_mut()).is_pending());

    by_hand.answer(Err(refused(0)));

    assert_eq!(publishing.await.unwrap_err().to_string(), refused(0).to_string());
}

#[tokio::test]
async fn nothing_is_sent_of_nothing() {
    let publisher = Publisher::new(Arc::new(ByHand::with_room(0)));

    assert_eq!(publisher.send_all(Vec::<ProducerRecord>::new()).await.unwrap(), []);
    publisher.publish("t", None::<String>).await.unwrap();
}

#[tokio::test]
async fn the_partition_of_a_key_is_that_of_java() {
    let publisher = Publisher::new(Arc::new(ByHand::with_room(0)));

    assert_eq!(publisher.partition_for("t", "abc").await.unwrap(), 107);
    assert_eq!(publisher.partition_for("t", "").await.unwrap(), 681);
    assert_eq!(publisher.partitions("t").await.unwrap(), 1000);
    let unknown = publisher.partition_for("x", "abc").await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::UnknownTopic);
}

mod log {
    use super::*;
    use std::fmt::Debug;
    use tracing::{Event, Metadata, Subscriber, field::Field, field::Visit, span};

    /// Keeps the errors that are logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    impl Visit for Log {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            if field.name() == "error" {
                self.0.lock().unwrap().push(format!("{value:?}"));
            }
        }
    }

    impl Subscriber for Log {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, event: &Event<'_>) {
            event.record(&mut self.clone());
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[tokio::test]
    async fn a_failure_that_nobody_waits_for_is_logged_and_one_that_was_told_is_not() {
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        let by_hand = ByHand::with_room(9);
        let publisher = Publisher::new(Arc::new(by_hand.clone()));

        drop(publisher.enqueue(record()).await);
        by_hand.answer(Err(refused(1)));
        let answered = publisher.enqueue(record()).await;
        by_hand.answer(Err(refused(2)));
        drop(answered);
        let told = publisher.enqueue(record()).await;
        by_hand.answer(Err(refused(3)));
        told.await.unwrap_err();
        drop(publisher.enqueue(record()).await);
        by_hand.answer(Ok(at(0)));
        let full = Publisher::new(Arc::new(ByHand::with_room(0)));
        let mut given_up = Box::pin(full.enqueue(record()));
        assert!(poll(given_up.as_mut()).is_pending());
        drop(given_up);

        let logged = log.0.lock().unwrap().clone();
        assert_eq!(logged, [refused(1).to_string(), refused(2).to_string()]);
    }
}
