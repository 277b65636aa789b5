use crate::{assign::Place, log::Log};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::{Creation, Delivered, NewTopic, TopicDescription, partition_for},
};
use std::{collections::BTreeMap, sync::Arc};

/// The topics of a broker.
pub(crate) struct Topics {
    pub(crate) default_partitions: i32,
    pub(crate) auto_create: bool,
    by_name: BTreeMap<Arc<str>, Topic>,
    appended: u64,
    /// Whether partitions came or went since somebody asked.
    reshaped: bool,
}

/// A topic: a log for each partition.
pub(crate) struct Topic {
    logs: Vec<Log>,
    replication: i32,
    config: BTreeMap<String, String>,
    /// The partition of the next record that has no key.
    turn: i32,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            default_partitions: 1,
            auto_create: true,
            by_name: BTreeMap::new(),
            appended: 0,
            reshaped: false,
        }
    }
}

impl Topics {
    /// Creates the topic unless it exists.
    pub(crate) fn create(&mut self, name: &Arc<str>, partitions: i32) -> &mut Topic {
        self.by_name.entry(name.clone()).or_insert_with(|| {
            self.reshaped = true;
            Topic::new(partitions)
        })
    }

    /// Creates a topic as it is described, or says how the one that exists compares.
    pub(crate) fn create_new(&mut self, new: &NewTopic) -> Creation {
        if let Some(topic) = self.get(&new.name) {
            return topic.compare(new);
        }
        let partitions = new.partitions.unwrap_or(self.default_partitions);
        let topic = self.create(&new.name, partitions);
        topic.replication = new.replication.unwrap_or(1);
        topic.config.clone_from(&new.config);
        Creation::Created
    }

    /// Raises a topic to this many partitions, and creates it if it does not exist.
    pub(crate) fn raise(&mut self, name: &Arc<str>, partitions: i32) {
        self.create(name, partitions).raise(partitions);
        self.reshaped = true;
    }

    /// Deletes a topic; whether there was one.
    pub(crate) fn delete(&mut self, name: &str) -> bool {
        let deleted = self.by_name.remove(name).is_some();
        self.reshaped |= deleted;
        deleted
    }

    pub(crate) fn take_reshaped(&mut self) -> bool {
        std::mem::take(&mut self.reshaped)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    /// The topic, which is created at its first use if that is allowed.
    pub(crate) fn at_use(&mut self, name: &Arc<str>) -> Option<&mut Topic> {
        if self.auto_create {
            return Some(self.create(name, self.default_partitions));
        }
        self.by_name.get_mut(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.by_name.get_mut(name)
    }

    pub(crate) fn log(&self, (topic, partition): &Place) -> Option<&Log> {
        self.get(topic)?.log(*partition)
    }

    /// Appends the record to the partition it names, or else that of its key. It may be part of the transaction of a
    /// producer.
    pub(crate) fn append(
        &mut self,
        record: ProducerRecord,
        producer: Option<u64>,
    ) -> Result<Delivered, Error> {
        let name = record.topic.clone();
        self.appended += 1;
        let appended = self.appended;
        let Some(topic) = self.at_use(&name) else {
            let message = format!("could not write to topic `{name}`: it does not exist");
            return Err(Error::new(ErrorKind::UnknownTopic, message));
        };
        let partition = topic.choose(record.partition, record.key.as_deref());
        let partitions = topic.partitions();
        let Some(log) = topic.log_mut(partition) else {
            let message = format!(
                "could not write to partition {partition} of topic `{name}`: it has {partitions}"
            );
            return Err(Error::new(ErrorKind::Publish, message));
        };
        Ok(Delivered { partition, offset: log.append(record, appended, producer) })
    }
}

impl Topic {
    fn new(partitions: i32) -> Self {
        let logs = (0..partitions).map(|_| Log::default()).collect();
        Self { logs, replication: 1, config: BTreeMap::new(), turn: 0 }
    }

    pub(crate) fn describe(&self, name: &Arc<str>) -> TopicDescription {
        let (partitions, replication) = (self.partitions(), self.replication);
        TopicDescription { name: name.clone(), partitions, replication }
    }

    fn compare(&self, new: &NewTopic) -> Creation {
        let number = |has: i32, wanted: Option<i32>, what: &str| {
            let other = wanted.filter(|wanted| *wanted != has);
            other.map(|wanted| format!("it has {has} {what} and not {wanted}"))
        };
        let option = |(option, wanted): (&String, &String)| match self.config.get(option) {
            Some(has) if has == wanted => None,
            Some(has) => Some(format!("`{option}` is `{has}` and not `{wanted}`")),
            None => Some(format!("`{option}` is not set, and not `{wanted}`")),
        };
        let differences: Vec<String> = [
            number(self.partitions(), new.partitions, "partitions"),
            number(self.replication, new.replication, "replicas of each"),
        ]
        .into_iter()
        .flatten()
        .chain(new.config.iter().filter_map(option))
        .collect();
        match &*differences {
            [] => Creation::Existed,
            some => Creation::Differs(some.join(", ")),
        }
    }

    fn raise(&mut self, partitions: i32) {
        (self.partitions()..partitions).for_each(|_| self.logs.push(Log::default()));
    }

    pub(crate) fn partitions(&self) -> i32 {
        i32::try_from(self.logs.len()).unwrap_or(i32::MAX)
    }

    pub(crate) fn logs(&self) -> impl Iterator<Item = (i32, &Log)> {
        (0..).zip(&self.logs)
    }

    pub(crate) fn log(&self, partition: i32) -> Option<&Log> {
        self.logs.get(usize::try_from(partition).ok()?)
    }

    pub(crate) fn log_mut(&mut self, partition: i32) -> Option<&mut Log> {
        self.logs.get_mut(usize::try_from(partition).ok()?)
    }

    pub(crate) fn logs_mut(&mut self) -> impl Iterator<Item = &mut Log> {
        self.logs.iter_mut()
    }

    fn choose(&mut self, named: Option<i32>, key: Option<&[u8]>) -> i32 {
        match (named, key) {
            (Some(named), _) => named,
            (None, Some(key)) => partition_for(key, self.partitions()),
            (None, None) => {
                let partition = self.turn % self.partitions();
                self.turn = partition + 1;
                partition
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Read, now};
    use milena_core::{record::Timestamp, transport::IsolationLevel};

    fn topics(partitions: i32) -> Topics {
        let mut topics = Topics::default();
        topics.create(&"t".into(), partitions);
        topics
    }

    fn read(topics: &Topics, partition: i32, from: i64) -> Read {
        topics.log(&("t".into(), partition)).unwrap().read(from, 2, IsolationLevel::ReadCommitted)
    }

    fn offsets(read: Read) -> Vec<i64> {
        match read {
            Read::Records(records) => records.iter().map(|record| record.offset).collect(),
            Read::Hole(end) => panic!("a hole up to {end}"),
        }
    }

    #[test]
    fn offsets_count_from_zero_in_each_partition() {
        let mut topics = topics(2);
        let to = |partition| ProducerRecord::new("t").partition(partition);

        let delivered =
            [0, 1, 0].map(|partition| topics.append(to(partition), None).unwrap().offset);

        assert_eq!(delivered, [0, 0, 1]);
        assert_eq!(offsets(read(&topics, 0, 0)), [0, 1]);
    }

    #[test]
    fn a_log_is_read_in_pieces_and_over_holes() {
        let mut topics = topics(1);
        for _ in 0..2 {
            topics.append(ProducerRecord::new("t"), None).unwrap();
            topics.get_mut("t").unwrap().log_mut(0).unwrap().skip(2);
        }
        topics.append(ProducerRecord::new("t"), None).unwrap();
        topics.get_mut("t").unwrap().log_mut(0).unwrap().skip(1);

        assert_eq!(offsets(read(&topics, 0, 0)), [0, 3]);
        assert_eq!(offsets(read(&topics, 0, 4)), [6]);
        assert_eq!(read(&topics, 0, 7), Read::Hole(8));
    }

    #[test]
    fn a_key_has_its_partition_and_a_null_key_takes_turns() {
        let mut topics = topics(3);
        let mut partition = |record| topics.append(record, None).unwrap().partition;

        assert_eq!(partition(ProducerRecord::new("t").key("ada")), partition_for(b"ada", 3));
        assert_eq!(partition(ProducerRecord::new("t").key("")), partition_for(b"", 3));
        let turns = [(); 4].map(|()| partition(ProducerRecord::new("t")));
        assert_eq!(turns, [0, 1, 2, 0]);
        assert_eq!(partition(ProducerRecord::new("t").key("ada").partition(2)), 2);
    }

    #[test]
    fn a_partition_that_does_not_exist_takes_nothing() {
        let mut topics = topics(3);

        for partition in [3, -1] {
            let error =
                topics.append(ProducerRecord::new("t").partition(partition), None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Publish);
            assert!(error.to_string().contains(&format!("partition {partition} of topic `t`")));
        }
    }

    #[test]
    fn a_timestamp_is_kept_and_else_it_is_now() {
        let mut topics = topics(1);
        let before = now();
        topics.append(ProducerRecord::new("t").timestamp(7), None).unwrap();
        topics.append(ProducerRecord::new("t"), None).unwrap();

        let Read::Records(records) = read(&topics, 0, 0) else { panic!("a hole") };

        assert_eq!(records[0].timestamp, Timestamp::Created(7));
        assert!(records[1].timestamp.millis().unwrap() >= before);
    }
}
