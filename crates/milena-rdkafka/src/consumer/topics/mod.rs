//! Which topics there are, of those that are to be read.

mod ids;
mod matching;
mod topic;

pub(super) use self::ids::{CreatedAgain, Ids};

use self::{
    matching::{Matching, Sizes},
    topic::Topic,
};
use super::{Settings, errands::Errands, mailbox::Mailbox, trouble::Verdict};
use crate::native::Client;
use milena_core::{record::TopicPartition, transport::Selection};
use rdkafka::{error::RDKafkaErrorCode as Code, metadata::MetadataTopic};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Asks the broker which topics exist, which librdkafka does not always say, and which match.
pub(super) struct Topics {
    named: Vec<Topic>,
    matching: Matching,
    /// The partitions that were named.
    places: Vec<TopicPartition>,
    /// How many partitions the topics have that are read.
    counts: BTreeMap<Arc<str>, i32>,
    /// How many partitions a topic had when it was first seen: 0 if it was not there. More have come
    /// while this consumer was running.
    first: HashMap<Arc<str>, i32>,
    /// How often everything is looked at that can change by itself.
    interval: Duration,
    next: Instant,
    /// The number of the selection, which answers must be about.
    selected: u64,
    /// The selection that the last answer was about.
    answered: u64,
    asking: bool,
    errands: Errands<Answer>,
}

/// What the broker said of the topics that were named, and of all if that was asked.
struct Answer {
    selected: u64,
    named: Vec<Result<i32, Code>>,
    all: Option<Result<Sizes, Code>>,
}

impl Topics {
    pub(super) fn new(settings: &Settings, client: &Arc<Client>, mailbox: &Arc<Mailbox>) -> Self {
        let mut topics = Self {
            named: Vec::new(),
            matching: Matching::new(settings.reads_internal),
            places: Vec::new(),
            counts: BTreeMap::new(),
            first: HashMap::new(),
            interval: settings.refresh_interval,
            next: Instant::now(),
            selected: 0,
            answered: 0,
            asking: false,
            errands: Errands::new("kafka-topics", client, mailbox),
        };
        topics.select(&settings.selection);
        topics
    }

    /// Looks at these from now on.
    pub(super) fn select(&mut self, selection: &Selection) {
        let before: HashMap<_, _> =
            self.named.drain(..).map(|topic| (topic.name.clone(), topic)).collect();
        match selection {
            Selection::Topics { names, patterns } => {
                let names: BTreeSet<_> = names.iter().cloned().collect();
                self.named = names.into_iter().map(|name| Topic::new(name, None)).collect();
                self.matching.select(patterns);
            }
            Selection::Partitions(places) => {
                self.named = highest(places)
                    .into_iter()
                    .map(|(name, highest)| Topic::new(name, Some(highest)))
                    .collect();
                self.places = places.clone();
            }
        }
        for topic in &mut self.named {
            if let Some(before) = before.get(&topic.name) {
                topic.take_over(before);
            }
        }
        self.selected += 1;
        self.asking = false;
        self.counts.retain(|name, _| selection.takes(name));
        self.first.retain(|name, _| selection.takes(name));
        self.next = Instant::now();
    }

    /// Something may have changed.
    pub(super) fn look_soon(&mut self) {
        self.next = self.next.min(Instant::now() + SOON);
    }

    /// The names of the topics that are to be read.
    pub(super) fn names(&self) -> BTreeSet<Arc<str>> {
        let named = self.named.iter().map(|topic| topic.name.clone());
        named.chain(self.matching.names().cloned()).collect()
    }

    /// The partitions that are to be read: those that were named, or all that there are.
    pub(super) fn places(&self) -> HashSet<TopicPartition> {
        let of = |(name, count): (&Arc<str>, &i32)| {
            let name = name.clone();
            (0..*count).map(move |partition| TopicPartition::new(name.clone(), partition))
        };
        if self.places.is_empty() {
            self.counts.iter().flat_map(of).collect()
        } else {
            self.places.iter().cloned().collect()
        }
    }

    /// Whether the broker was asked about the topics that are selected now.
    pub(super) fn is_answered(&self) -> bool {
        self.answered == self.selected || !self.asks()
    }

    /// Whether the partition appeared while this consumer was running.
    pub(super) fn is_new(&self, place: &TopicPartition) -> bool {
        self.first.get(&place.topic).is_some_and(|first| place.partition >= *first)
    }

    /// Asks if it is time to, and says what follows from the last answer, if one came.
    pub(super) fn look(&mut self, now: Instant) -> Option<Vec<Verdict>> {
        let answers = self.errands.take();
        let current = answers.into_iter().find(|answer| answer.selected == self.selected);
        let verdicts = current.map(|answer| self.learn(answer, now));
        if now >= self.next && !self.asking && self.asks() {
            self.ask();
            self.next = now + SOON;
        }
        verdicts
    }

    /// Whether there is something to ask about.
    fn asks(&self) -> bool {
        !self.named.is_empty() || !self.matching.is_empty()
    }

    fn ask(&mut self) {
        let names: Vec<_> = self.named.iter().map(|topic| topic.name.clone()).collect();
        let (selected, lists) = (self.selected, !self.matching.is_empty());
        self.asking = self.errands.send(move |client| Answer {
            selected,
            named: names.iter().map(|name| count(client, name)).collect(),
            all: lists.then(|| all(client)),
        });
    }

    fn learn(&mut self, answer: Answer, now: Instant) -> Vec<Verdict> {
        self.asking = false;
        self.answered = answer.selected;
        let mut verdicts = Vec::new();
        for (topic, count) in self.named.iter_mut().zip(answer.named) {
            verdicts.extend(topic.learn(count, now));
            if let Ok(count) = count {
                self.first.entry(topic.name.clone()).or_insert(count);
                self.counts.insert(topic.name.clone(), count);
            } else if topic.is_missing() {
                self.first.insert(topic.name.clone(), 0);
                self.counts.remove(&topic.name);
            }
        }
        if let Some(Ok(all)) = answer.all {
            self.learn_all(all);
        }
        let settled = self.named.iter().all(Topic::is_settled) && self.matching.is_listed();
        self.next = now + if settled { self.interval } else { SOON };
        verdicts
    }

    fn learn_all(&mut self, all: Sizes) {
        let was_listed = self.matching.is_listed();
        let (matched, gone) = self.matching.learn(all);
        for name in gone {
            self.first.insert(name.clone(), 0);
            self.counts.remove(&name);
        }
        for (name, count) in matched {
            self.first.entry(name.clone()).or_insert(if was_listed { 0 } else { count });
            self.counts.insert(name, count);
        }
    }
}

/// Of each topic the partition with the highest number.
fn highest(places: &[TopicPartition]) -> BTreeMap<Arc<str>, i32> {
    let mut highest = BTreeMap::new();
    for place in places {
        let of = highest.entry(place.topic.clone()).or_insert(place.partition);
        *of = place.partition.max(*of);
    }
    highest
}

/// How many partitions the topic has.
fn count(client: &Client, name: &str) -> Result<i32, Code> {
    let metadata = client.metadata(Some(name), ANSWER_WITHIN)?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
    match topic.map(|topic| (topic, topic.error())) {
        Some((_, Some(error))) => Err(error.into()),
        Some((topic, None)) => Ok(partitions(topic)),
        None => Err(Code::UnknownTopicOrPartition),
    }
}

/// All topics there are.
fn all(client: &Client) -> Result<Sizes, Code> {
    let metadata = client.metadata(None, ANSWER_WITHIN)?;
    let whole = metadata.topics().iter().filter(|topic| topic.error().is_none());
    Ok(whole.map(|topic| (topic.name().into(), partitions(topic))).collect())
}

fn partitions(topic: &MetadataTopic) -> i32 {
    i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX)
}
