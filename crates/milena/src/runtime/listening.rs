use super::{Counters, Note, conductor::Conductor};
use crate::{
    control::{Ask, Control, Incident, News, not_assigned},
    listener::{Listen, Moment, Reach, Rebalance, SeekTo, resolve},
};
use futures_util::FutureExt;
use milena_core::{
    error::{BoxError, Error, ErrorKind},
    record::{Epoch, TopicPartition},
    transport::{BoxFuture, Lookup, Selection, StartAt},
};
use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Instant, timeout},
};

/// What listeners are to be told, one call after the other.
#[derive(Default)]
pub(super) struct Listening {
    waiting: VecDeque<Call>,
    current: Option<Call>,
    last: u64,
    /// Whether the first assignment was told of.
    joined: bool,
}

/// Something that listeners are told.
#[derive(Clone)]
pub(super) struct Call {
    /// Its number, by which it is known when it has been heard.
    id: u64,
    pub(super) moment: Moment,
    pub(super) places: Vec<(TopicPartition, Epoch)>,
    pub(super) wishes: Arc<Mutex<Wishes>>,
    within: Duration,
    since: Instant,
}

/// What listeners want of an assignment.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) starts: HashMap<TopicPartition, i64>,
    pub(super) paused: Vec<TopicPartition>,
}

impl Conductor {
    /// Whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        self.options.listeners.iter().next().is_some()
            || self.subscriptions.iter().any(|(_, it)| it.listener.is_some())
    }

    /// Tells of an assignment; at the first one, a revoke of nothing before it.
    pub(super) fn tell_assigned(&mut self, assigned: Vec<(TopicPartition, Epoch)>) {
        if !std::mem::replace(&mut self.listening.joined, true) {
            self.tell(Moment::Revoked, Vec::new(), self.options.listener_timeout);
        }
        self.tell(Moment::Assigned, assigned, self.options.listener_timeout);
    }

    /// Tells listeners, when they have heard what came before; gives the number of the call.
    pub(super) fn tell(
        &mut self,
        moment: Moment,
        places: Vec<(TopicPartition, Epoch)>,
        within: Duration,
    ) -> u64 {
        self.listening.last += 1;
        let (id, wishes, since) = (self.listening.last, Arc::default(), Instant::now());
        self.listening.waiting.push_back(Call { id, moment, places, wishes, within, since });
        self.speak();
        id
    }

    /// A call was heard.
    pub(super) fn heard(&mut self, id: u64) {
        let Some(call) = self.listening.current.take_if(|call| call.id == id) else { return };
        if call.moment == Moment::Assigned {
            self.meter_rebalance("assigned", call.since);
            self.open(&call);
        }
        self.drains.heard(id);
        self.speak();
    }

    /// Begins to read what was assigned, as the listeners want it.
    fn open(&mut self, call: &Call) {
        let wishes = std::mem::take(&mut *lock(&call.wishes));
        let mut starts = Vec::with_capacity(call.places.len());
        for (place, epoch) in &call.places {
            if self.partition(place, *epoch).is_none() {
                continue;
            }
            let start = wishes.starts.get(place).copied();
            if let (Some(start), Some(partition)) = (start, self.partition(place, *epoch)) {
                partition.offsets.moved(start);
            }
            starts.push((place.clone(), start));
        }
        self.begin(starts);
        for place in &wishes.paused {
            self.pause_partition(place, true);
        }
    }

    /// Begins the next call.
    fn speak(&mut self) {
        if self.listening.current.is_some() {
            return;
        }
        let Some(call) = self.listening.waiting.pop_front() else { return };
        let reach = Arc::new(Reaching {
            moment: call.moment,
            lookup: self.consumer.lookup(),
            control: self.control.clone(),
            start: self.options.start(),
            done: call.places.iter().map(|(at, _)| (at.clone(), self.done(at))).collect(),
            wishes: call.wishes.clone(),
        });
        let telling = Telling {
            id: call.id,
            moment: call.moment,
            within: call.within,
            calls: self.audience(&call, &(reach as Arc<dyn Reach>)),
            group: self.group.clone(),
            news: self.news.clone(),
            counters: self.counters.clone(),
            note: self.note.clone(),
        };
        self.listening.current = Some(call);
        self.tasks.spawn(telling.tell());
    }

    /// Who hears a call, each with what it is told.
    fn audience(&self, call: &Call, reach: &Arc<dyn Reach>) -> Vec<(Arc<dyn Listen>, Rebalance)> {
        let all: Vec<_> = call.places.iter().map(|(at, _)| at.clone()).collect();
        let rebalance = |places| Rebalance::new(places, reach.clone());
        let of_router = self.options.listeners.iter();
        let mut calls: Vec<_> =
            of_router.map(|listener| (listener.clone(), rebalance(all.clone()))).collect();
        for (selection, subscription) in self.subscriptions.iter() {
            let Some(listener) = &subscription.listener else { continue };
            let heard: Vec<_> = all.iter().filter(|at| concerns(selection, at)).cloned().collect();
            if all.is_empty() || !heard.is_empty() {
                calls.push((listener.clone(), rebalance(heard)));
            }
        }
        calls
    }

    fn done(&mut self, at: &TopicPartition) -> Option<i64> {
        self.partitions.get_mut(at)?.offsets.committable()
    }
}

fn concerns(selection: &Selection, at: &TopicPartition) -> bool {
    match selection {
        Selection::Partitions(partitions) => partitions.contains(at),
        topics @ Selection::Topics { .. } => topics.takes(&at.topic),
    }
}

/// A call of listeners, with all that it needs.
struct Telling {
    id: u64,
    moment: Moment,
    within: Duration,
    calls: Vec<(Arc<dyn Listen>, Rebalance)>,
    group: Arc<str>,
    news: News,
    counters: Arc<Counters>,
    note: UnboundedSender<Note>,
}

impl Telling {
    async fn tell(self) {
        for (listener, rebalance) in &self.calls {
            let hear = AssertUnwindSafe(listener.hear(self.moment, rebalance.clone()));
            match timeout(self.within, hear.catch_unwind()).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => self.failed(&error),
                Ok(Err(_)) => self.failed(&"it panicked".into()),
                Err(_) => {
                    self.failed(&format!("it took longer than {:?}", self.within).into());
                }
            }
        }
        // Nobody listens any more only when the group has ended.
        let _ = self.note.send(Note::Heard(self.id));
    }

    fn failed(&self, error: &BoxError) {
        let method = self.moment.method();
        self.counters.listener_failures.add(1);
        tracing::error!(group = %self.group, method, %error, "a rebalance listener failed; the rebalance goes on");
        self.news.tell(Incident::Listener { method, error: error.to_string() });
    }
}

/// What a listener reaches during a call.
struct Reaching {
    moment: Moment,
    lookup: Arc<dyn Lookup>,
    control: Control,
    start: StartAt,
    /// What was done when the call began.
    done: HashMap<TopicPartition, Option<i64>>,
    wishes: Arc<Mutex<Wishes>>,
}

impl Reaching {
    fn check(&self, verb: &str, at: &TopicPartition) -> Result<(), Error> {
        if self.moment == Moment::Assigned { Ok(()) } else { Err(not_assigned(verb, at)) }
    }

    /// Where a partition begins for which nothing is committed.
    async fn begin(&self, at: &TopicPartition) -> Result<i64, Error> {
        let to = match &self.start {
            StartAt::Latest => SeekTo::End,
            StartAt::Time(millis) => SeekTo::Time(*millis),
            StartAt::Ago(time) => SeekTo::Time(now() - millis(*time)),
            StartAt::Offsets(offsets) => {
                let named = offsets.iter().find(|(named, _)| named == at);
                named.map_or(SeekTo::Beginning, |(_, offset)| SeekTo::Offset(*offset))
            }
            _ => SeekTo::Beginning,
        };
        resolve(&*self.lookup, at, to).await
    }
}

impl Reach for Reaching {
    fn seek(&self, at: TopicPartition, to: SeekTo) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.check("seek", &at)?;
            let offset = resolve(&*self.lookup, &at, to).await?;
            lock(&self.wishes).starts.insert(at, offset);
            Ok(())
        })
    }

    fn position(&self, at: TopicPartition) -> BoxFuture<'_, Result<i64, Error>> {
        Box::pin(async move {
            let wished = lock(&self.wishes).starts.get(&at).copied();
            let done = self.done.get(&at).copied().flatten();
            match wished.or(done) {
                Some(offset) => Ok(offset),
                None => match self.committed(at.clone()).await? {
                    Some(offset) => Ok(offset),
                    None => self.begin(&at).await,
                },
            }
        })
    }

    fn committed(&self, at: TopicPartition) -> BoxFuture<'_, Result<Option<i64>, Error>> {
        Box::pin(
            async move { Ok(self.lookup.committed(vec![at]).await?.into_iter().next().flatten()) },
        )
    }

    fn pause(&self, at: TopicPartition) -> Result<(), Error> {
        self.check("pause", &at)?;
        lock(&self.wishes).paused.push(at);
        Ok(())
    }

    fn commit(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            if self.moment == Moment::Lost {
                let message = "could not commit: the partitions are lost, and others may have them";
                return Err(Error::new(ErrorKind::Fenced, message));
            }
            self.control.ask(|reply| Ask::Commit(None, reply)).await?
        })
    }
}

fn lock(wishes: &Mutex<Wishes>) -> MutexGuard<'_, Wishes> {
    wishes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
