use super::conductor::Conductor;
use metrics::{counter, gauge};
use milena_core::record::TopicPartition;

/// What a group counts, as metrics by the names that `serve` documents. They are summed when they are
/// published, from time to time.
impl Conductor {
    pub(super) fn publish_counters(&self) {
        let it = &self.counters;
        for (name, count) in [
            ("milena_records_received_total", &it.received),
            ("milena_records_retried_total", &it.retried),
            ("milena_records_skipped_total", &it.skipped),
            ("milena_records_dead_lettered_total", &it.dead_lettered),
            ("milena_records_stale_total", &it.stale),
            ("milena_results_late_total", &it.late),
            ("milena_overlaps_total", &it.overlaps),
            ("milena_offset_resets_total", &it.resets),
            ("milena_listener_failures_total", &it.listener_failures),
            ("milena_watchdog_reports_total", &it.barks),
        ] {
            counter!(name, "group" => self.group.to_string()).absolute(count.get());
        }
    }

    /// The record that holds a partition back, or -1 when none does.
    pub(super) fn publish_holding(&self, place: &TopicPartition, offset: Option<i64>) {
        gauge!(
            "milena_holding_offset",
            "group" => self.group.to_string(),
            "topic" => place.topic.to_string(),
            "partition" => place.partition.to_string(),
        )
        .set(offset.unwrap_or(-1) as f64);
    }
}
