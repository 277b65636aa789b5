//! What a rebalance asks for, and what is done about it.

use milena_core::record::{Epoch, TopicPartition};

/// The number of something the runtime was told. What the runtime asks for carries the last one it
/// had seen, so that an answer is never taken for one to a later question.
pub(super) type Ticket = u64;

/// What librdkafka asked for.
#[derive(Clone, Debug)]
pub(super) struct Op {
    pub(super) kind: Kind,
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) eager: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Assign,
    Revoke,
    /// A revoke of what is no longer this member's already.
    Lose,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Tell the runtime.
    Tell(Ticket, Notice),
    /// Nothing more of these is read or committed.
    End(Vec<TopicPartition>),
    /// Nothing that was read of these and not told is told any more.
    Withdraw(Vec<TopicPartition>),
    /// Read on at these offsets.
    Move(Vec<Move>),
    /// Answer librdkafka.
    Call(Call),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Notice {
    Assigned(Vec<(TopicPartition, Epoch)>),
    Revoked(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>, &'static str),
    Moved(Move),
    /// The offset that was not there, and where reading goes on.
    Reset(TopicPartition, i64, i64),
}

/// A call of librdkafka.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    /// `assign`, or `incremental_assign`.
    Assign { partitions: Vec<Start>, eager: bool },
    /// `incremental_unassign`.
    Unassign(Vec<TopicPartition>),
    /// `unassign`.
    UnassignAll,
}

/// Where reading a partition begins; without an offset, where the group left off.
pub(super) type Start = (TopicPartition, Epoch, Option<i64>);

/// Where reading a partition goes on, and under which epoch.
pub(super) type Move = (TopicPartition, Epoch, i64);

pub(super) const SUPERSEDED: &str = "the group rebalanced again before they were handed over";
pub(super) const LOST: &str = "the group took them away";
pub(super) const FENCED: &str = "the group went on without this member";
