use crate::{
    assign::{Place, place},
    log::{Log, now},
    topics::Topics,
};
use milena_core::{
    error::{Error, ErrorKind},
    transport::{ConsumerConfig, IsolationLevel, Membership, Reset, Selection, StartAt},
};
use std::{collections::BTreeSet, sync::Arc};

/// What a member joined with.
pub(crate) struct Terms {
    pub(crate) selection: Selection,
    pub(crate) start: StartAt,
    pub(crate) reset: Reset,
    /// Its name in the group, under which it may come back.
    pub(crate) instance: Option<Arc<str>>,
    /// How it agrees with others, best first.
    pub(crate) protocols: Vec<Protocol>,
    /// Which records of transactions it reads.
    pub(crate) isolation: IsolationLevel,
    /// Whether its patterns take topics that begin with `__`.
    internal: bool,
}

/// How the members of a group agree on who has what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    /// The broker decides, and only what moves is revoked.
    Incremental,
    /// Everything is revoked, and dealt out as `range` does.
    Range,
    /// Everything is revoked, and dealt out as `roundrobin` does.
    RoundRobin,
}

impl Terms {
    pub(crate) fn new(membership: Membership) -> Result<Self, Error> {
        let Membership { group, selection, start, reset, config } = membership;
        let shares = group.is_some() && matches!(selection, Selection::Topics { .. });
        let agreed = Protocol::all(&config)?;
        // Who is alone has nothing to give up for others.
        let protocols = if shares { agreed } else { vec![Protocol::Incremental] };
        Ok(Self {
            protocols,
            instance: config.get("group.instance.id").filter(|_| shares).map(Into::into),
            isolation: isolation(&config)?,
            internal: config.get("exclude.internal.topics") == Some("false"),
            selection,
            start,
            reset,
        })
    }

    /// Whether it shares what it reads with the other members.
    pub(crate) fn shares(&self) -> bool {
        matches!(self.selection, Selection::Topics { .. })
    }

    /// Where a partition begins for which nothing is committed; `None` is nowhere.
    pub(crate) fn begin(&self, of: &Place, log: &Log) -> Option<i64> {
        let end = log.end_at(self.isolation);
        let since = |millis| log.at_time(millis, self.isolation).unwrap_or(end);
        match &self.start {
            StartAt::Committed => None,
            StartAt::Latest => Some(end),
            StartAt::Time(millis) => Some(since(*millis)),
            StartAt::Ago(age) => {
                let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                Some(since(now().saturating_sub(age)))
            }
            StartAt::Offsets(offsets) => {
                let named = offsets.iter().rfind(|(at, _)| place(at) == *of);
                Some(named.map_or(log.begin(), |(_, offset)| *offset))
            }
            _ => Some(log.begin()),
        }
    }

    /// The topics that it subscribes to, as far as there are any that match its patterns.
    pub(crate) fn topics(&self, topics: &Topics) -> BTreeSet<Arc<str>> {
        let Selection::Topics { names, patterns } = &self.selection else {
            return BTreeSet::new();
        };
        let open = topics.names().filter(|name| self.internal || !name.starts_with("__"));
        let matching = open.filter(|name| patterns.iter().any(|pattern| pattern.is_match(name)));
        names.iter().chain(matching).cloned().collect()
    }

    /// The partitions that it named, as far as they exist.
    pub(crate) fn partitions(&self, topics: &Topics) -> BTreeSet<Place> {
        match &self.selection {
            Selection::Partitions(named) => {
                named.iter().map(place).filter(|place| topics.log(place).is_some()).collect()
            }
            Selection::Topics { .. } => BTreeSet::new(),
        }
    }
}

impl Protocol {
    fn all(config: &ConsumerConfig) -> Result<Vec<Self>, Error> {
        match config.get("group.protocol") {
            Some("consumer") => return Ok(vec![Self::Incremental]),
            None | Some("classic") => {}
            Some(other) => return Err(refused("group.protocol", other)),
        }
        let option = "partition.assignment.strategy";
        let names = config.get(option).unwrap_or("cooperative-sticky").split(',').map(str::trim);
        names
            .map(|name| match name {
                "cooperative-sticky" => Ok(Self::Incremental),
                "range" => Ok(Self::Range),
                "roundrobin" => Ok(Self::RoundRobin),
                other => Err(refused(option, other)),
            })
            .collect()
    }

    /// The name of it in a membership's config.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Incremental => "cooperative-sticky",
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }
}

/// Which records of transactions a consumer reads that is configured so.
pub(crate) fn isolation(config: &ConsumerConfig) -> Result<IsolationLevel, Error> {
    let option = "isolation.level";
    match config.get(option) {
        None | Some("read_committed") => Ok(IsolationLevel::ReadCommitted),
        Some("read_uncommitted") => Ok(IsolationLevel::ReadUncommitted),
        Some(other) => Err(refused(option, other)),
    }
}

fn refused(option: &str, value: &str) -> Error {
    let message = format!("could not use option `{option}`: there is no `{value}`");
    Error::new(ErrorKind::Config, message)
}
