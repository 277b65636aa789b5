//! What a member holds, and what waits for an answer.

use crate::consumer::step::Ticket;
use milena_core::record::{Epoch, TopicPartition};

#[derive(Debug)]
pub(super) struct Held {
    /// Its latest beginning: that of its assignment, or of a move.
    pub(super) epoch: Epoch,
    /// That of its assignment.
    pub(super) assigned: Epoch,
    /// When its latest beginning was told.
    pub(super) told: Ticket,
    pub(super) phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// The runtime was told and has not answered; librdkafka does not read it yet.
    Offered,
    Live,
    /// The runtime was told to release it.
    Revoking(Ticket),
    /// It has ended for the runtime, and librdkafka has not asked for it or waits for the others.
    Ended,
}

#[derive(Debug)]
pub(super) struct Offer {
    pub(super) told: Ticket,
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) eager: bool,
}

#[derive(Debug)]
pub(super) struct Revoke {
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) eager: bool,
}

impl Held {
    pub(super) fn offered(epoch: Epoch, told: Ticket) -> Self {
        Self { epoch, assigned: epoch, told, phase: Phase::Offered }
    }

    /// Whether it can be committed.
    pub(super) fn is_owned(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Revoking(_))
    }
}

impl Phase {
    pub(super) fn is_revoking_since(self, seen: Ticket) -> bool {
        matches!(self, Self::Revoking(told) if told <= seen)
    }
}
