//! Options of when a record counts as written.

use super::ProducerConfig;
use crate::transport::config::Acks;
use std::time::Duration;

impl ProducerConfig {
    /// How many replicas have a record when it counts as written (`acks`). [`Acks::All`] is the only
    /// value: with fewer, what was published could be lost with a broker, after its source was committed.
    ///
    /// The documents say 1, and all with idempotence.
    #[must_use]
    pub fn acks(mut self, acks: Acks) -> Self {
        self.options.set("acks", acks.name());
        self
    }

    /// Whether a record is written once and in order, however often it has to be sent
    /// (`enable.idempotence`). `true` is the only value.
    ///
    /// The documents say `false`.
    #[must_use]
    pub fn enable_idempotence(mut self, enable: bool) -> Self {
        self.options.set("enable.idempotence", enable.to_string());
        self
    }

    /// Refused: a record is sent until the broker took it or refused it, because one that was given up
    /// before may have been written.
    #[must_use]
    pub fn retries(mut self, _retries: u32) -> Self {
        let why = "a record is sent until the broker took it or refused it, because one that was given \
                   up may have been written; bound the time you wait for it instead";
        self.options.refuse("retries", why);
        self
    }

    /// Refused: it is [`retry_backoff`](Self::retry_backoff).
    #[must_use]
    pub fn send_backoff(mut self, _time: Duration) -> Self {
        let why = "there is one time between tries, `retry_backoff`";
        self.options.refuse("send_backoff", why);
        self
    }

    /// How many requests to a broker are on their way at once (`max.in.flight`), from 1 to 5; by default 5.
    /// Order does not depend on it.
    #[must_use]
    #[doc(alias = "max_in_flight_requests_per_connection")]
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.options.set("max.in.flight", requests.to_string());
        self
    }

    /// How long the replicas may take to have a batch (`request.timeout.ms`), and a broker to answer at
    /// all (`socket.timeout.ms`), from 10 ms to 5 minutes, before it is sent again; by default 30 s and
    /// 60 s. It never gives a record up.
    ///
    /// The documents say 40 s for both, and give a record up by it, too.
    #[must_use]
    #[doc(alias = "request_timeout_ms")]
    pub fn request_timeout(mut self, time: Duration) -> Self {
        self.options.set_millis("request.timeout.ms", time);
        self.options.set_millis("socket.timeout.ms", time);
        self
    }

    /// How long a transaction may be open before the broker aborts it (`transaction.timeout.ms`), from 1 s;
    /// by default 60 s. The broker's `transaction.max.timeout.ms` bounds it. Nothing but a transaction
    /// heeds it.
    #[must_use]
    pub fn transaction_timeout(mut self, time: Duration) -> Self {
        self.options.set_millis("transaction.timeout.ms", time);
        self
    }

    /// Refused: transactions begin and end with the records that are consumed, so only the runtime can
    /// have them.
    #[must_use]
    pub fn transactional_id(mut self, _id: impl Into<String>) -> Self {
        let why = "only the runtime can begin and end transactions";
        self.options.refuse("transactional_id", why);
        self
    }
}
