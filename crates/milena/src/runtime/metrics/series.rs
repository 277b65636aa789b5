use super::super::counters::Counter;
use metrics::{Key, Label, Level, Metadata, SharedString, Unit, with_recorder};
use std::sync::Arc;

/// A metric, as `docs/metrics.md` has it.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    pub(super) help: &'static str,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric with its labels. The recorder is asked for it each time, so that one that was installed late, or
/// that forgets what it did not hear of for long, has it too.
#[derive(Clone, Debug)]
pub(crate) struct Series(Key);

/// What tells the series of a metric apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels(Vec<Label>);

impl Labels {
    /// Those of what is counted on a cluster.
    pub(crate) fn of(cluster: &Arc<str>) -> Self {
        Self::default().and("cluster", cluster.clone())
    }

    /// These and one more.
    pub(crate) fn and(&self, name: &'static str, value: impl Into<SharedString>) -> Self {
        let mut labels = Vec::with_capacity(self.0.len() + 1);
        labels.extend_from_slice(&self.0);
        labels.push(Label::new(name, value));
        Self(labels)
    }
}

static METADATA: Metadata<'static> = Metadata::new("milena", Level::INFO, Some("milena"));

impl Metric {
    /// This metric with these labels.
    pub(crate) fn of(&self, labels: &Labels) -> Series {
        Series(Key::from_parts(self.name, labels.0.clone()))
    }

    /// Publishes what is new of a counter.
    pub(crate) fn tell(&self, counter: &Counter, labels: &Labels) {
        if let Some(new) = counter.news() {
            let Series(key) = self.of(labels);
            with_recorder(|it| it.register_counter(&key, &METADATA)).increment(new);
        }
    }

    /// Publishes how a gauge stands.
    pub(crate) fn set(&self, value: f64, labels: &Labels) {
        self.of(labels).set(value);
    }
}

impl Series {
    pub(crate) fn set(&self, value: f64) {
        with_recorder(|it| it.register_gauge(&self.0, &METADATA)).set(value);
    }

    /// Records a value, so many times.
    pub(crate) fn record(&self, value: f64, times: usize) {
        with_recorder(|it| it.register_histogram(&self.0, &METADATA)).record_many(value, times);
    }
}
