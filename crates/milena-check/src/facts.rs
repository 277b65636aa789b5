use crate::{
    At, Broken, Entry, How, Invariant, Rules, Subscribed, What,
    entry::Copied,
    recording::{attempts, published_beside, sources},
};
use milena_core::record::TopicPartition;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// A history, as the invariants look at it.
pub(crate) struct Facts<'a> {
    pub(crate) entries: &'a [Entry],
    pub(crate) rules: &'a Rules,
    /// The records of topics that the group subscribes to.
    pub(crate) inputs: BTreeMap<&'a At, &'a Copied>,
    /// How calls with a record ended: where that stands, in which attempt, and how.
    pub(crate) ends: BTreeMap<&'a At, Vec<(usize, u32, &'a How)>>,
    /// What is seen of a record: how many results, and where its dead letters stand.
    pub(crate) seen: BTreeMap<At, Seen>,
    /// The attempts behind which records were given up, as their dead letters say.
    pub(crate) given_up: BTreeSet<(At, u32)>,
}

/// What is seen of a record.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) results: Vec<usize>,
    pub(crate) letters: Vec<usize>,
    /// What calls published themselves: where it stands, and in which attempt.
    pub(crate) beside: Vec<(usize, u32)>,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(entries: &'a [Entry], rules: &'a Rules) -> Self {
        let (inputs, ends, seen) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut facts = Self { entries, rules, inputs, ends, seen, given_up: BTreeSet::new() };
        for (index, entry) in entries.iter().enumerate() {
            match &entry.what {
                What::Input(record) if rules.topics.contains_key(&record.at.topic) => {
                    facts.inputs.insert(&record.at, record);
                }
                What::Ended(_, at, _, attempt, how) => {
                    facts.ends.entry(at).or_default().push((index, *attempt, how));
                }
                What::Seen(record) => facts.see(index, record),
                _ => {}
            }
        }
        facts
    }

    fn see(&mut self, index: usize, record: &Copied) {
        if let Some((at, attempt)) = published_beside(&record.headers) {
            self.seen.entry(at).or_default().beside.push((index, attempt));
            return;
        }
        let (of, is_letter) = sources(&record.headers);
        for at in of {
            if let Some(attempts) = attempts(&record.headers).filter(|_| is_letter) {
                self.given_up.insert((at.clone(), attempts));
            }
            let seen = self.seen.entry(at).or_default();
            if is_letter { seen.letters.push(index) } else { seen.results.push(index) }
        }
    }

    /// What is said of the topic of a record.
    pub(crate) fn subscribed(&self, at: &At) -> Option<&'a Subscribed> {
        self.rules.topics.get(&at.topic)
    }

    /// The records of a partition before this offset, from `from` on.
    pub(crate) fn before(
        &self,
        place: &TopicPartition,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = &'a At> {
        let at = |offset| At::new(place.topic.clone(), place.partition, offset);
        let range = self.inputs.range(at(from)..at(to.max(from)));
        range.map(|(at, _)| *at).collect::<Vec<_>>().into_iter()
    }

    /// A promise was broken to these records, by what stands at `index`.
    pub(crate) fn broken(
        &self,
        what: (Invariant, impl fmt::Display),
        index: impl Into<Option<usize>>,
        of: &[&At],
    ) -> Broken {
        Broken::at(what, self.entries, index.into(), of)
    }
}
