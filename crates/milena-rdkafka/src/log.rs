//! What librdkafka logs goes to `tracing`, under the target `librdkafka`.

use rdkafka::config::RDKafkaLogLevel;
use tracing::Level;

/// Writes a line of librdkafka's log, which has the levels of syslog.
pub(crate) fn line(level: i32, facility: &str, line: &str) {
    // Options are given once for consumers and producers, so this says nothing.
    if facility == "CONFWARN" && line.contains("property and will be ignored by this") {
        return;
    }
    match level {
        ..4 => tracing::error!(target: "librdkafka", "{facility}: {line}"),
        4 => tracing::warn!(target: "librdkafka", "{facility}: {line}"),
        5 | 6 => tracing::info!(target: "librdkafka", "{facility}: {line}"),
        7.. => tracing::debug!(target: "librdkafka", "{facility}: {line}"),
    }
}

/// Writes the statistics that `statistics.interval.ms` asks for.
pub(crate) fn statistics(json: &str) {
    tracing::info!(target: "librdkafka", "STATS: {json}");
}

/// The least important lines that somebody listens to; librdkafka makes no others.
pub(crate) fn level() -> RDKafkaLogLevel {
    if tracing::enabled!(target: "librdkafka", Level::DEBUG) {
        RDKafkaLogLevel::Debug
    } else if tracing::enabled!(target: "librdkafka", Level::INFO) {
        RDKafkaLogLevel::Info
    } else if tracing::enabled!(target: "librdkafka", Level::WARN) {
        RDKafkaLogLevel::Warning
    } else {
        RDKafkaLogLevel::Error
    }
}
