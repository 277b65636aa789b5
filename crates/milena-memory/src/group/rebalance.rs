use super::Group;
use crate::{
    assign::{Place, Subscribed, Target, balance, range, round_robin},
    member::{Member, Standing},
    terms::Protocol,
    topics::Topics,
};
use milena_core::error::{Error, ErrorKind};
use std::{collections::BTreeSet, sync::Arc};

/// Who is to have what, and when they get it.
///
/// With the incremental protocol the broker decides as KIP-848 has it: each member gives up what is no
/// longer meant for it when it is ready to, and what is free goes where it is meant to be. With an
/// eager one every member gives up everything, and when all have, everything is dealt out anew.
impl Group {
    /// Whether a rebalance is due.
    pub(crate) fn is_unbalanced(&self) -> bool {
        self.changed || self.released
    }

    /// Looks whether there is something else to have than at the last rebalance.
    pub(crate) fn look(&mut self, topics: &Topics) {
        self.changed |= self.view(topics) != self.view;
    }

    /// Decides anew who is to have what, and hands out what is free.
    pub(crate) fn rebalance(&mut self, topics: &Topics) {
        let changed = std::mem::take(&mut self.changed);
        self.released = false;
        self.generation += 1;
        self.view = self.view(topics);
        match self.protocol() {
            Protocol::Incremental => self.shift(topics),
            Protocol::Range => self.deal_anew(changed, topics, range),
            Protocol::RoundRobin => self.deal_anew(changed, topics, round_robin),
        }
        for member in self.members.values_mut().filter(|member| !member.shares()) {
            member.aim(member.terms().partitions(topics));
            member.invite();
        }
        self.hand_out();
    }

    /// Says whether everybody, and this one, can agree somehow.
    pub(super) fn agree(&self, newcomer: &Member) -> Result<(), Error> {
        let instance = &newcomer.terms().instance;
        let replaced = |member: &Member| instance.is_some() && member.terms().instance == *instance;
        let mut others = self.seated().map(|(_, member)| member).filter(|it| !replaced(it));
        let takes = |protocol: &Protocol| {
            others.clone().all(|member| member.terms().protocols.contains(protocol))
        };
        if !newcomer.shares() || newcomer.terms().protocols.iter().any(takes) {
            return Ok(());
        }
        let names = |member: &Member| {
            let names: Vec<&str> = member.terms().protocols.iter().map(|it| it.name()).collect();
            names.join(",")
        };
        let (group, has) = (self.name.as_deref().unwrap_or_default(), names(newcomer));
        let wanted = others.next().map(names).unwrap_or_default();
        let message = format!(
            "could not join group `{group}`: its members assign by `{wanted}`, and this one by `{has}`"
        );
        Err(Error::new(ErrorKind::Config, message))
    }

    /// The first protocol of the oldest member that everybody takes.
    fn protocol(&self) -> Protocol {
        let oldest = self.seated().next().map(|(_, member)| &*member.terms().protocols);
        let all_take = |protocol: &&Protocol| {
            self.seated().all(|(_, member)| member.terms().protocols.contains(protocol))
        };
        let agreed = oldest.unwrap_or_default().iter().find(all_take);
        agreed.copied().unwrap_or(Protocol::Incremental)
    }

    /// Moves what has to move.
    fn shift(&mut self, topics: &Topics) {
        self.clearing = false;
        let subscribed = self.subscribed(topics);
        let before: Target =
            self.seated().map(|(id, member)| (id, member.target().clone())).collect();
        let target = balance(&subscribed, &partitions(&subscribed, topics), &before);
        self.aim(target);
    }

    /// Takes everything back when there was a change, and deals it out when nobody has anything.
    fn deal_anew(&mut self, changed: bool, topics: &Topics, rule: Rule) {
        if changed {
            self.clearing = true;
            self.sharing().for_each(|member| {
                member.aim(BTreeSet::new());
                member.uninvite();
            });
        }
        let all_free = self.sharing().all(|member| member.owned().next().is_none());
        if std::mem::take(&mut self.clearing) {
            if all_free {
                let subscribed = self.subscribed(topics);
                let partitions = partitions(&subscribed, topics);
                self.aim(rule(&self.order(), &subscribed, &partitions));
            }
            self.clearing = !all_free;
        }
    }

    fn aim(&mut self, mut target: Target) {
        for (id, member) in self.members.iter_mut().filter(|(_, member)| member.shares()) {
            member.aim(target.remove(id).unwrap_or_default());
            member.invite();
        }
    }

    fn hand_out(&mut self) {
        let sharing = self.members.values().filter(|member| member.shares());
        let taken: BTreeSet<Place> = sharing.flat_map(Member::owned).cloned().collect();
        let here = |member: &&mut Member| member.standing() == Standing::In;
        for member in self.members.values_mut().filter(here) {
            let own: BTreeSet<Place> = member.owned().cloned().collect();
            let taken = if member.shares() { &taken } else { &own };
            let free: Vec<Place> = member.target().difference(taken).cloned().collect();
            for place in free {
                member.grant(place, self.epochs.next());
            }
        }
    }

    fn sharing(&mut self) -> impl Iterator<Item = &mut Member> {
        self.members.values_mut().filter(|member| member.shares())
    }

    /// The members that have a part, or one that is kept for them.
    fn seated(&self) -> impl Iterator<Item = (u64, &Member)> + Clone {
        let members = self.members.iter().map(|(id, member)| (*id, member));
        members.filter(|(_, member)| {
            member.shares() && matches!(member.standing(), Standing::In | Standing::Absent)
        })
    }

    /// The members as assignors sort them: by the names of those that have one, and then by their age.
    fn order(&self) -> Vec<u64> {
        let mut members: Vec<_> = self.seated().collect();
        members.sort_by_key(|(id, member)| {
            let instance = &member.terms().instance;
            (instance.is_none(), instance.clone(), *id)
        });
        members.into_iter().map(|(id, _)| id).collect()
    }

    fn subscribed(&self, topics: &Topics) -> Subscribed {
        self.seated().map(|(id, member)| (id, member.terms().topics(topics))).collect()
    }

    fn view(&self, topics: &Topics) -> BTreeSet<Place> {
        let named = self.members.values().flat_map(|member| member.terms().partitions(topics));
        partitions(&self.subscribed(topics), topics).into_iter().chain(named).collect()
    }
}

/// An assignor: what the members in this order get of these partitions.
type Rule = fn(&[u64], &Subscribed, &[Place]) -> Target;

/// All partitions of the topics that somebody subscribes to.
fn partitions(subscribed: &Subscribed, topics: &Topics) -> Vec<Place> {
    let names: BTreeSet<&Arc<str>> = subscribed.values().flatten().collect();
    let count = |name: &Arc<str>| topics.get(name).map_or(0, |topic| topic.partitions());
    let of = |name: &Arc<str>| (0..count(name)).map(|n| (name.clone(), n)).collect::<Vec<_>>();
    names.into_iter().flat_map(of).collect()
}
