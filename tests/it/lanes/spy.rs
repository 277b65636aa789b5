use super::history::{At, History, What};
use milena::{
    Error,
    record::TopicPartition,
    transport::{
        BoxFuture, Consumer, Creation, Event, Lookup, Membership, NewTopic, Producer, Selection,
        TopicDescription, Transport,
    },
};
use milena_memory::Memory;
use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// The embedded broker, with the commits of a member taken down in the order of its calls.
pub(super) struct Spy(pub(super) Memory, pub(super) History);

impl Transport for Spy {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        Box::pin(async {
            let consumer = self.0.consumer(membership).await?;
            Ok(Box::new(Spied { consumer, history: self.1.clone(), offered: Vec::new() }) as _)
        })
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        self.0.producer()
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>> {
        self.0.create_topics(topics)
    }

    fn describe_topics(
        &self,
        topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>> {
        self.0.describe_topics(topics)
    }
}

struct Spied {
    consumer: Box<dyn Consumer>,
    history: History,
    offered: Vec<(TopicPartition, i64)>,
}

impl Spied {
    fn note(&self, what: What, place: &TopicPartition, offset: i64) {
        self.history.note(what, At(place.topic.clone(), place.partition, offset));
    }
}

impl Consumer for Spied {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let event = ready!(self.consumer.poll_event(cx));
        match &event {
            Event::Committed(result) => {
                let offered = std::mem::take(&mut self.offered);
                for (place, offset) in offered.iter().filter(|_| result.is_ok()) {
                    self.note(What::Committed, place, *offset);
                }
            }
            Event::Assigned(assigned) => {
                assigned.iter().for_each(|(place, _)| self.note(What::Assigned, place, 0));
            }
            _ => {}
        }
        Poll::Ready(event)
    }

    fn assign(&mut self, partitions: Vec<(TopicPartition, Option<i64>)>) {
        self.consumer.assign(partitions);
    }

    fn release(&mut self, partitions: Vec<TopicPartition>) {
        self.consumer.release(partitions);
    }

    fn commit(&mut self, offsets: Vec<(TopicPartition, i64)>) {
        offsets.iter().for_each(|(place, offset)| self.note(What::Offered, place, *offset));
        self.offered.clone_from(&offsets);
        self.consumer.commit(offsets);
    }

    fn seek(&mut self, to: Vec<(TopicPartition, i64)>) {
        self.consumer.seek(to);
    }

    fn select(&mut self, selection: Selection) {
        self.consumer.select(selection);
    }

    fn lookup(&self) -> Arc<dyn Lookup> {
        self.consumer.lookup()
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
