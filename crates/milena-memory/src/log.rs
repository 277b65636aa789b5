use bytes::Bytes;
use milena_core::{
    record::{OwnedRecord, Timestamp},
    reply::ProducerRecord,
    transport::IsolationLevel,
};
use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

/// The records of a partition.
#[derive(Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    /// Before this offset everything was deleted.
    begin: i64,
    end: i64,
    /// Where the open transaction of each producer begins.
    open: BTreeMap<u64, i64>,
}

/// A record with its place in the order of all appends.
pub(crate) struct Entry {
    pub(crate) appended: u64,
    pub(crate) record: OwnedRecord,
    fate: Fate,
}

/// What became of the transaction of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// It was committed, or there was none.
    Written,
    /// It is open, and this producer's.
    Open(u64),
    Aborted,
}

/// What stands in a log from some offset on.
#[derive(Debug, PartialEq)]
pub(crate) enum Read {
    Records(Vec<OwnedRecord>),
    /// No record up to this offset, the end.
    Hole(i64),
}

impl Log {
    /// The offset of the oldest record there can be.
    pub(crate) fn begin(&self) -> i64 {
        self.begin
    }

    /// The offset of the next record.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// The offset behind the newest record that can be read; with `ReadCommitted` it is the last stable offset.
    pub(crate) fn end_at(&self, level: IsolationLevel) -> i64 {
        match level {
            IsolationLevel::ReadCommitted => {
                self.open.values().min().map_or(self.end, |first| self.begin.max(*first))
            }
            IsolationLevel::ReadUncommitted => self.end,
        }
    }

    /// Whether reading can go on at this offset.
    pub(crate) fn reaches(&self, offset: i64) -> bool {
        (self.begin..=self.end).contains(&offset)
    }

    /// The records that can be read from this offset on.
    pub(crate) fn entries(&self, from: i64, level: IsolationLevel) -> impl Iterator<Item = &Entry> {
        let place = |offset| self.entries.partition_point(|entry| entry.record.offset < offset);
        let (first, end) = (place(from), place(self.end_at(level)));
        let all = level == IsolationLevel::ReadUncommitted;
        let readable = self.entries.get(first..end).into_iter().flatten();
        readable.filter(move |entry| all || entry.fate != Fate::Aborted)
    }

    /// Leaves offsets without a record.
    pub(crate) fn skip(&mut self, offsets: u32) {
        self.end += i64::from(offsets);
    }

    /// What stands from this offset on, which lies before the end.
    pub(crate) fn read(&self, from: i64, max: usize, level: IsolationLevel) -> Read {
        let readable = self.entries(from, level).take(max);
        let records: Vec<_> = readable.map(|entry| entry.record.clone()).collect();
        if records.is_empty() { Read::Hole(self.end_at(level)) } else { Read::Records(records) }
    }

    /// The offset of the first record of this time or a later one, unless it lies behind what can be read.
    /// As in Kafka it may have been taken back.
    pub(crate) fn at_time(&self, millis: i64, level: IsolationLevel) -> Option<i64> {
        let mut records = self.entries.iter().map(|entry| &entry.record);
        let found = records.find(|record| record.timestamp.millis().is_some_and(|at| at >= millis));
        found.map(|record| record.offset).filter(|offset| *offset < self.end_at(level))
    }

    /// Deletes everything before this offset.
    pub(crate) fn delete_before(&mut self, offset: i64) {
        self.begin = offset.clamp(self.begin, self.end);
        self.entries.retain(|entry| entry.record.offset >= self.begin);
    }

    /// Keeps the newest record of each key, unless that is a tombstone and they are not to stay. What was taken back
    /// goes, and what is not stable stays as it is.
    pub(crate) fn compact(&mut self, tombstones_stay: bool) {
        let stable = self.end_at(IsolationLevel::ReadCommitted);
        let keyed = self.entries(0, IsolationLevel::ReadCommitted).map(|entry| &entry.record);
        let newest: BTreeMap<Bytes, i64> =
            keyed.filter_map(|record| Some((record.key.clone()?, record.offset))).collect();
        self.entries.retain(|Entry { record, .. }| {
            let stays = tombstones_stay || record.value.is_some();
            let is_newest = |key| newest.get(key) == Some(&record.offset);
            record.offset >= stable || stays && record.key.as_ref().is_some_and(is_newest)
        });
    }

    /// Appends a record, which may be part of the transaction of a producer.
    pub(crate) fn append(
        &mut self,
        record: ProducerRecord,
        appended: u64,
        producer: Option<u64>,
    ) -> i64 {
        let offset = self.end;
        let fate = producer.map_or(Fate::Written, Fate::Open);
        producer.map(|producer| self.open.entry(producer).or_insert(offset));
        let record = OwnedRecord {
            offset,
            timestamp: Timestamp::Created(record.timestamp.unwrap_or_else(now)),
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        self.entries.push(Entry { appended, record, fate });
        self.end += 1;
        offset
    }

    /// Ends the transaction of a producer with a marker; whether there was one.
    pub(crate) fn end_transaction(&mut self, producer: u64, committed: bool) -> bool {
        let Some(from) = self.open.remove(&producer) else { return false };
        let first = self.entries.partition_point(|entry| entry.record.offset < from);
        let its = self.entries[first..].iter_mut();
        its.filter(|entry| entry.fate == Fate::Open(producer)).for_each(|entry| {
            entry.fate = if committed { Fate::Written } else { Fate::Aborted };
        });
        self.end += 1;
        true
    }
}

/// The milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
