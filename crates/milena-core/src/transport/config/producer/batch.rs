//! Options of how records are put together and where they go.

use super::ProducerConfig;
use crate::transport::config::{Compression, Partitioner};
use std::time::Duration;

impl ProducerConfig {
    /// How long a batch waits for more records (`linger.ms`), up to 15 minutes; by default 5 ms.
    ///
    /// The documents say 0. Nothing of Milena waits for a single record to be delivered before it goes on,
    /// so batches of 5 ms cost no throughput but win a lot of it.
    #[must_use]
    pub fn linger(mut self, time: Duration) -> Self {
        self.options.set_millis("linger.ms", time);
        self
    }

    /// How much a batch of one partition has at most (`batch.size`); by default 1 MB.
    ///
    /// The documents say 16 KiB, which is also what a call of theirs waits for. Here the waiting is for
    /// [`buffer_memory`](Self::buffer_memory), so a batch may be as large as brokers take it.
    #[must_use]
    #[doc(alias = "max_batch_size")]
    pub fn batch_size(mut self, bytes: usize) -> Self {
        self.options.set("batch.size", bytes.to_string());
        self
    }

    /// How large a record, or a request, may be before the client refuses it (`message.max.bytes`), from
    /// 1 kB to 1 GB; by default 10 MiB.
    ///
    /// The documents say 1 MiB. What is too large is for the broker to say, whose topics have limits of
    /// their own (`max.message.bytes`): a record that it refuses fails alone, and with an error that
    /// tells both limits.
    #[must_use]
    pub fn max_request_size(mut self, bytes: usize) -> Self {
        self.options.set("message.max.bytes", bytes.to_string());
        self
    }

    /// How batches are compressed (`compression.type`); by default not at all.
    #[must_use]
    #[doc(alias = "compression_type")]
    pub fn compression(mut self, with: Compression) -> Self {
        self.options.set("compression.type", with.name());
        self
    }

    /// How the partition of a record is chosen that names none (`partitioner`); by default
    /// [`Partitioner::Murmur2Random`], which is what Java's producer does.
    ///
    /// A choice of one's own is made by [naming the partition](crate::ProducerRecord::partition).
    #[must_use]
    pub fn partitioner(mut self, partitioner: Partitioner) -> Self {
        self.options.set("partitioner", partitioner.name());
        self
    }

    /// How many bytes of records wait for the broker's answer at most (`queue.buffering.max.kbytes`), in
    /// whole KiB; by default 1 GiB. Who publishes more waits until there is room.
    #[must_use]
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.options.set("queue.buffering.max.kbytes", bytes.div_ceil(1024).to_string());
        self
    }

    /// How many records wait for the broker's answer at most (`queue.buffering.max.messages`); by default
    /// 100,000. Who publishes more waits until there is room.
    #[must_use]
    pub fn buffer_records(mut self, records: usize) -> Self {
        self.options.set("queue.buffering.max.messages", records.to_string());
        self
    }
}
