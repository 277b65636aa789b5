//! Who the member is, for transactions that commit its offsets.

use super::{
    step::{Kind, Ticket},
    worker::Worker,
};
use crate::native::Generation;
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::GroupMetadata,
};
use std::time::Duration;

/// What is known of generations.
#[derive(Default)]
pub(super) struct Generations {
    /// That in which a revoke came that is not answered yet.
    revoking: Option<GroupMetadata>,
    /// How many rebalances were heard of.
    heard: u64,
}

impl Worker {
    /// A rebalance is heard of.
    ///
    /// With a revoke open librdkafka may go on to a generation in which others have what is revoked, and tell
    /// of it only later. The generation of the revoke is refused then.
    pub(super) fn note_generation(&mut self, kind: Kind) {
        self.generations.heard += 1;
        if kind == Kind::Revoke && !self.rebalance.is_revoking() {
            self.generations.revoking = self.member();
        }
    }

    /// Who this member is while these are its own.
    pub(super) fn generation(
        &mut self,
        seen: Ticket,
        partitions: &[TopicPartition],
    ) -> Result<GroupMetadata, Error> {
        let Some(group) = self.settings.group.clone() else {
            return Err(self.no_generation(ErrorKind::Config, "there is no group to commit for"));
        };
        loop {
            self.listen(Duration::ZERO);
            let heard = self.generations.heard;
            if let Some(at) = partitions.iter().find(|at| !self.rebalance.is_held_since(at, seen)) {
                let why = format!("`{at}` is not this member's, or has moved");
                return Err(self.no_generation(ErrorKind::Rebalancing, &why));
            }
            let metadata = match self.settings.is_manual {
                true => Generation::outside(&group).map(GroupMetadata::new),
                false if self.rebalance.is_revoking() => self.generations.revoking.clone(),
                false => self.member(),
            };
            // With what came meanwhile another generation may have come.
            self.listen(Duration::ZERO);
            if self.generations.heard == heard {
                let why = "the group does not know this member now";
                return metadata.ok_or_else(|| self.no_generation(ErrorKind::Rebalancing, why));
            }
        }
    }

    /// The brokers check nothing of what a client says that has no name in the group.
    fn member(&self) -> Option<GroupMetadata> {
        self.client.generation().filter(Generation::is_member).map(GroupMetadata::new)
    }

    fn no_generation(&self, kind: ErrorKind, why: &str) -> Error {
        let whom = self.settings.whom();
        Error::new(kind, format!("could not commit in a transaction for {whom}: {why}"))
    }
}

/// The answer when the consumer has ended.
pub(super) fn too_late() -> Error {
    let message = "could not commit in a transaction: the consumer has left its group";
    Error::new(ErrorKind::Rebalancing, message)
}
