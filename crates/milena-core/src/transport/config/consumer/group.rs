//! Options of a member of a group.

use super::ConsumerConfig;
use crate::transport::config::{Assignment, GroupProtocol};
use std::time::Duration;

impl ConsumerConfig {
    /// How long a member of a classic group may be silent before the others go on without it
    /// (`session.timeout.ms`), up to an hour; by default 45 s.
    ///
    /// The documents say 10 s. A member that was only slow for that long would lose its partitions, and
    /// its work would be done again; 45 s is what Java's consumer has.
    #[must_use]
    pub fn session_timeout(mut self, time: Duration) -> Self {
        self.options.set_millis("session.timeout.ms", time);
        self
    }

    /// How often a member of a classic group says that it is there (`heartbeat.interval.ms`). It is less
    /// than the [session](Self::session_timeout), and at most a third of it is wise; by default a third,
    /// and at most 3 s.
    #[must_use]
    pub fn heartbeat_interval(mut self, time: Duration) -> Self {
        self.options.set_millis("heartbeat.interval.ms", time);
        self
    }

    /// How long the members of a group wait for one that is to hand partitions over
    /// (`max.poll.interval.ms`), up to a day; by default 5 minutes. It is not less than the
    /// [session](Self::session_timeout). Half of it is for calls of handlers that still run.
    ///
    /// How long a handler takes is of no concern otherwise: a consumer is polled whatever handlers do.
    #[must_use]
    pub fn max_poll_interval(mut self, time: Duration) -> Self {
        self.options.set_millis("max.poll.interval.ms", time);
        self
    }

    /// Refused: the group waits for [`max_poll_interval`](Self::max_poll_interval), because librdkafka
    /// has no other option for it, and Milena drains for `Router::drain_timeout`.
    #[must_use]
    pub fn rebalance_timeout(mut self, _time: Duration) -> Self {
        let why = "librdkafka gives a rebalance the time of `max_poll_interval`, so set that one; \
                   how long running calls may take of it is `Router::drain_timeout`";
        self.options.refuse("rebalance_timeout", why);
        self
    }

    /// How the members of a classic group share the partitions (`partition.assignment.strategy`), the
    /// one to be preferred first; by default [`Assignment::CooperativeSticky`].
    ///
    /// The documents say round-robin. With it every rebalance would stop all members and take everything
    /// from them, and what they had in work would be done again. A group that changes from one to the
    /// other is stopped in between: cooperative and eager strategies do not go together, so that both at
    /// once are refused.
    #[must_use]
    pub fn partition_assignment_strategy(
        mut self,
        strategies: impl IntoIterator<Item = Assignment>,
    ) -> Self {
        let names: Vec<_> = strategies.into_iter().map(Assignment::name).collect();
        self.options.set("partition.assignment.strategy", names.join(","));
        self
    }

    /// How the members of the group agree on who reads what (`group.protocol`); by default
    /// [`GroupProtocol::Classic`]. With the other one the broker decides about sessions, heartbeats and
    /// strategies, so those cannot be set.
    #[must_use]
    pub fn group_protocol(mut self, protocol: GroupProtocol) -> Self {
        self.options.set("group.protocol", protocol.name());
        self
    }

    /// Makes it a static member (`group.instance.id`): the group keeps its partitions for it while it
    /// restarts, as long as the session lasts; by default it is none. No other member of the group may
    /// have the same name.
    #[must_use]
    #[doc(alias = "group_instance_id")]
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.options.set("group.instance.id", id);
        self
    }

    /// Whether offsets are committed because records were fetched. `false` is the only value: Milena
    /// commits what is done, at `Router::commit_interval`.
    ///
    /// The documents say `true`, which loses what a crash finds fetched and not done. Records that may
    /// be lost are subscribed to with `AckPolicy::OnReceive`.
    #[must_use]
    #[doc(alias = "auto_commit")]
    pub fn enable_auto_commit(mut self, enable: bool) -> Self {
        self.options.set("enable.auto.commit", enable.to_string());
        if enable {
            let why = "Milena commits what is done, and nothing else; `AckPolicy::OnReceive` is for \
                       records that may be lost";
            self.options.refuse("enable.auto.commit", why);
        }
        self
    }

    /// Refused: Milena commits what is done, at `Router::commit_interval`.
    #[must_use]
    pub fn auto_commit_interval(mut self, _time: Duration) -> Self {
        let why = "Milena commits what is done, at `Router::commit_interval`";
        self.options.refuse("auto_commit_interval", why);
        self
    }
}
