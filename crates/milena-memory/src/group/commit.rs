use super::Group;
use crate::{
    assign::{Place, place},
    faults::{Answering, Asked},
    member::{Member, Standing},
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::Event,
};

/// What the group has committed.
impl Group {
    /// Commits, if the member may, and answers it; whether it did. One that is refused as fenced is
    /// the sign that the group has gone on without the member.
    pub(crate) fn commit(
        &mut self,
        id: u64,
        offsets: &[(TopicPartition, i64)],
        asked: &mut Asked,
    ) -> bool {
        let refused = self.refusal(id, asked);
        let result = match refused {
            Some((kind, cause)) => Err(self.refuse(kind, cause)),
            None => self.check_commit(id, offsets),
        };
        let accepted = result.is_ok();
        let mut answering = Answering::Now;
        if accepted {
            answering = asked.answer_commit();
            self.committed.extend(offsets.iter().map(|(at, offset)| (place(at), *offset)));
            offsets.iter().for_each(|(at, _)| self.pending.outdate(&place(at)));
        }
        let lost = "the connection broke before the answer came, which was asked for";
        let lost = self.refuse(ErrorKind::Unreachable, lost);
        if let Some(member) = self.members.get_mut(&id) {
            match answering {
                Answering::Now => member.tell(Event::Committed(result)),
                Answering::Later => member.answer_later(result),
                Answering::Never => member.tell(Event::Committed(Err(lost))),
            }
        }
        if refused.is_some_and(|(kind, _)| kind == ErrorKind::Fenced) {
            self.fence(id);
        }
        accepted
    }

    /// Gives the answers that were kept back.
    pub(crate) fn release_commits(&mut self) {
        self.members.values_mut().for_each(Member::release_answer);
    }

    pub(crate) fn committed(&self, place: &Place) -> Option<i64> {
        self.committed.get(place).copied()
    }

    /// The offset up to which the group is done with the partition.
    pub(crate) fn done(&self, place: &Place) -> i64 {
        self.committed.get(place).or_else(|| self.began.get(place)).copied().unwrap_or(0)
    }

    /// Why the commit is refused, if that was asked for.
    fn refusal(&mut self, id: u64, asked: &mut Asked) -> Option<(ErrorKind, &'static str)> {
        let member = self.members.get_mut(&id);
        if member.is_some_and(|member| std::mem::take(&mut member.outdated)) {
            asked.fired.commits_outdated += 1;
            return Some((ErrorKind::Rebalancing, "the generation of the group has moved"));
        }
        Some((asked.refuse_commit()?, "the refusal was asked for"))
    }

    fn refuse(&self, kind: ErrorKind, cause: &str) -> Error {
        let group = self.name.as_deref().unwrap_or_default();
        Error::new(kind, format!("could not commit for group `{group}`: {cause}"))
    }

    fn check_commit(&self, id: u64, offsets: &[(TopicPartition, i64)]) -> Result<(), Error> {
        if self.name.is_none() {
            let message = "could not commit: the consumer has no group";
            return Err(Error::new(ErrorKind::Config, message));
        }
        let member = self.members.get(&id).filter(|member| member.standing() != Standing::Out);
        let Some(member) = member else {
            return Err(self.refuse(ErrorKind::Fenced, "the member has left"));
        };
        if member.awaits_commit() {
            return Err(self.refuse(ErrorKind::Driver, "the commit before is not answered yet"));
        }
        if !member.shares() && !self.members().is_empty() {
            let cause = "it has members, and this consumer chose its partitions itself";
            return Err(self.refuse(ErrorKind::Fenced, cause));
        }
        match offsets.iter().find(|(at, _)| !member.has(&place(at))) {
            Some((at, _)) => {
                Err(self.refuse(ErrorKind::Fenced, &format!("`{at}` is not this member's")))
            }
            None => Ok(()),
        }
    }
}
