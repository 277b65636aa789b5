use super::{partitions::Refusal, worker::Worker};
use milena_core::record::{OwnedRecord, TopicPartition};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::time::{Duration, Instant};

/// As many records are read at once, and are a chunk at most.
const CHUNK: usize = 250;
/// How often an idle consumer looks how far librdkafka has read: less often when there is much to look at.
const POSITIONS: Duration = Duration::from_millis(200);
const PARTITIONS: u32 = 100;
const SELDOM: Duration = Duration::from_secs(2);
/// How long the thread waits when there is nothing to do. Whatever happens wakes it.
const IDLE: Duration = Duration::from_millis(100);
const STEP: Duration = Duration::from_millis(1);

/// What the thread does with records.
impl Worker {
    pub(super) fn read(&mut self) {
        if self.failed || self.mailbox.is_full() {
            return self.mailbox.bell.wait(IDLE);
        }
        self.queue.read(Duration::ZERO, CHUNK, &mut self.batch);
        if self.batch.is_empty() {
            self.tell_positions();
            // What rang before the read above may have been what ended it.
            if !self.mailbox.bell.is_rung() {
                let wait = self.partitions.next_look(Instant::now()).clamp(STEP, IDLE);
                self.queue.read(wait, 1, &mut self.batch);
            }
            if !self.batch.is_empty() {
                self.queue.read(Duration::ZERO, CHUNK - self.batch.len(), &mut self.batch);
            }
        }
        if !self.batch.is_empty() {
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        let repeated = self.partitions.repeated();
        let (chunks, refusals) = self.partitions.split(&mut self.batch);
        if !chunks.is_empty() {
            self.mailbox.deliver(chunks);
        }
        if self.partitions.repeated() > repeated {
            let group = self.settings.group();
            tracing::warn!(
                group,
                total = self.partitions.repeated(),
                "records came a second time, and were dropped"
            );
        }
        for refusal in refusals {
            self.refused(&refusal);
        }
    }

    fn refused(&mut self, refusal: &Refusal) {
        if refusal.code == Code::AutoOffsetReset {
            self.stopped(refusal);
        } else if self.partitions.step_back(refusal) {
            let verdict = self.trouble.of_partition(refusal);
            self.judge(verdict);
        }
    }

    fn tell_positions(&mut self) {
        let now = Instant::now();
        if now < self.next_positions {
            return;
        }
        let hundreds = self.partitions.len() / PARTITIONS;
        self.next_positions = now + (POSITIONS * (hundreds + 1)).min(SELDOM);
        for event in self.partitions.positions() {
            self.mailbox.tell(event);
        }
    }

    /// A record came on the queue of events: a forward was missing.
    pub(super) fn adopt(&mut self, place: &TopicPartition, record: OwnedRecord) {
        tracing::error!(partition = %place, offset = record.offset, "a record came past its queue: a bug of Milena");
        if let Some(chunk) = self.partitions.adopt(place, record) {
            self.mailbox.deliver(vec![chunk]);
        }
    }
}
