use super::{step::Ticket, worker::Worker};
use crate::error::error;
use milena_core::{
    error::{Error, ErrorKind},
    record::{Epoch, TopicPartition},
    transport::Event,
};
use rdkafka::{Offset, TopicPartitionList, error::RDKafkaErrorCode as Code};

/// A commit that the broker has not answered.
pub(super) struct Pending {
    /// The latest assignment when it was sent.
    epoch: Epoch,
}

impl Worker {
    /// Commits what is still this member's. The broker does not check that: it would set back whoever
    /// has the partition now.
    pub(super) fn commit(&mut self, seen: Ticket, offsets: Vec<(TopicPartition, i64)>) {
        if let Some(answer) = self.send_commit(seen, offsets) {
            self.mailbox.tell(Event::Committed(answer));
        }
    }

    /// The broker answered a commit.
    pub(super) fn committed(&mut self, result: Result<(), Code>) {
        let Some(Pending { epoch }) = self.pending.take() else { return };
        let answer = result.map_err(|code| error(&self.what(), code));
        let fenced = answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Fenced);
        self.mailbox.tell(Event::Committed(answer));
        if fenced {
            let steps = self.rebalance.fence(epoch);
            self.take(steps);
        }
    }

    /// Sends it, or answers at once.
    fn send_commit(
        &mut self,
        seen: Ticket,
        mut offsets: Vec<(TopicPartition, i64)>,
    ) -> Option<Result<(), Error>> {
        let refuse =
            |kind, why| Some(Err(Error::new(kind, format!("could not {}: {why}", self.what()))));
        if self.pending.is_some() {
            return refuse(ErrorKind::Driver, "the commit before is not answered yet");
        }
        if self.settings.group.is_none() {
            return refuse(ErrorKind::Config, "there is no group to commit for");
        }
        let asked = offsets.len();
        let moved = offsets.iter().any(|(at, _)| self.rebalance.is_held(at));
        offsets.retain(|(at, _)| self.rebalance.is_held_since(at, seen));
        if offsets.len() < asked {
            let (group, left_out) = (self.settings.group(), asked - offsets.len());
            tracing::debug!(
                group,
                left_out,
                "a commit names partitions that are not this member's, or have moved"
            );
        }
        if offsets.is_empty() {
            return match (asked, moved) {
                (0, _) => Some(Ok(())),
                (_, true) => refuse(ErrorKind::Rebalancing, "the partitions have moved since"),
                _ => refuse(ErrorKind::Fenced, "the partitions are not this member's"),
            };
        }
        if let Err(code) = list(&offsets).and_then(|list| self.client.commit(&list)) {
            return Some(Err(error(&self.what(), code)));
        }
        self.pending = Some(Pending { epoch: self.rebalance.epoch() });
        None
    }

    fn what(&self) -> String {
        format!("commit for {}", self.settings.whom())
    }
}

/// The answer to a commit when the consumer has ended.
pub(super) fn too_late() -> Error {
    Error::new(ErrorKind::Fenced, "could not commit: the consumer has left its group")
}

pub(crate) fn list(offsets: &[(TopicPartition, i64)]) -> Result<TopicPartitionList, Code> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (at, offset) in offsets {
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(*offset))
            .map_err(|error| error.rdkafka_error_code().unwrap_or(Code::InvalidArgument))?;
    }
    Ok(list)
}
