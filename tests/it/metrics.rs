use crate::billing::bill;
use metrics::Unit;
use metrics_util::{
    CompositeKey, MetricKind,
    debugging::{DebugValue, DebuggingRecorder, Snapshotter},
};
use milena::{
    Batch, Outcome, Retry, Router, State, batch, by_key, each,
    error::ErrorKind,
    publish,
    record::Headers,
    router::{AckPolicy, Breaker},
    transport::Fetch,
};
use milena_core::{ProducerRecord, record::TopicPartition};
use milena_memory::Memory;
use milena_test::TestApp;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Semaphore, time::sleep};

/// What one metric is: its type, its unit and the names of its labels.
type Described = BTreeMap<String, (String, String, BTreeSet<String>)>;

/// What is published on the thread of a test, which is that of its service, too. A look at the recorder empties
/// it, so what was seen is kept here.
pub(crate) struct Metrics {
    recorder: Snapshotter,
    seen: RefCell<BTreeMap<CompositeKey, Seen>>,
}

#[derive(Default)]
struct Seen {
    unit: String,
    /// The sum of a counter, or the last of a gauge.
    value: f64,
    /// What a histogram got.
    values: Vec<f64>,
}

impl Metrics {
    pub(crate) fn of(recorder: &DebuggingRecorder) -> Self {
        Self { recorder: recorder.snapshotter(), seen: RefCell::default() }
    }

    /// The value of a counter or a gauge with these labels among its own, if it was published.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.look();
        let seen = self.seen.borrow();
        let mut found = seen.iter().filter(|(key, _)| is(key, name, labels));
        found.next().map(|(_, seen)| seen.value)
    }

    /// What a histogram got, with these labels among its own.
    pub(crate) fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        self.look();
        let seen = self.seen.borrow();
        let found = seen.iter().filter(|(key, _)| is(key, name, labels));
        found.flat_map(|(_, seen)| seen.values.clone()).collect()
    }

    /// The outcomes of a topic, and how many records had them.
    fn outcomes(&self, topic: &str) -> BTreeMap<String, u64> {
        self.look();
        let seen = self.seen.borrow();
        let of_topic = seen
            .iter()
            .filter(|(key, _)| is(key, "milena_records_settled_total", &[("topic", topic)]));
        let outcomes = of_topic.map(|(key, seen)| {
            let outcome = key.key().labels().find(|it| it.key() == "outcome").unwrap();
            (outcome.value().to_owned(), seen.value as u64)
        });
        outcomes.filter(|(_, records)| *records > 0).collect()
    }

    fn described(&self) -> Described {
        self.look();
        let mut described = Described::new();
        for (key, seen) in &*self.seen.borrow() {
            let kind = match key.kind() {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram => "histogram",
            };
            let labels: BTreeSet<_> = key.key().labels().map(|it| it.key().to_owned()).collect();
            let new = (kind.to_owned(), seen.unit.clone(), labels.clone());
            let of = described.entry(key.key().name().to_owned()).or_insert(new);
            assert_eq!(of.2, labels, "{} has other labels elsewhere", key.key());
        }
        described
    }

    fn look(&self) {
        for (key, unit, help, value) in self.recorder.snapshot().into_vec() {
            assert!(help.is_some_and(|help| !help.is_empty()), "{} says nothing", key.key());
            let mut all = self.seen.borrow_mut();
            let seen = all.entry(key).or_default();
            seen.unit = unit.as_ref().map_or("none", Unit::as_str).to_owned();
            match value {
                DebugValue::Counter(count) => seen.value += count as f64,
                DebugValue::Gauge(value) => seen.value = value.0,
                DebugValue::Histogram(values) => seen.values.extend(values.iter().map(|it| it.0)),
            }
        }
    }
}

fn is(key: &CompositeKey, name: &str, labels: &[(&str, &str)]) -> bool {
    let has = |(label, value): &(&str, &str)| {
        key.key().labels().any(|it| it.key() == *label && it.value() == *value)
    };
    key.key().name() == name && labels.iter().all(has)
}

fn outcomes<const N: usize>(of: [(&str, u64); N]) -> BTreeMap<String, u64> {
    of.into_iter().map(|(outcome, records)| (outcome.to_owned(), records)).collect()
}

/// The table of the documentation.
fn table() -> Described {
    let text = include_str!("../../crates/milena/src/docs/metrics.md");
    let rows = text.lines().filter(|line| line.starts_with("| `milena_"));
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let labels = cells[4].split(',').map(|label| label.trim().trim_matches('`').to_owned());
        let unit = cells[3].to_owned();
        (cells[1].trim_matches('`').to_owned(), (cells[2].to_owned(), unit, labels.collect()))
    };
    rows.map(row).collect()
}

#[tokio::test(start_paused = true)]
async fn the_documented_metrics_are_those_that_a_service_publishes() {
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let metrics = Metrics::of(&recorder);
    let broker = Memory::new();
    let billing = each(bill).publish_to("invoices").skip_failures().breaker(Breaker::default());
    let mut router = Router::new("billing").subscribe("orders", billing);
    let prices = router.publisher(publish("prices").reply_to("answers"));
    let test = TestApp::start_on(broker.clone(), router).await;
    test.publish("orders", crate::billing::order(7)).await;
    let id = Headers::new().with("correlation_id", "late");
    prices.request::<String>((id, "tea"), Duration::from_millis(1)).await.unwrap_err();
    for id in ["late", "unknown"] {
        broker.produce(ProducerRecord::new("answers").header("correlation_id", id)).unwrap();
    }
    broker.faults().refuse_writes("invoices", ErrorKind::Publish);
    test.publish("orders", crate::billing::order(8)).await;
    let asked = Duration::ZERO;
    let partition = TopicPartition::new("orders", 0);
    let fetch = Fetch {
        partition,
        epoch: Default::default(),
        asked: Some(asked),
        answered: Some(asked),
        end: Some(9),
    };
    broker.faults().report_fetches("billing", [fetch]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(metrics.value("milena_lag", &[("partition", "0")]), Some(7.0));
    test.stop().await.unwrap();
    let billing = each(bill).publish_to("sums");
    let router = Router::new("sums").exactly_once("sums").subscribe("orders", billing);
    let test = TestApp::start_on(broker, router).await;
    test.settle().await;
    test.stop().await.unwrap();
    let committed = [("group", "sums"), ("result", "committed")];
    assert!(metrics.value("milena_transactions_total", &committed) > Some(0.0));

    let documented = table();
    assert_eq!(documented, metrics.described());
    assert!(documented.len() > 25);
}

#[tokio::test(start_paused = true)]
async fn each_outcome_is_counted_for_what_it_is() {
    async fn decide(value: String) -> anyhow::Result<Outcome> {
        match &*value {
            "skip" => Ok(Outcome::skip("it may be skipped")),
            "dead" => Ok(Outcome::dead_letter("it is dead")),
            "fail" => anyhow::bail!("it fails"),
            _ => Ok(Outcome::done()),
        }
    }
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let metrics = Metrics::of(&recorder);
    let retry = || Retry::fixed(3, Duration::from_millis(5));
    let router = Router::new("g")
        .subscribe("dying", each(decide).retry(retry()).dead_letters())
        .subscribe("skipping", each(decide).skip_failures())
        .subscribe("stopping", each(decide));
    let test = TestApp::start(router).await;
    for topic in ["dying", "skipping"] {
        for value in ["good", "skip", "fail", "good"] {
            test.publish(topic, value).await;
        }
    }
    test.publish("dying", "dead").await;
    for value in ["good", "fail", "good"] {
        test.broker().produce(ProducerRecord::new("stopping").value(value)).unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    let ended = test.stop().await;

    assert!(ended.unwrap_err().to_string().contains("it fails"));
    let done = metrics.outcomes("dying");
    assert_eq!(done, outcomes([("done", 2), ("skipped", 1), ("dead_lettered", 2)]));
    let done = metrics.outcomes("skipping");
    assert_eq!(done, outcomes([("done", 2), ("skipped", 1), ("failed", 1)]));
    let done = metrics.outcomes("stopping");
    assert_eq!(done, outcomes([("done", 1), ("stopped", 1), ("dropped", 1)]));
    let dying = |name| metrics.value(name, &[("topic", "dying")]);
    assert_eq!(dying("milena_records_retried_total"), Some(2.0));
    assert_eq!(dying("milena_records_received_total"), Some(5.0));
    let failed =
        metrics.value("milena_handler_failures_total", &[("topic", "dying"), ("kind", "error")]);
    assert_eq!(failed, Some(3.0));
    let letters = metrics.value("milena_records_produced_total", &[("topic", "dying.dead")]);
    assert_eq!(letters, Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_never_counted_as_done_also_when_its_offset_was_committed_beforehand() {
    async fn fail(_: String) -> anyhow::Result<()> {
        anyhow::bail!("it fails")
    }
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let metrics = Metrics::of(&recorder);
    let on_receive = || each(fail).ack(AckPolicy::OnReceive);
    let router = Router::new("g")
        .subscribe("skipping", on_receive().skip_failures())
        .subscribe("dying", on_receive().dead_letters());
    let test = TestApp::start(router).await;
    test.publish("skipping", vec!["a", "b", "c"]).await;
    test.publish("dying", vec!["a", "b"]).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(test.committed("g", "skipping"), 3);
    test.stop().await.unwrap();

    assert_eq!(metrics.outcomes("skipping"), outcomes([("failed", 3)]));
    assert_eq!(metrics.outcomes("dying"), outcomes([("dead_lettered", 2)]));
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_seen_while_it_waits_and_what_was_given_up_behind_the_end() {
    async fn wait(_: String, State(gate): State<Arc<Semaphore>>) {
        gate.acquire().await.unwrap().forget();
    }
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let metrics = Metrics::of(&recorder);
    let gate = Arc::new(Semaphore::new(0));
    let broker = Memory::new();
    let router = Router::new("g")
        .subscribe("t", each(wait).concurrency(by_key(2)))
        .drain_timeout(Duration::from_secs(1))
        .with_state(gate.clone());
    let test = TestApp::start_on(broker.clone(), router).await;
    for key in ["a", "b", "c", "d", "e"] {
        broker.produce(ProducerRecord::new("t").key(key).value("v")).unwrap();
    }
    sleep(Duration::from_secs(3)).await;
    let topic = |name| metrics.value(name, &[("topic", "t")]);
    assert_eq!(topic("milena_records_in_flight"), Some(5.0));
    gate.add_permits(2);
    sleep(Duration::from_secs(2)).await;

    assert_eq!(topic("milena_records_in_flight"), Some(3.0));
    assert_eq!(metrics.outcomes("t"), outcomes([("done", 2)]));
    gate.add_permits(1);
    sleep(Duration::from_secs(2)).await;
    let ended = test.stop().await;

    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Unfinished);
    assert_eq!(metrics.outcomes("t"), outcomes([("done", 3), ("dropped", 2)]));
    assert_eq!(metrics.value("milena_partitions", &[("state", "flowing")]), Some(0.0));
    assert_eq!(metrics.value("milena_overlaps_total", &[("group", "g")]), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn calls_are_timed_alone_in_batches_by_key_and_one_after_the_other() {
    async fn one(_: String) {
        sleep(Duration::from_millis(250)).await;
    }
    async fn many(_: Batch<String>) {
        sleep(Duration::from_millis(250)).await;
    }
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let router = Router::new("g")
        .subscribe("ordered", each(one))
        .subscribe("keyed", each(one).concurrency(by_key(10)))
        .subscribe("batched", batch(many).max_records(4));
    let metrics = Metrics::of(&recorder);
    let test = TestApp::start(router).await;
    for topic in ["ordered", "keyed", "batched"] {
        test.publish(topic, vec!["a", "b", "c", "d"]).await;
    }
    test.stop().await.unwrap();

    for (topic, calls) in [("ordered", 4), ("keyed", 4), ("batched", 1)] {
        let times = metrics.values("milena_handler_seconds", &[("topic", topic)]);
        assert_eq!(times.len(), calls, "{topic}");
        assert!(times.iter().all(|time| (time - 0.25).abs() < 0.01), "{topic}: {times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_started_again_counts_on() {
    async fn done(_: String) {}
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let broker = Memory::new();
    for _ in 0..2 {
        let router = Router::new("g").subscribe("t", each(done));
        let test = TestApp::start_on(broker.clone(), router).await;
        test.publish("t", vec!["a", "b"]).await;
        test.stop().await.unwrap();
    }

    assert_eq!(Metrics::of(&recorder).outcomes("t"), outcomes([("done", 4)]));
}
