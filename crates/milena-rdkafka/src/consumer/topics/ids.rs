use crate::{
    consumer::{errands::Errands, mailbox::Mailbox},
    native::{Client, TopicId},
};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// How often it is looked whether topics are still the same, and how soon when something was begun.
const EVERY: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_millis(250);
const ANSWER: Duration = Duration::from_secs(5);
/// How long the group may take to give a topic that was created again to its members.
const SETTLED: Duration = Duration::from_secs(60);
/// How long a topic is remembered that is given back, as it is before it is assigned as a new one.
const KEEP: Duration = Duration::from_secs(60);

/// Whether the topics that are read are still those that they were.
///
/// When a topic is deleted and created again, librdkafka goes on at the old offset as soon as the new one has
/// it, and tells nobody. What was written before that would never be read.
pub(in crate::consumer) struct Ids {
    known: HashMap<Arc<str>, Known>,
    created_again: Vec<CreatedAgain>,
    asked: Instant,
    next: Instant,
    asking: bool,
    errands: Errands<Answer>,
}

/// A topic that was created again.
pub(in crate::consumer) struct CreatedAgain {
    pub(in crate::consumer) topic: Arc<str>,
    /// When it was the old one for the last time.
    pub(in crate::consumer) behind: Instant,
    /// The partitions that are read as they should be from then on.
    pub(in crate::consumer) begun: HashSet<i32>,
    seen: Instant,
}

struct Known {
    id: TopicId,
    /// When it had it.
    at: Instant,
    /// When the topic was read.
    read: Instant,
}

/// The topics that were asked about, and their ids, if a broker said so.
type Answer = (BTreeSet<Arc<str>>, Result<Vec<(Arc<str>, TopicId)>, Code>);

impl Ids {
    pub(in crate::consumer) fn new(client: &Arc<Client>, mailbox: &Arc<Mailbox>) -> Self {
        let now = Instant::now();
        Self {
            known: HashMap::new(),
            created_again: Vec::new(),
            asked: now,
            next: now + EVERY,
            asking: false,
            errands: Errands::new("kafka-topic-ids", client, mailbox),
        }
    }

    /// Something was begun, which is to be known as soon as possible to be of the same topic.
    pub(in crate::consumer) fn look_soon(&mut self) {
        self.next = self.next.min(self.asked + SOON);
    }

    /// Asks about the topics that are read if it is time to. Says which were created again a short while ago.
    pub(in crate::consumer) fn look(
        &mut self,
        now: Instant,
        topics: impl FnOnce() -> BTreeSet<Arc<str>>,
    ) -> &mut [CreatedAgain] {
        for (topics, ids) in self.errands.take() {
            self.asking = false;
            self.learn(&topics, ids);
        }
        if now >= self.next && !self.asking {
            self.ask(now, topics());
        }
        self.created_again.retain(|it| now - it.seen < SETTLED);
        &mut self.created_again
    }

    fn ask(&mut self, now: Instant, mut topics: BTreeSet<Arc<str>>) {
        (self.asked, self.next) = (now, now + EVERY);
        for topic in &topics {
            if let Some(known) = self.known.get_mut(topic) {
                known.read = now;
            }
        }
        self.known.retain(|_, known| now - known.read < KEEP);
        topics.extend(self.known.keys().cloned());
        if !topics.is_empty() {
            self.asking = self.errands.send(move |client| {
                let ids = client.topic_ids(&topics, ANSWER);
                (topics, ids)
            });
        }
    }

    fn learn(&mut self, topics: &BTreeSet<Arc<str>>, ids: Result<Vec<(Arc<str>, TopicId)>, Code>) {
        let ids = ids.unwrap_or_else(|code| {
            tracing::debug!(%code, ?topics, "a broker did not say which topics these are");
            Vec::new()
        });
        for (topic, id) in ids {
            let known = Known { id, at: self.asked, read: self.asked };
            match self.known.get_mut(&topic) {
                Some(before) => {
                    if before.id != id {
                        let (behind, begun, seen) = (before.at, HashSet::new(), Instant::now());
                        self.created_again.push(CreatedAgain { topic, behind, begun, seen });
                    }
                    *before = Known { read: before.read, ..known };
                }
                None => drop(self.known.insert(topic, known)),
            }
        }
    }
}
