use crate::{
    assign::{Place, Subscribed, Target, balance},
    log::Topics,
    member::Member,
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::{Event, StartAt},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    task::Waker,
};

/// A consumer group: its members, and the offsets it committed.
///
/// It rebalances as KIP-848 does: the broker decides who is to have what, each member gives up what
/// is no longer meant for it when it is ready to, and what is free goes where it is meant to be.
pub(crate) struct Group {
    name: Arc<str>,
    members: BTreeMap<u64, Member>,
    committed: BTreeMap<Place, i64>,
    /// Where reading began when nothing was committed.
    began: BTreeMap<Place, i64>,
    last_epoch: u64,
    unbalanced: bool,
}

impl Group {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            members: BTreeMap::new(),
            committed: BTreeMap::new(),
            began: BTreeMap::new(),
            last_epoch: 0,
            unbalanced: false,
        }
    }

    pub(crate) fn join(&mut self, id: u64, member: Member) {
        self.members.insert(id, member);
        self.unbalanced = true;
    }

    /// The member goes, and what it has is free at once.
    pub(crate) fn leave(&mut self, id: u64) -> Option<Member> {
        self.unbalanced = true;
        self.members.remove(&id)
    }

    /// Takes everything from the member, which joins anew when it has been told.
    pub(crate) fn fence(&mut self, id: u64) {
        if let Some(member) = self.members.get_mut(&id) {
            member.fence();
            self.unbalanced = true;
        }
    }

    pub(crate) fn next_event(&mut self, id: u64, topics: &Topics) -> Option<Event> {
        let event = self.members.get_mut(&id)?.next_event(topics);
        self.unbalanced |= matches!(event, Some(Event::Lost(_)));
        event
    }

    /// Begins to read, at the given offset, else the committed one, else where new groups start.
    pub(crate) fn assign(
        &mut self,
        id: u64,
        partitions: Vec<(TopicPartition, Option<i64>)>,
        topics: &Topics,
    ) {
        let Some(member) = self.members.get_mut(&id) else { return };
        for (TopicPartition { topic, partition }, offset) in partitions {
            let place = (topic, partition);
            let Some(log) = topics.log(&place) else { continue };
            let committed = self.committed.get(&place).copied();
            let wanted = offset.or(committed).filter(|at| (0..=log.end()).contains(at));
            let start = if *member.start() == StartAt::Latest { log.end() } else { 0 };
            let position = wanted.unwrap_or(start);
            if member.begin(&place, position) && committed.is_none() {
                self.began.insert(place, position);
            }
        }
    }

    pub(crate) fn release(&mut self, id: u64, partitions: Vec<TopicPartition>) {
        let Some(member) = self.members.get_mut(&id) else { return };
        for TopicPartition { topic, partition } in partitions {
            member.release(&(topic, partition));
        }
        self.unbalanced = true;
    }

    /// Commits, if the member may, and answers it; whether it did. One that is refused as fenced is
    /// the sign that the group has gone on without the member.
    pub(crate) fn commit(
        &mut self,
        id: u64,
        offsets: Vec<(TopicPartition, i64)>,
        refused: Option<ErrorKind>,
    ) -> bool {
        let result = self.check_commit(id, &offsets, refused);
        let accepted = result.is_ok();
        if accepted {
            let offset = |(at, offset): (TopicPartition, i64)| ((at.topic, at.partition), offset);
            self.committed.extend(offsets.into_iter().map(offset));
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.tell(Event::Committed(result));
        }
        if refused == Some(ErrorKind::Fenced) {
            self.fence(id);
        }
        accepted
    }

    pub(crate) fn park(&mut self, id: u64, partition: &TopicPartition, parked: bool) {
        if let Some(member) = self.members.get_mut(&id) {
            member.park(&(partition.topic.clone(), partition.partition), parked);
        }
    }

    /// Decides anew who is to have what, and hands out what is free.
    pub(crate) fn rebalance(&mut self, topics: &Topics) {
        self.unbalanced = false;
        let subscribed: Subscribed = self
            .members
            .iter()
            .filter(|(_, member)| !member.is_fenced())
            .map(|(id, member)| (*id, member.topics().clone()))
            .collect();
        let before: Target =
            self.members.iter().map(|(id, member)| (*id, member.target().clone())).collect();
        let mut target = balance(&subscribed, &partitions(&subscribed, topics), &before);
        for (id, member) in &mut self.members {
            member.aim(target.remove(id).unwrap_or_default());
        }
        self.hand_out();
    }

    /// Whether somebody came, went, or gave something up since the last rebalance.
    pub(crate) fn is_unbalanced(&self) -> bool {
        self.unbalanced
    }

    pub(crate) fn set_waker(&mut self, id: u64, waker: &Waker) -> Option<Waker> {
        self.members.get_mut(&id)?.set_waker(waker)
    }

    pub(crate) fn take_waker(&mut self, id: u64) -> Option<Waker> {
        self.members.get_mut(&id)?.take_waker()
    }

    pub(crate) fn take_wakers(&mut self) -> impl Iterator<Item = Waker> {
        self.members.values_mut().filter_map(Member::take_waker)
    }

    /// The waker of the member that may read the partition.
    pub(crate) fn take_waker_of_owner(&mut self, place: &Place) -> Option<Waker> {
        self.members.values_mut().find(|member| member.has(place))?.take_waker()
    }

    /// The members, in the order in which they joined.
    pub(crate) fn members(&self) -> Vec<u64> {
        self.members.keys().copied().collect()
    }

    pub(crate) fn committed(&self, place: &Place) -> Option<i64> {
        self.committed.get(place).copied()
    }

    /// The offset up to which the group is done with the partition.
    pub(crate) fn done(&self, place: &Place) -> i64 {
        self.committed.get(place).or_else(|| self.began.get(place)).copied().unwrap_or(0)
    }

    fn check_commit(
        &self,
        id: u64,
        offsets: &[(TopicPartition, i64)],
        refused: Option<ErrorKind>,
    ) -> Result<(), Error> {
        let refuse = |kind, cause: &str| {
            Err(Error::new(kind, format!("could not commit for group `{}`: {cause}", self.name)))
        };
        if let Some(kind) = refused {
            return refuse(kind, "the refusal was asked for");
        }
        let Some(member) = self.members.get(&id) else {
            return refuse(ErrorKind::Fenced, "the member has left");
        };
        if member.awaits_commit() {
            return refuse(ErrorKind::Driver, "the commit before is not answered yet");
        }
        match offsets.iter().find(|(at, _)| !member.has(&(at.topic.clone(), at.partition))) {
            Some((at, _)) => refuse(ErrorKind::Fenced, &format!("`{at}` is not this member's")),
            None => Ok(()),
        }
    }

    fn hand_out(&mut self) {
        let taken: BTreeSet<Place> =
            self.members.values().flat_map(Member::owned).cloned().collect();
        for member in self.members.values_mut() {
            let free: Vec<Place> = member.target().difference(&taken).cloned().collect();
            for place in free {
                self.last_epoch += 1;
                member.grant(place, self.last_epoch);
            }
        }
    }
}

/// All partitions of the topics that somebody subscribes to.
fn partitions(subscribed: &Subscribed, topics: &Topics) -> Vec<Place> {
    let names: BTreeSet<&Arc<str>> = subscribed.values().flatten().collect();
    let count = |name: &Arc<str>| topics.get(name).map_or(0, |topic| topic.partitions());
    let of = |name: &Arc<str>| (0..count(name)).map(|n| (name.clone(), n)).collect::<Vec<_>>();
    names.into_iter().flat_map(of).collect()
}
