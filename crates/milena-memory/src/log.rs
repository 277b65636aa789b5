use bytes::Bytes;
use milena_core::{
    record::{OwnedRecord, Timestamp},
    reply::ProducerRecord,
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

impl Log {
    /// The offset of the oldest record there can be.
    pub(crate) fn begin(&self) -> i64 {
        self.begin
    }

    /// The offset of the next record.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// Whether reading can go on at this offset.
    pub(crate) fn reaches(&self, offset: i64) -> bool {
        (self.begin..=self.end).contains(&offset)
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

    /// The offset of the first record of this time or a later one.
    pub(crate) fn at_time(&self, millis: i64) -> Option<i64> {
        let mut records = self.entries.iter().map(|entry| &entry.record);
        let found = records.find(|record| record.timestamp.millis().is_some_and(|at| at >= millis));
        found.map(|record| record.offset)
    }

    /// Deletes everything before this offset.
    pub(crate) fn delete_before(&mut self, offset: i64) {
        self.begin = offset.clamp(self.begin, self.end);
        self.entries.retain(|entry| entry.record.offset >= self.begin);
    }

    /// Keeps the newest record of each key, unless that is a tombstone and they are not to stay.
    pub(crate) fn compact(&mut self, tombstones_stay: bool) {
        let keyed = self.entries.iter().map(|entry| &entry.record);
        let newest: BTreeMap<Bytes, i64> =
            keyed.filter_map(|record| Some((record.key.clone()?, record.offset))).collect();
        self.entries.retain(|Entry { record, .. }| {
            let stays = tombstones_stay || record.value.is_some();
            stays && record.key.as_ref().is_some_and(|key| newest.get(key) == Some(&record.offset))
        });
    }

    pub(crate) fn append(&mut self, record: ProducerRecord, appended: u64) -> i64 {
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
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
