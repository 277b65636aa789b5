use crate::{
    after::{After, Answer},
    assign::Place,
    changed::Watchers,
    faults::Asked,
    group::Group,
    log::Topics,
    member::{Member, Settings},
};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::{Delivered, Membership, NewTopic},
};
use std::{collections::BTreeMap, sync::Arc};

/// All that a broker knows, behind one lock.
#[derive(Default)]
pub(crate) struct Broker {
    pub(crate) topics: Topics,
    pub(crate) settings: Settings,
    pub(crate) asked: Asked,
    pub(crate) watchers: Watchers,
    pub(crate) after: After,
    groups: BTreeMap<Arc<str>, Group>,
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

    pub(crate) fn create_topics(&mut self, topics: &[NewTopic]) -> Result<(), Error> {
        for NewTopic { name, partitions, .. } in topics {
            let partitions = partitions.unwrap_or(self.topics.default_partitions);
            if partitions < 1 {
                let message =
                    format!("could not create topic `{name}`: {partitions} partitions are too few");
                return Err(Error::new(ErrorKind::Config, message));
            }
            self.create_topic(name, partitions);
        }
        Ok(())
    }

    pub(crate) fn add_partitions(&mut self, topic: &Arc<str>, total: i32) {
        self.topics.create(topic, total).raise(total);
        for group in self.groups.values_mut() {
            group.rebalance(&self.topics);
            self.after.wake(group.take_wakers());
        }
        self.touch();
    }

    pub(crate) fn skip_offsets(&mut self, topic: &str, partition: i32, offsets: u32) -> bool {
        let log = self.topics.get_mut(topic).and_then(|topic| topic.log_mut(partition));
        let found = log.map(|log| log.skip(offsets)).is_some();
        self.appended(&(topic.into(), partition));
        found
    }

    /// Appends a record, or says why not.
    pub(crate) fn write(&mut self, record: ProducerRecord) -> Result<Delivered, Error> {
        self.asked.admit(&record)?;
        let topic = record.topic.clone();
        let delivered = self.topics.append(record)?;
        self.appended(&(topic, delivered.partition));
        Ok(delivered)
    }

    /// Makes a member of the group, unless a topic is unknown.
    pub(crate) fn join(&mut self, membership: Membership) -> Result<u64, Error> {
        let milena_core::transport::Selection::Topics { names, .. } = membership.selection else {
            todo!()
        };
        let group = membership.group.unwrap_or_default();
        for topic in &names {
            if self.topics.at_use(topic).is_none() {
                let message = format!("could not subscribe to topic `{topic}`: it does not exist");
                return Err(Error::new(ErrorKind::UnknownTopic, message));
            }
        }
        let member = Member::new(names, membership.start, &self.settings);
        let id = self.new_id();
        self.in_group(&group, |group, _| group.join(id, member));
        self.touch();
        Ok(id)
    }

    /// Works on a group, which exists from its first mention, and rebalances it if that is due.
    pub(crate) fn in_group<T>(
        &mut self,
        name: &Arc<str>,
        act: impl FnOnce(&mut Group, &Topics) -> T,
    ) -> T {
        let group = self.groups.entry(name.clone()).or_insert_with(|| Group::new(name.clone()));
        let result = act(group, &self.topics);
        if group.is_unbalanced() {
            group.rebalance(&self.topics);
            self.after.wake(group.take_wakers());
        }
        result
    }

    pub(crate) fn find_group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
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

    /// Something changed that can be looked at.
    pub(crate) fn touch(&mut self) {
        self.version += 1;
        self.watchers.wake(&mut self.after);
    }

    fn appended(&mut self, place: &Place) {
        for group in self.groups.values_mut() {
            self.after.wake(group.take_waker_of_owner(place));
        }
        self.touch();
    }
}
