use super::{
    super::{Work, commit::Sent, conductor::Conductor, partition::Partition, settle::Item},
    outputs::{Output, Span, Together},
};
use crate::planted::{Bug, planted};
use milena_core::record::{Epoch, TopicPartition};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// What of a partition is to be in its next transaction.
#[derive(Default)]
pub(crate) struct Plan {
    /// Everything before this offset is done.
    pub(crate) to: Option<i64>,
    pub(crate) results: Vec<Planned>,
    /// Records whose results were refused, and are decided anew.
    pub(crate) undecided: Vec<Item>,
    /// Whether results of batches were added.
    pub(crate) has_batches: bool,
    /// Whether something of it went with a partition that is not ours any more, so that it is read again.
    pub(crate) is_torn: bool,
}

/// Results of the records of a chunk, or of a batch.
pub(crate) struct Planned {
    pub(crate) of: Source,
    /// Each with the place of its record in the chunk.
    pub(crate) outputs: Vec<(u32, Output)>,
}

/// Whose results they are.
#[derive(Clone)]
pub(crate) enum Source {
    Chunk(Arc<Work>),
    /// With its records, which nobody else holds any more when they are to be decided anew.
    Batch(Arc<Together>, Arc<[Item]>),
}

impl Planned {
    /// What is planned of these, if there are any.
    pub(crate) fn of(of: Source, outputs: Vec<(u32, Output)>) -> Option<Self> {
        (!outputs.is_empty()).then_some(Self { of, outputs })
    }

    /// The results of each record for themselves.
    fn split(self) -> Vec<Self> {
        let Self { of, outputs } = self;
        match of {
            Source::Batch(..) => vec![Self { of, outputs }],
            Source::Chunk(work) => {
                let of = || Source::Chunk(work.clone());
                outputs.into_iter().map(|one| Self { of: of(), outputs: vec![one] }).collect()
            }
        }
    }

    /// Its place among the results of a partition.
    fn rank(&self) -> (i64, bool) {
        match &self.of {
            Source::Chunk(work) => {
                let first = self.outputs.first();
                (first.map_or(0, |(index, _)| work.offset(*index as usize)), true)
            }
            Source::Batch(batch, _) => (batch.rank().map_or(0, |(_, first)| first), false),
        }
    }
}

impl Source {
    /// The records whose result it is that has this place.
    pub(crate) fn items(&self, index: u32) -> Vec<Item> {
        match self {
            Self::Chunk(work) => vec![Item { work: work.clone(), index }],
            Self::Batch(_, items) => items.to_vec(),
        }
    }

    /// Whether this is so of all records whose result it is that has this place.
    pub(crate) fn is_all(&self, index: u32, so: impl Fn(&Arc<Work>, u32) -> bool) -> bool {
        match self {
            Self::Chunk(work) => so(work, index),
            Self::Batch(_, items) => items.iter().all(|it| so(&it.work, it.index)),
        }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Chunk(one), Self::Chunk(other)) => Arc::ptr_eq(one, other),
            (Self::Batch(one, _), Self::Batch(other, _)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Plan {
    /// Takes the results of what is decided by now; says whether nothing is undecided.
    fn is_decided(&mut self) -> bool {
        let results = &mut self.results;
        self.undecided.retain(|Item { work, index }| {
            let settled = work.is_settled(*index as usize);
            if settled {
                let outputs = work.outputs.take_of(*index);
                results.extend(Planned::of(Source::Chunk(work.clone()), outputs));
            }
            !settled
        });
        self.undecided.is_empty()
    }

    /// These are to be published after all, before what was planned since.
    pub(crate) fn put_back(&mut self, to: i64, mut results: Vec<Planned>) {
        self.to = self.to.max(Some(to));
        if planted(Bug::ForgetAborted) {
            results.clear();
        }
        results.append(&mut self.results);
        self.results = results;
    }
}

impl Conductor {
    /// Plans the next transaction: of each partition everything that is done before the first record that is
    /// not. Records that have a result together are in it together.
    pub(crate) fn plan(&mut self) {
        let mut ends: HashMap<TopicPartition, i64> = HashMap::new();
        for (place, partition) in self.partitions.iter_mut().filter(|(_, it)| !it.plan.is_torn) {
            if let Some(end) = partition.offsets.committable() {
                ends.insert(place.clone(), end);
            }
        }
        let batches = self.batches_within(&mut ends).into_iter();
        let batches: Vec<_> = batches.map(|batch| (batch.items().into(), batch)).collect();
        for (place, partition) in &mut self.partitions {
            let Some(end) = ends.get(place).copied() else { continue };
            partition.plan.to = partition.plan.to.max(Some(end));
            partition.offsets.take_results(end, &mut partition.plan.results);
        }
        for (items, batch) in batches {
            let Some(span) = batch.spans.first() else { continue };
            if let Some(partition) = self.partition(&span.place, span.epoch) {
                let of = Source::Batch(batch.clone(), items);
                partition.plan.results.extend(Planned::of(of, batch.take()));
                partition.plan.has_batches = true;
            }
        }
        for partition in self.partitions.values_mut() {
            if std::mem::take(&mut partition.plan.has_batches) {
                // Records of batches can have results of their own, which stand behind those of their batch.
                let results = std::mem::take(&mut partition.plan.results);
                let mut each: Vec<_> = results.into_iter().flat_map(Planned::split).collect();
                each.sort_by_key(Planned::rank);
                partition.plan.results = each;
            }
        }
    }

    /// The batches that lie before these ends, in order. Where one does not, the ends are moved before it.
    fn batches_within(&self, ends: &mut HashMap<TopicPartition, i64>) -> Vec<Arc<Together>> {
        let mut batches: Vec<Arc<Together>> = Vec::new();
        for partition in self.partitions.values() {
            batches.extend(partition.offsets.batches());
        }
        let mut known = HashSet::new();
        batches.retain(|batch| known.insert(Arc::as_ptr(batch)));
        let lower = |ends: &mut HashMap<TopicPartition, i64>, span: &Span| {
            ends.entry(span.place.clone()).and_modify(|end| *end = span.first.min(*end));
        };
        loop {
            let before = batches.len();
            batches.retain(|batch| {
                let within = batch.spans.iter().all(|span| self.is_within(span, ends));
                if !within {
                    batch.spans.iter().for_each(|span| lower(ends, span));
                }
                within
            });
            if batches.len() == before {
                break;
            }
        }
        // Those that begin with the same record stay in the order in which they came to be.
        batches.sort_by(|one, next| one.rank().cmp(&next.rank()));
        batches
    }

    /// Whether it is ours, and lies before the end of its partition.
    fn is_within(&self, span: &Span, ends: &HashMap<TopicPartition, i64>) -> bool {
        let partition = self.partitions.get(&span.place);
        let is_ours = partition.is_some_and(|it| it.assignment.epoch == span.epoch);
        let last = if planted(Bug::TearBatch) { span.first } else { span.last };
        is_ours && ends.get(&span.place).is_some_and(|end| last < *end)
    }

    /// What the next transaction would commit of these partitions.
    pub(crate) fn planned(&mut self, mut of: impl FnMut(&TopicPartition) -> bool) -> Sent {
        self.plan();
        let Some(once) = &self.once else { return Vec::new() };
        // Batches may span partitions, so what cannot be published yet holds up all of its transaction.
        let undecided: HashSet<_> = self
            .partitions
            .iter_mut()
            .filter_map(|(place, it)| (!it.plan.is_decided()).then(|| once.key(place.partition)))
            .collect();
        let ready = |place: &TopicPartition| {
            once.is_ready(place) && !undecided.contains(&once.key(place.partition))
        };
        let partitions = self.partitions.iter().filter(|(place, _)| ready(place));
        let planned: Sent = partitions.filter_map(|(place, it)| it.planned(place)).collect();
        if planned.iter().any(|(place, ..)| of(place)) { planned } else { Vec::new() }
    }
}

impl Partition {
    /// What its next transaction would commit, if it would commit anything new.
    fn planned(&self, place: &TopicPartition) -> Option<(TopicPartition, Epoch, i64)> {
        let to = self.plan.to?;
        let is_new = self.offsets.last_committed().is_none_or(|committed| to > committed);
        is_new.then(|| (place.clone(), self.assignment.epoch, to))
    }
}
