use super::{
    Subscription, Work,
    once::{self, Output},
    settle::{self, Item},
};
use crate::{
    planted::{Bug, planted},
    publishing::Outbox,
    route::is_topic_name,
};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::{Delivered, Receipt, Receive},
};
use std::{
    mem::take,
    ops::ControlFlow,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering::AcqRel},
    },
};

/// Hands the replies of a call to the producer, waiting for room but not for the broker. The records
/// of the call are held until all replies are acknowledged. Broken off when their partition has ended.
pub(crate) async fn publish(items: &[Item], replies: Vec<ProducerRecord>) -> ControlFlow<()> {
    if replies.is_empty() {
        return ControlFlow::Continue(());
    }
    match items {
        [] => ControlFlow::Continue(()),
        [item] => {
            let one = One { work: &item.work, index: item.index };
            hand_over_all(&item.work, replies, &one).await
        }
        [first, ..] => {
            let together = Together::new(items);
            let flow = hand_over_all(&first.work, replies, &together).await;
            together.answered();
            flow
        }
    }
}

/// The same for one record, as far as it goes without waiting: what does not fit comes back.
pub(crate) fn publish_now(
    work: &Arc<Work>,
    index: u32,
    replies: Vec<ProducerRecord>,
) -> Vec<ProducerRecord> {
    let mut replies = replies.into_iter();
    while let Some(reply) = replies.next() {
        if let Err(blocked) = hand_over(work, reply, &One { work, index }) {
            return std::iter::once(blocked.record).chain(replies).collect();
        }
    }
    Vec::new()
}

/// Hands over one record, waiting for room. Broken off when the partition has ended.
pub(crate) async fn hand_over_one(
    work: &Work,
    mut record: ProducerRecord,
    waiter: &impl Waiter,
) -> ControlFlow<()> {
    while let Err(blocked) = hand_over(work, record, waiter) {
        tokio::select! {
            biased;
            () = work.assignment.ended() => return ControlFlow::Break(()),
            () = blocked.by.room(work) => record = blocked.record,
        }
    }
    ControlFlow::Continue(())
}

/// Who waits for the broker to have a record.
pub(crate) trait Waiter: Sync {
    /// A receipt for a record of so many bytes, which gives its place in the budget back; and whether the
    /// record is an answer.
    fn receipt(&self, bytes: usize, is_answer: bool) -> Receipt;

    /// Keeps what is to be published in a transaction.
    fn keep(&self, output: Output);

    /// Whether what it waits for is a dead letter.
    fn is_dead_letter(&self) -> bool {
        false
    }

    /// The last receipt was taken back: its record was not handed over.
    fn withdrawn(&self);
}

async fn hand_over_all(
    work: &Work,
    records: Vec<ProducerRecord>,
    waiter: &impl Waiter,
) -> ControlFlow<()> {
    for record in records {
        hand_over_one(work, record, waiter).await?;
    }
    ControlFlow::Continue(())
}

fn hand_over(
    work: &Work,
    record: ProducerRecord,
    waiter: &impl Waiter,
) -> Result<(), Box<Blocked>> {
    let (is_answer, subscription) = (record.answer, &work.subscription);
    let is_refused = is_answer && !is_topic_name(&record.topic);
    // What is kept has a bound of its own: a record that is to be done first must not wait for those behind it.
    if let Some(outbox) = subscription.outbox.filter(|_| !is_refused) {
        keep(outbox, work, record, waiter);
        return Ok(());
    }
    let bytes = record.bytes();
    if !subscription.budget.take(bytes) {
        return Err(Box::new(Blocked { record, by: Bound::Budget }));
    }
    let receipt = waiter.receipt(bytes, is_answer);
    if is_refused {
        receipt.deliver(Err(no_topic(&record.topic)));
        return Ok(());
    }
    let (receipt, early) = split(receipt, waiter.is_dead_letter());
    let taken = subscription.producer.enqueue(record, receipt);
    early.into_iter().for_each(|early| match &taken {
        Ok(()) => early.deliver(Ok(Delivered::default())),
        Err(_) => early.cancel(),
    });
    taken.map_err(|full| {
        full.receipt.cancel();
        waiter.withdrawn();
        subscription.budget.give(bytes);
        Box::new(Blocked { record: full.record, by: Bound::Producer })
    })
}

/// The receipt that goes with a record, and one that comes back before the broker has answered.
fn split(receipt: Receipt, is_dead_letter: bool) -> (Receipt, Option<Receipt>) {
    /// Does not care.
    struct Nobody;
    impl Receive for Nobody {
        fn receive(&self, _: u64, _: Result<Delivered, Error>) {}
    }
    let early = match is_dead_letter {
        true => planted(Bug::SettleUnwrittenDeadLetter),
        false => planted(Bug::SettleUnwrittenReply),
    };
    if early { (Receipt::new(Arc::new(Nobody), 0), Some(receipt)) } else { (receipt, None) }
}

/// Keeps the record, as its layers leave it, for a transaction.
fn keep(outbox: Outbox, work: &Work, record: ProducerRecord, waiter: &impl Waiter) {
    let Subscription { producer, budget, .. } = &*work.subscription;
    let is_dead_letter = waiter.is_dead_letter();
    let keep = |record| waiter.keep(Output::new(record, is_dead_letter, budget));
    // Nobody has to be told how a reply came here.
    if !is_dead_letter && (record.layered || outbox.is_behind(producer)) {
        return keep(record);
    }
    let bytes = record.bytes();
    budget.overdraw(bytes);
    let receipt = waiter.receipt(bytes, record.answer);
    let (refused, records) = outbox.collect(|| producer.enqueue(record, receipt).err());
    // An outbox is never full; one that is not there any more gives the record up, and its receipt says so.
    drop(refused);
    records.into_iter().for_each(keep);
}

fn no_topic(name: &str) -> Error {
    let message = format!("could not publish to topic `{name}`: no topic can be called so");
    Error::new(ErrorKind::Publish, message)
}

/// A record with replies of its own.
pub(super) struct One<'a> {
    pub(super) work: &'a Arc<Work>,
    pub(super) index: u32,
}

impl Waiter for One<'_> {
    fn receipt(&self, bytes: usize, is_answer: bool) -> Receipt {
        self.work.receipt(self.index, bytes, is_answer)
    }

    fn keep(&self, output: Output) {
        self.work.outputs.keep(self.index, output);
    }

    fn withdrawn(&self) {
        self.work.release(self.index);
        self.work.assignment.idle();
    }
}

/// A record for which there was no room.
struct Blocked {
    record: ProducerRecord,
    by: Bound,
}

/// What has no room.
enum Bound {
    Budget,
    Producer,
}

impl Bound {
    async fn room(&self, work: &Work) {
        match self {
            Self::Budget => work.subscription.budget.room().await,
            Self::Producer => work.subscription.producer.room().await,
        }
    }
}

/// The records of a batch, which are held until all replies of the batch are acknowledged.
struct Together {
    items: Vec<Item>,
    /// The replies that are out, and the call itself until it has handed over all.
    out: AtomicUsize,
    failed: OnceLock<String>,
    kept: Mutex<Vec<Output>>,
}

impl Together {
    fn new(items: &[Item]) -> Arc<Self> {
        for item in items {
            item.work.hold(item.index);
            item.work.assignment.begin();
        }
        Arc::new(Self {
            items: items.to_vec(),
            out: AtomicUsize::new(1),
            failed: OnceLock::new(),
            kept: Mutex::default(),
        })
    }

    fn answered(&self) {
        if self.out.fetch_sub(1, AcqRel) > 1 {
            return;
        }
        let kept = take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        if self.failed.get().is_none() && !kept.is_empty() {
            once::Together::keep(&self.items, kept);
        }
        for Item { work, index } in &self.items {
            match self.failed.get() {
                None => work.release(*index),
                Some(why) => {
                    settle::late_failure(work, *index, Error::new(ErrorKind::Publish, why.clone()));
                }
            }
            work.assignment.idle();
        }
    }
}

impl Waiter for Arc<Together> {
    fn receipt(&self, bytes: usize, _is_answer: bool) -> Receipt {
        self.out.fetch_add(1, AcqRel);
        Receipt::new(self.clone(), bytes as u64)
    }

    fn keep(&self, output: Output) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(output);
    }

    fn withdrawn(&self) {
        self.answered();
    }
}

impl Receive for Together {
    fn receive(&self, token: u64, result: Result<Delivered, Error>) {
        if let Some(item) = self.items.first() {
            item.work.subscription.budget.give(token as usize);
        }
        if let Err(error) = result {
            // The first failure speaks for all.
            let _ = self.failed.set(error.to_string());
        }
        self.answered();
    }
}
