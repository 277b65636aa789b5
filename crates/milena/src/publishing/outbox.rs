use milena_core::{
    error::Error,
    reply::ProducerRecord,
    transport::{BoxFuture, Delivered, Full, Producer, Receipt},
};
use std::{cell::RefCell, future::poll_fn, mem, pin::pin, ptr, sync::Arc, time::Duration};

thread_local! {
    /// The outbox that is open while this thread polls a call, and what was put into it.
    static OPEN: RefCell<Option<(Outbox, Vec<ProducerRecord>)>> = const { RefCell::new(None) };
}

/// Keeps what is published during a call, instead of publishing it: a call whose results become part of a
/// transaction publishes nothing by itself, and one that fails has published nothing.
///
/// An outbox is that of a cluster. What is published to other clusters, or by tasks that the call has spawned, does not
/// go into it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Outbox(usize);

impl Outbox {
    /// The outbox of the cluster that `producer` publishes to, and a producer that puts records into it while it is open.
    pub(crate) fn before(producer: Arc<dyn Producer>) -> (Self, Arc<dyn Producer>) {
        let collected: Arc<dyn Producer> = Arc::new(Collected(producer));
        // It is called by the place of what puts records into it.
        (Self(Arc::as_ptr(&collected).addr()), collected)
    }

    /// Whether this is the producer that puts records into it, with no layers around it.
    pub(crate) fn is_behind(self, producer: &Arc<dyn Producer>) -> bool {
        Arc::as_ptr(producer).addr() == self.0
    }

    /// What `publish` does, and what was put into the outbox meanwhile.
    pub(crate) fn collect<T>(self, publish: impl FnOnce() -> T) -> (T, Vec<ProducerRecord>) {
        let mut records = Vec::new();
        let done = open(Some(self), &mut records, publish);
        (done, records)
    }

    /// The call, and what was put into the outbox while it was polled.
    pub(crate) async fn collecting<F: Future>(self, call: F) -> (F::Output, Vec<ProducerRecord>) {
        let (mut call, mut records) = (pin!(call), Vec::new());
        let output = poll_fn(|cx| open(Some(self), &mut records, || call.as_mut().poll(cx))).await;
        (output, records)
    }
}

/// The same, with no outbox open: what it publishes is published.
pub(crate) async fn outside<F: Future>(call: F) -> F::Output {
    let mut call = pin!(call);
    poll_fn(|cx| open(None, &mut Vec::new(), || call.as_mut().poll(cx))).await
}

/// Runs `poll` with this outbox open, into which `records` were put before.
fn open<T>(
    outbox: Option<Outbox>,
    records: &mut Vec<ProducerRecord>,
    poll: impl FnOnce() -> T,
) -> T {
    /// Closes it, also when the call panics, and opens the one before.
    struct Closing<'a>(Option<(Outbox, Vec<ProducerRecord>)>, &'a mut Vec<ProducerRecord>);
    impl Drop for Closing<'_> {
        fn drop(&mut self) {
            let put = OPEN.replace(self.0.take());
            *self.1 = put.map_or_else(Vec::new, |(_, records)| records);
        }
    }
    let opened = outbox.map(|outbox| (outbox, mem::take(records)));
    let _closing = Closing(OPEN.replace(opened), records);
    poll()
}

/// A producer whose records go into an outbox while it is open.
struct Collected(Arc<dyn Producer>);

impl Producer for Collected {
    fn enqueue(&self, mut record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        let left = OPEN.with_borrow_mut(|open| match open {
            Some((outbox, records)) if outbox.0 == ptr::from_ref(self).addr() => {
                record.layered = true;
                records.push(record);
                None
            }
            _ => Some(record),
        });
        match left {
            Some(record) => self.0.enqueue(record, receipt),
            None => {
                // Where it will be is not known before its transaction.
                receipt.deliver(Ok(Delivered { partition: -1, offset: -1 }));
                Ok(())
            }
        }
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        self.0.room()
    }

    fn flush(&self, within: Duration) -> BoxFuture<'_, usize> {
        self.0.flush(within)
    }

    fn partitions(&self, topic: Arc<str>) -> BoxFuture<'_, Result<i32, Error>> {
        self.0.partitions(topic)
    }

    fn reach(&self, within: Duration) -> BoxFuture<'_, Result<(), Error>> {
        self.0.reach(within)
    }

    fn failed(&self) -> BoxFuture<'_, Error> {
        self.0.failed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use milena_core::reply::Publisher;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Published(Mutex<Vec<Arc<str>>>);

    impl Producer for Published {
        fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
            self.0.lock().expect("nobody panicked").push(record.topic);
            receipt.deliver(Ok(Delivered::default()));
            Ok(())
        }

        fn room(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }

        fn flush(&self, _: Duration) -> BoxFuture<'_, usize> {
            Box::pin(std::future::ready(0))
        }

        fn partitions(&self, _: Arc<str>) -> BoxFuture<'_, Result<i32, Error>> {
            Box::pin(std::future::ready(Ok(1)))
        }
    }

    fn outbox() -> (Arc<Published>, Outbox, Publisher) {
        let published = Arc::<Published>::default();
        let (outbox, producer) = Outbox::before(published.clone());
        (published, outbox, Publisher::new(producer))
    }

    fn topics(records: &[ProducerRecord]) -> Vec<&str> {
        records.iter().map(|record| &*record.topic).collect()
    }

    #[tokio::test]
    async fn what_a_call_publishes_is_kept_and_what_others_publish_is_published() {
        let (published, outbox, publisher) = outbox();

        publisher.publish("before", "a").await.expect("it is published");
        let (result, kept) = outbox
            .collecting(async {
                publisher.publish("kept", "a").await?;
                tokio::task::yield_now().await;
                publisher.publish("kept too", "a").await
            })
            .await;

        assert!(result.is_ok());
        assert_eq!(topics(&kept), ["kept", "kept too"]);
        assert_eq!(*published.0.lock().expect("nobody panicked"), ["before".into()]);
    }

    #[tokio::test]
    async fn what_goes_to_another_cluster_or_outside_is_published() {
        let (published, outbox, publisher) = outbox();
        let (elsewhere, _, other) = self::outbox();

        let ((), kept) = outbox
            .collecting(async {
                other.publish("elsewhere", "a").await.expect("it is published");
                outside(publisher.publish("outside", "a")).await.expect("it is published");
            })
            .await;

        assert!(kept.is_empty());
        assert_eq!(*elsewhere.0.lock().expect("nobody panicked"), ["elsewhere".into()]);
        assert_eq!(*published.0.lock().expect("nobody panicked"), ["outside".into()]);
    }

    #[tokio::test]
    async fn a_panic_closes_it() {
        let (published, outbox, publisher) = outbox();

        let panicked = tokio::spawn(outbox.collecting(async { panic!("oh") })).await;
        publisher.publish("behind", "a").await.expect("it is published");

        assert!(panicked.is_err());
        assert_eq!(*published.0.lock().expect("nobody panicked"), ["behind".into()]);
    }
}
