use crate::{
    after::{After, Answer},
    assign::Place,
    changed::Watchers,
    faults::Asked,
    group::{Group, GroupId, World},
    member::{Member, Settings},
    terms::Terms,
    topics::Topics,
    transactions::Coordinator,
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    reply::ProducerRecord,
    transport::{Creation, Delivered, Event, Membership, NewTopic, Selection},
};
use std::{collections::BTreeMap, sync::Arc, task::Waker};

/// All that a broker knows, behind one lock.
#[derive(Default)]
pub(crate) struct Broker {
    pub(crate) topics: Topics,
    pub(crate) settings: Settings,
    pub(crate) asked: Asked,
    pub(crate) watchers: Watchers,
    pub(crate) coordinator: Coordinator,
    pub(crate) after: After,
    groups: BTreeMap<GroupId, Group>,
    /// Receipts held back, of each producer.
    held: BTreeMap<u64, Vec<Answer>>,
    /// The last number given to a member or a producer.
    last_id: u64,
    version: u64,
}

impl Broker {
    pub(crate) fn create_topic(&mut self, name: &Arc<str>, partitions: i32) {
        self.topics.create(name, partitions);
        self.touch();
    }

    /// Creates these topics, or none if one of them cannot be as it is described.
    pub(crate) fn create_topics(&mut self, topics: &[NewTopic]) -> Result<Vec<Creation>, Error> {
        for topic in topics {
            let counts = [(topic.partitions, "partitions"), (topic.replication, "replicas")];
            let few = |(count, _): &(Option<i32>, _)| count.is_some_and(|count| count < 1);
            if let Some((count, what)) = counts.into_iter().find(few) {
                let (name, count) = (&topic.name, count.unwrap_or_default());
                let message =
                    format!("could not create topic `{name}`: {count} {what} are too few");
                return Err(Error::new(ErrorKind::Config, message));
            }
        }
        let created = topics.iter().map(|topic| self.topics.create_new(topic)).collect();
        self.touch();
        Ok(created)
    }

    pub(crate) fn add_partitions(&mut self, topic: &Arc<str>, total: i32) {
        self.topics.raise(topic, total);
        self.touch();
    }

    /// Deletes a topic; whether there was one.
    pub(crate) fn delete_topic(&mut self, name: &str) -> bool {
        let deleted = self.topics.delete(name);
        if deleted {
            self.groups.values_mut().for_each(|group| group.forget(name));
            self.asked.forget(name);
        }
        self.touch();
        deleted
    }

    pub(crate) fn skip_offsets(&mut self, topic: &str, partition: i32, offsets: u32) -> bool {
        let log = self.topics.get_mut(topic).and_then(|topic| topic.log_mut(partition));
        let found = log.map(|log| log.skip(offsets)).is_some();
        self.appended(&(topic.into(), partition));
        found
    }

    /// Appends a record, which may be part of the transaction of a producer, or says why not.
    pub(crate) fn write(
        &mut self,
        record: ProducerRecord,
        producer: Option<u64>,
    ) -> Result<Delivered, Error> {
        self.asked.admit(&record)?;
        let topic = record.topic.clone();
        let delivered = self.topics.append(record, producer);
        match &delivered {
            Ok(delivered) => self.appended(&(topic, delivered.partition)),
            Err(_) => self.touch(),
        }
        delivered
    }

    /// Makes a member of the group, unless that cannot be.
    pub(crate) fn join(&mut self, group: &GroupId, membership: Membership) -> Result<u64, Error> {
        let terms = Terms::new(membership)?;
        self.find(&terms.selection)?;
        let member = Member::new(terms, &self.settings);
        let id = self.new_id();
        let joined = self.in_group(group, |group, _| group.join(id, member));
        self.touch();
        joined.map(|()| id)
    }

    /// Has a member read this from now on.
    pub(crate) fn select(&mut self, group: &GroupId, id: u64, selection: Selection) {
        let found = self.find(&selection);
        self.in_group(group, |group, _| match found {
            Ok(()) => group.select(id, selection),
            Err(error) => group.fail(id, error),
        });
        self.touch();
    }

    /// What the member is told next; it is woken when there is something else.
    pub(crate) fn next_event(
        &mut self,
        group: &GroupId,
        id: u64,
        waker: &Waker,
    ) -> Result<Event, Option<Waker>> {
        self.in_group(group, |group, world| {
            group.next_event(id, world).ok_or_else(|| group.set_waker(id, waker))
        })
    }

    pub(crate) fn commit(
        &mut self,
        group: &GroupId,
        id: u64,
        offsets: &[(TopicPartition, i64)],
    ) -> Option<Waker> {
        let (accepted, waker) = self.in_group(group, |group, world| {
            (group.commit(id, offsets, world.asked), group.take_waker(id))
        });
        if accepted {
            self.touch();
        }
        waker
    }

    /// The member leaves; what it is to be told yet, and whom to wake.
    pub(crate) fn leave(
        &mut self,
        group: &GroupId,
        id: u64,
    ) -> Option<(Vec<Event>, Option<Waker>)> {
        let left = self.in_group(group, |group, _| group.leave(id));
        if group.name().is_none() {
            self.groups.remove(group);
        }
        self.touch();
        left
    }

    /// Works on a group, which exists from its first mention, and rebalances it if that is due.
    pub(crate) fn in_group<T>(
        &mut self,
        id: &GroupId,
        act: impl FnOnce(&mut Group, &mut World<'_>) -> T,
    ) -> T {
        let group = self.groups.entry(id.clone()).or_insert_with(|| Group::new(id));
        let mut world = World { topics: &self.topics, asked: &mut self.asked };
        let result = act(group, &mut world);
        if group.is_unbalanced() {
            group.rebalance(&self.topics);
            self.after.wake(group.take_wakers());
        }
        result
    }

    /// Has all members of a group look again.
    pub(crate) fn wake_group(&mut self, id: &GroupId) {
        let wakers = self.groups.get_mut(id).into_iter().flat_map(Group::take_wakers);
        self.after.wake(wakers);
    }

    /// Has those look again that may read the partition.
    pub(crate) fn wake_readers(&mut self, place: &Place) {
        for group in self.groups.values_mut() {
            self.after.wake(group.take_wakers_of_readers(place));
        }
    }

    pub(crate) fn find_group(&self, name: &str) -> Option<&Group> {
        self.groups.get(&GroupId::Named(name.into()))
    }

    /// A number that no member and no producer has.
    pub(crate) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn hold(&mut self, producer: u64, held: Answer) {
        self.held.entry(producer).or_default().push(held);
    }

    /// How many receipts of this producer are held back.
    pub(crate) fn held(&self, producer: u64) -> usize {
        self.held.get(&producer).map_or(0, Vec::len)
    }

    pub(crate) fn take_held(&mut self, producer: u64) -> Vec<Answer> {
        self.held.remove(&producer).unwrap_or_default()
    }

    pub(crate) fn release_held(&mut self) {
        self.after.deliver(std::mem::take(&mut self.held).into_values().flatten());
        self.watchers.wake(&mut self.after);
    }

    /// How many changes there were of what can be looked at.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Answers the commits whose answers were kept back.
    pub(crate) fn release_commits(&mut self) {
        for group in self.groups.values_mut() {
            group.release_commits();
            self.after.wake(group.take_wakers());
        }
    }

    /// Something changed that can be looked at.
    pub(crate) fn touch(&mut self) {
        self.version += 1;
        if self.topics.take_reshaped() {
            for group in self.groups.values_mut() {
                group.look(&self.topics);
                if group.is_unbalanced() {
                    group.rebalance(&self.topics);
                    self.after.wake(group.take_wakers());
                }
            }
        }
        self.watchers.wake(&mut self.after);
    }

    /// There is more to read of the partition.
    pub(crate) fn appended(&mut self, place: &Place) {
        self.wake_readers(place);
        self.touch();
    }

    /// Says whether everything that is named exists, when that is so or it could come into being.
    fn find(&mut self, selection: &Selection) -> Result<(), Error> {
        let missing = |what: String| {
            let message = format!("could not {what}: it does not exist");
            Err(Error::new(ErrorKind::UnknownTopic, message))
        };
        match selection {
            Selection::Topics { names, .. } => {
                match names.iter().find(|name| self.topics.at_use(name).is_none()) {
                    Some(name) => missing(format!("subscribe to topic `{name}`")),
                    None => Ok(()),
                }
            }
            Selection::Partitions(partitions) => {
                let mut exists = |at: &TopicPartition| {
                    let topic = self.topics.at_use(&at.topic);
                    topic.is_some_and(|topic| topic.log(at.partition).is_some())
                };
                match partitions.iter().find(|at| !exists(at)) {
                    Some(at) => missing(format!("read partition `{at}`")),
                    None => Ok(()),
                }
            }
        }
    }
}
