use super::Pen;
use crate::What;
use milena_core::{
    error::Error,
    record::TopicPartition,
    transport::{BoxFuture, Consumer, Event, GroupMetadata, Lookup, Selection},
};
use std::{
    collections::VecDeque,
    ops::Range,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// A consumer of which it is recorded what becomes of its partitions and commits.
pub(super) struct RecordedConsumer {
    consumer: Box<dyn Consumer>,
    pen: Pen,
    /// The commits that are not answered.
    sent: VecDeque<Vec<(TopicPartition, i64)>>,
}

impl RecordedConsumer {
    pub(super) fn new(consumer: Box<dyn Consumer>, pen: Pen) -> Self {
        Self { consumer, pen, sent: VecDeque::new() }
    }

    fn note(&mut self, event: &Event) {
        let pen = &self.pen;
        match event {
            Event::Records(chunk) => {
                let records = chunk.records();
                let (first, last) = (records.offset(0), records.offset(records.len() - 1));
                pen.note(What::Read(chunk.place().clone(), chunk.epoch().0, first, last));
            }
            Event::Assigned(partitions) => {
                for (place, epoch) in sorted(partitions, |(place, _)| place) {
                    pen.note(What::Assigned(place, epoch.0));
                }
            }
            Event::Revoked(partitions, _) => {
                sorted(partitions, |it| it).into_iter().for_each(|it| pen.note(What::Revoked(it)));
            }
            Event::Lost(partitions) => {
                sorted(partitions, |it| it).into_iter().for_each(|it| pen.note(What::Lost(it)));
            }
            Event::Moved(place, epoch, to) => pen.note(What::Moved(place.clone(), epoch.0, *to)),
            Event::Committed(result) => self.answered(result),
            _ => {}
        }
    }

    fn answered(&mut self, result: &Result<(), Error>) {
        let Some(sent) = self.sent.pop_front() else { return };
        self.pen.note(match result {
            Ok(()) => What::Committed(sent, None),
            Err(error) => What::NotCommitted(sent, error.to_string()),
        });
    }
}

/// The same in an order that does not change from run to run.
fn sorted<T: Clone>(all: &[T], place: impl Fn(&T) -> &TopicPartition) -> Vec<T> {
    let mut all = all.to_vec();
    all.sort_by(|a, b| {
        let key = |it| (place(it).topic.clone(), place(it).partition);
        key(a).cmp(&key(b))
    });
    all
}

impl Consumer for RecordedConsumer {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let event = ready!(self.consumer.poll_event(cx));
        self.note(&event);
        Poll::Ready(event)
    }

    fn assign(&mut self, partitions: Vec<(TopicPartition, Option<i64>)>) {
        self.consumer.assign(partitions);
    }

    fn release(&mut self, partitions: Vec<TopicPartition>) {
        for place in sorted(&partitions, |it| it) {
            self.pen.note(What::Released(place));
        }
        self.consumer.release(partitions);
    }

    fn commit(&mut self, offsets: Vec<(TopicPartition, i64)>) {
        let told = sorted(&offsets, |(place, _)| place);
        self.pen.note(What::CommitSent(told.clone(), None));
        self.sent.push_back(told);
        self.consumer.commit(offsets);
    }

    fn group_metadata(
        &mut self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'static, Result<GroupMetadata, Error>> {
        self.consumer.group_metadata(partitions)
    }

    fn seek(&mut self, to: Vec<(TopicPartition, i64)>) {
        self.consumer.seek(to);
    }

    fn select(&mut self, selection: Selection) {
        self.consumer.select(selection);
    }

    fn lookup(&self) -> Arc<dyn Lookup> {
        Arc::new(RecordedLookup { lookup: self.consumer.lookup(), pen: self.pen.clone() })
    }

    fn park(&mut self, partition: &TopicPartition) {
        self.consumer.park(partition);
    }

    fn unpark(&mut self, partition: &TopicPartition) {
        self.consumer.unpark(partition);
    }

    fn close(&mut self, within: Duration) {
        self.consumer.close(within);
    }
}

struct RecordedLookup {
    lookup: Arc<dyn Lookup>,
    pen: Pen,
}

impl Lookup for RecordedLookup {
    fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>> {
        Box::pin(async {
            let offsets = self.lookup.committed(partitions.clone()).await?;
            let found = partitions.into_iter().zip(&offsets);
            let found: Vec<_> = found.filter_map(|(place, to)| Some((place, (*to)?))).collect();
            if !found.is_empty() {
                self.pen.note(What::Found(sorted(&found, |(place, _)| place)));
            }
            Ok(offsets)
        })
    }

    fn bounds(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Range<i64>>, Error>> {
        self.lookup.bounds(partitions)
    }

    fn at_time(
        &self,
        times: Vec<(TopicPartition, i64)>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>> {
        self.lookup.at_time(times)
    }
}
