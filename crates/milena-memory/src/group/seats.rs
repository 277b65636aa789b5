use super::Group;
use crate::{
    assign::Place,
    member::{Member, Standing},
};
use milena_core::{
    error::{Error, ErrorKind},
    transport::{Event, Selection},
};
use std::{collections::BTreeSet, task::Waker};

/// Who is in the group.
impl Group {
    /// Takes a member in. One that comes back under the name of another takes that one's place, and
    /// as long as both read the same, nobody else notices.
    ///
    /// # Errors
    ///
    /// There is no protocol that everybody takes.
    pub(crate) fn join(&mut self, id: u64, mut member: Member) -> Result<(), Error> {
        self.agree(&member)?;
        let seat = self.seat(member.terms().instance.as_deref());
        match seat.and_then(|seat| self.vacate(seat)) {
            Some((target, selection)) if selection == member.terms().selection => {
                member.inherit(target);
                self.released = true;
                self.changed |= self.clearing;
            }
            _ => self.changed = true,
        }
        self.members.insert(id, member);
        Ok(())
    }

    /// The member goes, and what it has is free at once; unless it has a name of its own, under which
    /// its part is kept. Gives what it is to be told yet, and whom to wake.
    pub(crate) fn leave(&mut self, id: u64) -> Option<(Vec<Event>, Option<Waker>)> {
        let member = self.members.get_mut(&id)?;
        let left = (member.take_answers(), member.take_waker());
        if member.terms().instance.is_some() && member.standing() != Standing::Out {
            member.depart();
            self.released = true;
        } else {
            self.changed |= member.standing() != Standing::Out;
            self.members.remove(&id);
        }
        Some(left)
    }

    /// The time for a member to come back is over; whether there was one.
    pub(crate) fn expire(&mut self, instance: &str) -> bool {
        let seat = self.seat(Some(instance));
        let gone = seat.filter(|id| self.members[id].standing() == Standing::Absent);
        self.changed |= gone.is_some();
        gone.and_then(|id| self.members.remove(&id)).is_some()
    }

    /// Takes everything from the member, which joins anew when it has been told; whether it was there.
    pub(crate) fn fence(&mut self, id: u64) -> bool {
        let here = self.members.get_mut(&id).filter(|member| member.standing() != Standing::Absent);
        let fenced = here.map(Member::fence).is_some();
        self.changed |= fenced;
        fenced
    }

    /// The next commit of each member comes from the generation before.
    pub(crate) fn move_generation(&mut self) {
        self.members.values_mut().for_each(|member| member.outdated = member.shares());
        self.changed = true;
    }

    /// The members, in the order in which they joined, with those that are to come back.
    pub(crate) fn members(&self) -> Vec<u64> {
        let members = self.members.iter();
        let those = members.filter(|(_, it)| it.shares() && it.standing() != Standing::Out);
        those.map(|(id, _)| *id).collect()
    }

    /// Who has this name.
    fn seat(&self, instance: Option<&str>) -> Option<u64> {
        let instance = instance?;
        let mut members = self.members.iter();
        let named = |it: &Member| it.terms().instance.as_deref() == Some(instance);
        let seat = members.find(|(_, it)| named(it) && it.standing() != Standing::Out);
        seat.map(|(id, _)| *id)
    }

    /// The member has to go, and is told so if it is still there. Gives what it was to have, and of what.
    fn vacate(&mut self, id: u64) -> Option<(BTreeSet<Place>, Selection)> {
        let mut member = self.members.remove(&id)?;
        let seat = (member.target().clone(), member.terms().selection.clone());
        if member.standing() != Standing::Absent {
            let instance = member.terms().instance.clone().unwrap_or_default();
            let group = self.name.clone().unwrap_or_default();
            let message = format!(
                "could not stay in group `{group}`: another member has `group.instance.id` `{instance}`"
            );
            member.expel(Error::new(ErrorKind::Fenced, message));
            self.members.insert(id, member);
        }
        Some(seat)
    }
}
