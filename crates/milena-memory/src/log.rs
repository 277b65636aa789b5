use crate::assign::Place;
use milena_core::{
    error::{Error, ErrorKind},
    record::{OwnedRecord, Timestamp},
    reply::ProducerRecord,
    transport::{Delivered, partition_for},
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// The topics of a broker.
pub(crate) struct Topics {
    pub(crate) default_partitions: i32,
    pub(crate) auto_create: bool,
    by_name: BTreeMap<Arc<str>, Topic>,
    appended: u64,
}

/// A topic: a log for each partition.
#[derive(Default)]
pub(crate) struct Topic {
    logs: Vec<Log>,
    /// The partition of the next record that has no key.
    turn: i32,
}

/// The records of a partition.
#[derive(Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    end: i64,
}

/// A record with its place in the order of all appends.
pub(crate) struct Entry {
    pub(crate) appended: u64,
    pub(crate) record: OwnedRecord,
}

/// What stands in a log from some offset on.
#[derive(Debug, PartialEq)]
pub(crate) enum Read {
    Records(Vec<OwnedRecord>),
    /// No record up to this offset, the end.
    Hole(i64),
}

impl Default for Topics {
    fn default() -> Self {
        Self { default_partitions: 1, auto_create: true, by_name: BTreeMap::new(), appended: 0 }
    }
}

impl Topics {
    /// Creates the topic unless it exists.
    pub(crate) fn create(&mut self, name: &Arc<str>, partitions: i32) -> &mut Topic {
        self.by_name.entry(name.clone()).or_insert_with(|| Topic::new(partitions))
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

    /// Appends the record to the partition it names, or else that of its key.
    pub(crate) fn append(&mut self, record: ProducerRecord) -> Result<Delivered, Error> {
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
        Ok(Delivered { partition, offset: log.append(record, appended) })
    }
}

impl Topic {
    fn new(partitions: i32) -> Self {
        let mut topic = Self::default();
        topic.raise(partitions);
        topic
    }

    /// Raises the number of partitions to this.
    pub(crate) fn raise(&mut self, partitions: i32) {
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

impl Log {
    /// The offset of the next record.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Leaves offsets without a record.
    pub(crate) fn skip(&mut self, offsets: u32) {
        self.end += i64::from(offsets);
    }

    /// What stands from this offset on, which lies before the end.
    pub(crate) fn read(&self, from: i64, max: usize) -> Read {
        let first = self.entries.partition_point(|entry| entry.record.offset < from);
        let records: Vec<_> =
            self.entries[first..].iter().take(max).map(|entry| entry.record.clone()).collect();
        if records.is_empty() { Read::Hole(self.end) } else { Read::Records(records) }
    }

    fn append(&mut self, record: ProducerRecord, appended: u64) -> i64 {
        let offset = self.end;
        let record = OwnedRecord {
            offset,
            timestamp: Timestamp::Created(record.timestamp.unwrap_or_else(now)),
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        self.entries.push(Entry { appended, record });
        self.end += 1;
        offset
    }
}

/// The milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(partitions: i32) -> Topics {
        let mut topics = Topics::default();
        topics.create(&"t".into(), partitions);
        topics
    }

    fn read(topics: &Topics, partition: i32, from: i64) -> Read {
        topics.log(&("t".into(), partition)).unwrap().read(from, 2)
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

        let delivered = [0, 1, 0].map(|partition| topics.append(to(partition)).unwrap().offset);

        assert_eq!(delivered, [0, 0, 1]);
        assert_eq!(offsets(read(&topics, 0, 0)), [0, 1]);
    }

    #[test]
    fn a_log_is_read_in_pieces_and_over_holes() {
        let mut topics = topics(1);
        for _ in 0..2 {
            topics.append(ProducerRecord::new("t")).unwrap();
            topics.get_mut("t").unwrap().log_mut(0).unwrap().skip(2);
        }
        topics.append(ProducerRecord::new("t")).unwrap();
        topics.get_mut("t").unwrap().log_mut(0).unwrap().skip(1);

        assert_eq!(offsets(read(&topics, 0, 0)), [0, 3]);
        assert_eq!(offsets(read(&topics, 0, 4)), [6]);
        assert_eq!(read(&topics, 0, 7), Read::Hole(8));
    }

    #[test]
    fn a_key_has_its_partition_and_a_null_key_takes_turns() {
        let mut topics = topics(3);
        let mut partition = |record| topics.append(record).unwrap().partition;

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
            let error = topics.append(ProducerRecord::new("t").partition(partition)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Publish);
            assert!(error.to_string().contains(&format!("partition {partition} of topic `t`")));
        }
    }

    #[test]
    fn a_timestamp_is_kept_and_else_it_is_now() {
        let mut topics = topics(1);
        let before = now();
        topics.append(ProducerRecord::new("t").timestamp(7)).unwrap();
        topics.append(ProducerRecord::new("t")).unwrap();

        let Read::Records(records) = read(&topics, 0, 0) else { panic!("a hole") };

        assert_eq!(records[0].timestamp, Timestamp::Created(7));
        assert!(records[1].timestamp.millis().unwrap() >= before);
    }
}
