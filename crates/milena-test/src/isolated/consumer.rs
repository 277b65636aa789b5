use super::{Shared, topics::named};
use milena_core::{
    error::Error,
    record::TopicPartition,
    transport::{BoxFuture, Consumer, Event, Fetch, GroupMetadata, Lookup, Selection},
};
use std::{
    ops::Range,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// A consumer that speaks of plain names only.
pub(super) struct IsolatedConsumer {
    consumer: Box<dyn Consumer>,
    shared: Arc<Shared>,
    /// What is read as soon as its topics exist.
    selecting: Option<(Selection, BoxFuture<'static, Result<(), Error>>)>,
}

impl IsolatedConsumer {
    pub(super) fn new(consumer: Box<dyn Consumer>, shared: Arc<Shared>) -> Self {
        Self { consumer, shared, selecting: None }
    }

    /// Goes on with a selection whose topics were to be created.
    fn poll_selecting(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let Some((selection, topics)) = &mut self.selecting else { return Ok(()) };
        let Poll::Ready(created) = topics.as_mut().poll(cx) else { return Ok(()) };
        self.consumer.select(self.shared.names.selection(selection));
        self.selecting = None;
        created
    }

    fn plain_event(&self, event: Event) -> Event {
        let names = &self.shared.names;
        let plain = |at: &TopicPartition| names.plain_place(at);
        match event {
            Event::Records(chunk) => Event::Records(names.plain_chunk(&chunk)),
            Event::Position(at, epoch, to) => Event::Position(plain(&at), epoch, to),
            Event::Moved(at, epoch, to) => Event::Moved(plain(&at), epoch, to),
            Event::Reset { partition, from, to } => {
                Event::Reset { partition: plain(&partition), from, to }
            }
            Event::Fetches(fetches) => Event::Fetches(
                fetches
                    .into_iter()
                    .map(|fetch| Fetch { partition: plain(&fetch.partition), ..fetch })
                    .collect(),
            ),
            Event::Assigned(partitions) => Event::Assigned(
                partitions.into_iter().map(|(at, epoch)| (plain(&at), epoch)).collect(),
            ),
            Event::Revoked(partitions, within) => {
                Event::Revoked(partitions.iter().map(plain).collect(), within)
            }
            Event::Lost(partitions) => Event::Lost(partitions.iter().map(plain).collect()),
            Event::Committed(Err(error)) => Event::Committed(Err(names.plain_error(error))),
            Event::Trouble(error) => Event::Trouble(names.plain_error(error)),
            Event::Failed(error) => Event::Failed(names.plain_error(error)),
            event => event,
        }
    }
}

impl Consumer for IsolatedConsumer {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Err(error) = self.poll_selecting(cx) {
            return Poll::Ready(Event::Trouble(error));
        }
        let event = ready!(self.consumer.poll_event(cx));
        Poll::Ready(self.plain_event(event))
    }

    fn assign(&mut self, partitions: Vec<(TopicPartition, Option<i64>)>) {
        self.consumer.assign(self.shared.names.full_places(partitions));
    }

    fn release(&mut self, partitions: Vec<TopicPartition>) {
        let names = &self.shared.names;
        self.consumer.release(partitions.iter().map(|at| names.full_place(at)).collect());
    }

    fn commit(&mut self, offsets: Vec<(TopicPartition, i64)>) {
        self.consumer.commit(self.shared.names.full_places(offsets));
    }

    fn group_metadata(
        &mut self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'static, Result<GroupMetadata, Error>> {
        let shared = self.shared.clone();
        let full = partitions.iter().map(|at| shared.names.full_place(at)).collect();
        let metadata = self.consumer.group_metadata(full);
        Box::pin(async move { metadata.await.map_err(|error| shared.names.plain_error(error)) })
    }

    fn seek(&mut self, to: Vec<(TopicPartition, i64)>) {
        self.consumer.seek(self.shared.names.full_places(to));
    }

    fn select(&mut self, selection: Selection) {
        let (shared, topics) = (self.shared.clone(), named(&selection));
        self.selecting = Some((selection, Box::pin(async move { shared.need(topics).await })));
        // Topics that exist need no wait, and who selects may poll no more before it looks at the broker.
        let error = self.poll_selecting(&mut Context::from_waker(std::task::Waker::noop())).err();
        if let Some(error) = error {
            tracing::warn!(%error, "topics that are selected were not created");
        }
    }

    fn lookup(&self) -> Arc<dyn Lookup> {
        Arc::new(IsolatedLookup { lookup: self.consumer.lookup(), shared: self.shared.clone() })
    }

    fn park(&mut self, partition: &TopicPartition) {
        self.consumer.park(&self.shared.names.full_place(partition));
    }

    fn unpark(&mut self, partition: &TopicPartition) {
        self.consumer.unpark(&self.shared.names.full_place(partition));
    }

    fn close(&mut self, within: Duration) {
        self.selecting = None;
        self.consumer.close(within);
    }
}

struct IsolatedLookup {
    lookup: Arc<dyn Lookup>,
    shared: Arc<Shared>,
}

impl IsolatedLookup {
    fn full(&self, partitions: &[TopicPartition]) -> Vec<TopicPartition> {
        partitions.iter().map(|at| self.shared.names.full_place(at)).collect()
    }

    fn plain<'a, T: 'a>(
        &'a self,
        answer: BoxFuture<'a, Result<T, Error>>,
    ) -> BoxFuture<'a, Result<T, Error>> {
        Box::pin(async { answer.await.map_err(|error| self.shared.names.plain_error(error)) })
    }
}

impl Lookup for IsolatedLookup {
    fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>> {
        self.plain(self.lookup.committed(self.full(&partitions)))
    }

    fn bounds(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Range<i64>>, Error>> {
        self.plain(self.lookup.bounds(self.full(&partitions)))
    }

    fn at_time(
        &self,
        times: Vec<(TopicPartition, i64)>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>> {
        self.plain(self.lookup.at_time(self.shared.names.full_places(times)))
    }
}
