use crate::Isolated;
use milena_core::{
    error::Error,
    record::{Record, TopicPartition},
    reply::ProducerRecord,
    transport::{
        Consumer, Event, Lookup, Membership, Producer, Selection, StartAt, Transport as _,
    },
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, VecDeque},
    future::poll_fn,
    ops::Range,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Mutex, OnceCell};

/// A real broker has this long for an answer.
const WITHIN: Duration = Duration::from_secs(30);

/// A broker with names of the test's own, and who looks at it for the test.
#[derive(Clone)]
pub(crate) struct Real(Arc<Inner>);

struct Inner {
    isolated: Isolated,
    producer: OnceCell<Arc<dyn Producer>>,
    lookups: Mutex<HashMap<Option<Arc<str>>, Asking>>,
}

/// A consumer that reads nothing and joins no group: it only asks.
struct Asking {
    lookup: Arc<dyn Lookup>,
    /// It lives as long as its lookup is asked.
    _consumer: Box<dyn Consumer>,
}

impl Real {
    pub(crate) fn new(isolated: Isolated) -> Self {
        let (producer, lookups) = (OnceCell::new(), Mutex::default());
        Self(Arc::new(Inner { isolated, producer, lookups }))
    }

    pub(crate) fn isolated(&self) -> &Isolated {
        &self.0.isolated
    }

    /// Waits for what the broker answers, also where nothing can be awaited. Records are handled meanwhile
    /// only by other threads than this one.
    pub(crate) fn blocking<T: Send>(&self, asked: impl Future<Output = T> + Send) -> T {
        let answer = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(asked),
                Err(error) => panic!("could not look at the broker: {error}"),
            }
        };
        let answered = std::thread::scope(|scope| scope.spawn(answer).join());
        answered.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
    }

    pub(crate) async fn produce(&self, records: Vec<ProducerRecord>) -> Result<(), Error> {
        let producer = self.0.producer.get_or_try_init(|| self.0.isolated.producer()).await?;
        producer.send_all(records).await?;
        Ok(())
    }

    pub(crate) async fn partitions(&self, topic: &str) -> i32 {
        let asked = self.0.isolated.describe_topics(vec![topic.into()]);
        let described = answered("describe topics", asked).await;
        described.into_iter().flatten().next().map_or(0, |topic| topic.partitions)
    }

    pub(crate) async fn places(&self, topic: &str) -> Vec<TopicPartition> {
        let partitions = 0..self.partitions(topic).await;
        partitions.map(|partition| TopicPartition::new(topic, partition)).collect()
    }

    pub(crate) async fn bounds(&self, places: &[TopicPartition]) -> Vec<Range<i64>> {
        let Some(first) = places.first() else { return Vec::new() };
        let lookup = self.lookup(None, first).await;
        answered("look up where partitions end", lookup.bounds(places.to_vec())).await
    }

    pub(crate) async fn committed(&self, group: &str, topic: &str) -> i64 {
        let places = self.places(topic).await;
        self.all_committed(Some(group), &places).await.iter().flatten().sum()
    }

    /// How many offsets behind the committed one each partition has; behind the oldest record, where
    /// nothing is committed.
    pub(crate) async fn lags(&self, group: Option<&str>, places: &[TopicPartition]) -> Vec<i64> {
        let bounds = self.bounds(places).await;
        let committed = self.all_committed(group, places).await;
        let lag = |(bounds, committed): (Range<i64>, Option<i64>)| {
            (bounds.end - committed.unwrap_or(bounds.start)).max(0)
        };
        bounds.into_iter().zip(committed).map(lag).collect()
    }

    async fn all_committed(
        &self,
        group: Option<&str>,
        places: &[TopicPartition],
    ) -> Vec<Option<i64>> {
        let Some(first) = places.first() else { return Vec::new() };
        let lookup = self.lookup(group, first).await;
        answered("look up what is committed", lookup.committed(places.to_vec())).await
    }

    async fn lookup(&self, group: Option<&str>, any: &TopicPartition) -> Arc<dyn Lookup> {
        let group: Option<Arc<str>> = group.map(Into::into);
        let mut lookups = self.0.lookups.lock().await;
        if let Some(known) = lookups.get(&group) {
            return known.lookup.clone();
        }
        let consumer = self.consumer(group.clone(), vec![any.clone()]).await;
        let lookup = consumer.lookup();
        lookups.insert(group, Asking { lookup: lookup.clone(), _consumer: consumer });
        lookup
    }

    /// A consumer that names its partitions, so that it disturbs no group.
    async fn consumer(
        &self,
        group: Option<Arc<str>>,
        places: Vec<TopicPartition>,
    ) -> Box<dyn Consumer> {
        let selection = Selection::Partitions(places);
        let named = Membership::new("", [""; 0]);
        let membership = Membership { group, selection, start: StartAt::Earliest, ..named };
        answered("look at the broker", self.0.isolated.consumer(membership)).await
    }

    pub(crate) async fn records(&self, topic: &str) -> Vec<Record> {
        let places = self.places(topic).await;
        let bounds = self.bounds(&places).await;
        let read = places.into_iter().zip(bounds).filter(|(_, bounds)| !bounds.is_empty());
        let ends: Vec<_> = read.map(|(at, bounds)| (at, bounds.end)).collect();
        if ends.is_empty() {
            return Vec::new();
        }
        let places = ends.iter().map(|(at, _)| at.clone()).collect();
        let consumer = self.consumer(None, places).await;
        let read = async { Ok(read_up_to(consumer, ends).await) };
        in_order(answered("read a topic", read).await)
    }
}

/// Reads partitions up to these offsets.
async fn read_up_to(
    mut consumer: Box<dyn Consumer>,
    ends: Vec<(TopicPartition, i64)>,
) -> BTreeMap<i32, VecDeque<Record>> {
    let mut read = BTreeMap::<i32, VecDeque<Record>>::new();
    let mut left: HashMap<_, _> = ends.into_iter().collect();
    while !left.is_empty() {
        match poll_fn(|cx| consumer.poll_event(cx)).await {
            Event::Assigned(all) => {
                consumer.assign(all.into_iter().map(|(at, _)| (at, None)).collect());
            }
            Event::Records(chunk) => {
                let place = chunk.place().clone();
                let next = chunk.records().offset(chunk.len() - 1) + 1;
                let chunk = Arc::new(chunk);
                let records = (0..).take(chunk.len()).map(|i| Record::new(chunk.clone(), i));
                read.entry(place.partition).or_default().extend(records.map(|it| copied(&it)));
                left.retain(|at, end| *at != place || *end > next);
            }
            Event::Position(place, _, next) => {
                left.retain(|at, end| *at != place || *end > next);
            }
            Event::Failed(error) => panic!("could not read a topic: {error}"),
            _ => {}
        }
    }
    read
}

/// Merges partitions, by the time of their records. The order within a partition stays.
fn in_order(mut partitions: BTreeMap<i32, VecDeque<Record>>) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let first = |(partition, records): (&i32, &VecDeque<Record>)| {
            Some(Reverse((records.front()?.timestamp().millis(), *partition)))
        };
        let Some(Reverse((_, partition))) = partitions.iter().filter_map(first).max() else {
            return all;
        };
        all.extend(partitions.get_mut(&partition).and_then(VecDeque::pop_front));
    }
}

use crate::calls::copied;

/// The answer of the broker, which has to come.
async fn answered<T>(what: &str, asked: impl Future<Output = Result<T, Error>>) -> T {
    match tokio::time::timeout(WITHIN, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => panic!("could not {what}: {error}"),
        Err(_) => panic!("could not {what}: the broker did not answer within {WITHIN:?}"),
    }
}
