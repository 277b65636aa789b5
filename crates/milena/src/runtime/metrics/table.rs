use super::series::{Kind, Metric};
use metrics::{Unit, with_recorder};

macro_rules! table {
    ($($name:ident = $kind:ident $metric:literal in $unit:ident: $help:literal;)*) => {
        $(pub(crate) const $name: Metric = Metric {
            name: $metric,
            kind: Kind::$kind,
            unit: Unit::$unit,
            help: $help,
        };)*

        /// All there are.
        const ALL: &[Metric] = &[$($name),*];
    };
}

table! {
    RECEIVED = Counter "milena_records_received_total" in Count: "Records read and handed to lanes";
    RECEIVED_BYTES = Counter "milena_received_bytes_total" in Bytes: "Keys and values of those records";
    SETTLED = Counter "milena_records_settled_total" in Count: "What became of records";
    RETRIED = Counter "milena_records_retried_total" in Count: "Records tried again";
    FAILURES = Counter "milena_handler_failures_total" in Count: "Calls that failed, retries included";
    HANDLER_SECONDS = Histogram "milena_handler_seconds" in Seconds: "How long calls took";
    IN_FLIGHT = Gauge "milena_records_in_flight" in Count: "Records delivered and not settled";
    BUFFER_RECORDS = Gauge "milena_buffer_records" in Count: "Records that wait in lanes";
    BUFFER_BYTES = Gauge "milena_buffer_bytes" in Bytes: "Bytes of the records that wait in lanes";
    LAG = Gauge "milena_lag" in Count: "Offsets up to the end of a partition that are not done";
    HOLDING = Gauge "milena_holding_offset" in Count: "The record that holds its partition back, or -1";
    PARTITIONS = Gauge "milena_partitions" in Count: "Partitions of this member";
    COMMITS = Counter "milena_commits_total" in Count: "Commits answered by the broker";
    COMMIT_SECONDS = Histogram "milena_commit_seconds" in Seconds: "How long the broker took to answer a commit";
    TRANSACTIONS = Counter "milena_transactions_total" in Count: "Transactions that were committed or aborted";
    SESSIONS = Counter "milena_transaction_sessions_total" in Count: "Sessions begun because an outcome was unknown";
    REBALANCES = Counter "milena_rebalances_total" in Count: "Assignments, revocations and losses of partitions";
    REBALANCE_SECONDS = Histogram "milena_rebalance_seconds" in Seconds: "How long an assignment or a revocation took";
    REPLIES = Gauge "milena_replies_in_flight" in Count: "Replies on their way to the broker";
    REPLY_BYTES = Gauge "milena_replies_in_flight_bytes" in Bytes: "Bytes of the replies on their way";
    REPLY_RATIO = Gauge "milena_replies_in_flight_ratio" in Count: "What part of their bound they take";
    BREAKER_OPEN = Gauge "milena_breaker_open" in Count: "Whether the circuit breaker is open";
    BREAKER_OPENED = Counter "milena_breaker_opened_total" in Count: "How often the circuit breaker opened";
    STALE = Counter "milena_records_stale_total" in Count: "Records read under an assignment that had ended";
    LATE = Counter "milena_results_late_total" in Count: "Calls that ended behind the end of their assignment";
    OVERLAPS = Counter "milena_overlaps_total" in Count: "Calls that ran when their partition went to another member";
    RESETS = Counter "milena_offset_resets_total" in Count: "Positions that were not there any more";
    LISTENER_FAILURES = Counter "milena_listener_failures_total" in Count: "Rebalance listeners that failed";
    ANSWERS_FAILED = Counter "milena_answers_failed_total" in Count: "Answers that were refused";
    ANSWERS_LATE = Counter "milena_answers_late_total" in Count: "Answers that came when nobody waited for them any more";
    ANSWERS_UNKNOWN = Counter "milena_answers_unknown_total" in Count: "Answers that nobody here had asked for";
    BARKS = Counter "milena_watchdog_reports_total" in Count: "What the watchdog reported";
    PRODUCED = Counter "milena_records_produced_total" in Count: "Records confirmed by the broker";
    PRODUCE_ERRORS = Counter "milena_produce_errors_total" in Count: "Records that were not published";
}

/// Tells the recorder what the metrics mean.
pub(crate) fn describe() {
    with_recorder(|recorder| {
        for Metric { name, kind, unit, help } in ALL {
            let (name, unit, help) = ((*name).into(), Some(*unit), (*help).into());
            match kind {
                Kind::Counter => recorder.describe_counter(name, unit, help),
                Kind::Gauge => recorder.describe_gauge(name, unit, help),
                Kind::Histogram => recorder.describe_histogram(name, unit, help),
            }
        }
    });
}
