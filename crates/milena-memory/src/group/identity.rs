use super::{Group, GroupId};
use crate::{assign::place, faults::Asked, member::Standing};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
};

/// Who commits offsets in a transaction.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) group: GroupId,
    /// The member, and the generation of which it is one; none for a consumer that named its partitions.
    member: Option<(u64, u64)>,
}

/// Who may commit in transactions.
impl Group {
    /// Who this member is, if these partitions are its own.
    pub(crate) fn identify(
        &self,
        id: u64,
        partitions: &[TopicPartition],
    ) -> Result<Identity, Error> {
        let Some(name) = &self.name else {
            return Err(refused(ErrorKind::Config, "the consumer has no group"));
        };
        let member = self.members.get(&id).filter(|member| member.standing() != Standing::Out);
        let Some(member) = member else {
            return Err(refused(ErrorKind::Fenced, &format!("it is in group `{name}` no more")));
        };
        if member.standing() != Standing::In {
            let cause = format!("group `{name}` goes on without it for now");
            return Err(refused(ErrorKind::Rebalancing, &cause));
        }
        if let Some((at, _)) =
            partitions.iter().map(|at| (at, place(at))).find(|(_, at)| !member.has(at))
        {
            let cause = format!("`{at}` is not this member's of group `{name}`");
            return Err(refused(ErrorKind::Rebalancing, &cause));
        }
        let group = GroupId::Named(name.clone());
        Ok(Identity { group, member: member.shares().then_some((id, self.generation)) })
    }

    /// Why this one may not commit in a transaction, if that is so. As in Kafka it is not asked what is its own.
    pub(crate) fn refuse_identity(
        &mut self,
        identity: &Identity,
        asked: &mut Asked,
    ) -> Option<&'static str> {
        let (id, generation) = identity.member?;
        let known = |standing| matches!(standing, Standing::In | Standing::Behind);
        let Some(member) = self.members.get_mut(&id).filter(|it| known(it.standing())) else {
            return Some("the member is in the group no more");
        };
        let outdated = std::mem::take(&mut member.outdated);
        asked.fired.commits_outdated += usize::from(outdated);
        let old = outdated || generation != self.generation;
        old.then_some("the generation of the group has moved")
    }
}

fn refused(kind: ErrorKind, cause: &str) -> Error {
    Error::new(kind, format!("could not tell who a member is: {cause}"))
}
