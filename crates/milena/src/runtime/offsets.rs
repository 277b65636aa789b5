use super::{
    Work,
    once::{Planned, Source, Together},
};
use crate::planted::{Bug, planted};
use std::{collections::VecDeque, sync::Arc};

/// The offsets of a partition that were delivered and are not settled, from which follows what may be committed.
///
/// The commit base comes from what was delivered, never from what was fetched, so that holes left by
/// compaction and transaction markers need no special case.
#[derive(Default)]
pub(crate) struct Offsets {
    /// Chunks in order of their offsets; settled ones are gone from the front.
    chunks: VecDeque<Received>,
    /// Settled chunks whose results are to be in a transaction, if they are.
    kept: Option<VecDeque<Received>>,
    /// The offset behind the last record that was delivered.
    next: Option<i64>,
    committed: Option<i64>,
    /// Whether reading began where somebody wanted, which is not committed yet.
    moved: bool,
    /// The records of the chunks, and their bytes.
    weight: (usize, usize),
    /// Whether records may be committed as soon as they are received.
    on_receive: bool,
}

/// A chunk that was delivered, once to each subscription of its topic.
struct Received {
    works: Vec<Arc<Work>>,
    /// The first record that was not settled when it was last looked at.
    base: usize,
}

impl Offsets {
    /// These records are in work now.
    pub(crate) fn received(&mut self, works: Vec<Arc<Work>>) {
        let Some(work) = works.first() else { return };
        // Nothing before the first record is ours to commit.
        if !self.moved {
            self.committed.get_or_insert(work.offset(0));
        }
        self.next = Some(work.offset(work.len() - 1) + 1);
        self.on_receive = work.subscription.acks_on_receive();
        self.weight.0 += work.len();
        self.weight.1 += work.records().bytes();
        self.chunks.push_back(Received { works, base: 0 });
    }

    /// How many records were delivered from the first chunk on that is not settled whole, and how many
    /// bytes they take.
    pub(crate) fn weight(&self) -> (usize, usize) {
        self.weight
    }

    /// The offset of the next record that is delivered.
    pub(crate) fn position(&self) -> Option<i64> {
        self.next
    }

    /// What the broker has.
    pub(crate) fn last_committed(&self) -> Option<i64> {
        self.committed
    }

    /// The offsets that keep others from being committed, in order, so many at most; and how many there are.
    pub(crate) fn unsettled(&self, most: usize) -> (Vec<i64>, usize) {
        if self.on_receive {
            return (Vec::new(), 0);
        }
        let all = || self.chunks.iter().flat_map(Received::all_unsettled);
        (all().take(most).collect(), all().count())
    }

    /// Reading begins at this offset, because somebody wants it so; that is to be committed, too.
    pub(crate) fn moved(&mut self, offset: i64) {
        self.next = Some(offset);
        self.moved = true;
    }

    /// What was delivered is as good as done.
    pub(crate) fn give_up(&mut self) {
        self.on_receive = true;
    }

    /// There is nothing to read before this offset.
    pub(crate) fn passed(&mut self, offset: i64) {
        self.next = self.next.max(Some(offset));
    }

    /// The offset before which everything may be committed; lets go of what is settled.
    pub(crate) fn committable(&mut self) -> Option<i64> {
        self.first_unsettled()
            .filter(|_| !self.on_receive && !planted(Bug::CommitSeen))
            .or(self.next)
    }

    /// The lowest offset that is not settled, if there is one; lets go of what is settled before it.
    pub(crate) fn first_unsettled(&mut self) -> Option<i64> {
        while let Some(front) = self.chunks.front_mut() {
            if let Some(offset) = front.unsettled() {
                return Some(offset);
            }
            self.weight.0 -= front.works[0].len();
            self.weight.1 -= front.works[0].records().bytes();
            let settled = self.chunks.pop_front();
            if let Some(kept) = &mut self.kept {
                kept.extend(settled);
            }
        }
        None
    }

    /// Counts what is done by now.
    pub(crate) fn count(&self) {
        self.works().for_each(|work| work.count());
    }

    /// Counts for the last time: what is not settled is given up.
    pub(crate) fn count_finally(&self) {
        self.works().for_each(|work| work.count_finally());
    }

    /// How many records are not settled, once for each subscription that has them.
    pub(crate) fn in_flight(&self) -> usize {
        self.works().map(|work| work.in_flight()).sum()
    }

    fn works(&self) -> impl Iterator<Item = &Arc<Work>> {
        self.chunks.iter().flat_map(|chunk| &chunk.works)
    }

    /// What a commit would say, if it would say anything new.
    pub(crate) fn uncommitted(&mut self) -> Option<i64> {
        self.committable()
            .filter(|offset| self.committed.is_none_or(|committed| *offset > committed))
    }

    /// The broker has this commit.
    pub(crate) fn committed(&mut self, offset: i64) {
        self.committed = self.committed.max(Some(offset));
        self.moved = false;
    }
}

/// What is done and to be in a transaction.
impl Offsets {
    /// Keeps chunks that are settled until their results were taken.
    pub(super) fn keeping_results(mut self, keeps: bool) -> Self {
        self.kept = keeps.then(VecDeque::new);
        self
    }

    /// Adds the results of single records before this offset to `results`, in order.
    pub(super) fn take_results(&mut self, to: i64, results: &mut Vec<Planned>) {
        let kept = self.kept.iter_mut().flatten();
        for work in kept.chain(&mut self.chunks).flat_map(|chunk| &chunk.works) {
            if work.offset(0) >= to {
                break;
            }
            let outputs = work.outputs.take(work.count_before(to));
            results.extend(Planned::of(Source::Chunk(work.clone()), outputs));
        }
        let over = |chunk: &Received| chunk.works[0].offset(chunk.works[0].len() - 1) < to;
        while let Some(kept) = self.kept.as_mut().filter(|kept| kept.front().is_some_and(over)) {
            kept.pop_front();
        }
    }

    /// Results that several records have together, and that were not taken.
    pub(super) fn batches(&self) -> impl Iterator<Item = Arc<Together>> {
        let kept = self.kept.iter().flatten().chain(&self.chunks);
        kept.flat_map(|chunk| &chunk.works).flat_map(|work| work.outputs.batches())
    }
}

impl Received {
    fn all_unsettled(&self) -> impl Iterator<Item = i64> {
        let first = &self.works[0];
        (self.base..first.len())
            .filter(|index| !self.works.iter().all(|work| work.is_settled(*index)))
            .map(|index| first.offset(index))
    }

    fn unsettled(&mut self) -> Option<i64> {
        let len = self.works[0].len();
        while self.base < len && self.works.iter().all(|work| work.is_settled(self.base)) {
            self.base += 1;
        }
        (self.base < len).then(|| self.works[0].offset(self.base))
    }
}
