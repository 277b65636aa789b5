use super::{MS, Running as Service, produce, refused, until};
use crate::logs::Logs;
use milena::{App, Batch, Memory, Router, batch, each, layers::BenchmarkLayer};
use std::time::Duration;

async fn on_orders(_: String) {
    tokio::time::sleep(100 * MS).await;
}

fn app(broker: &Memory, router: Router) -> App {
    App::new("Fast", "1.0.0").cluster("eu", broker.clone()).router(router)
}

#[tokio::test(start_paused = true)]
async fn a_benchmark_has_the_figures_of_each_handler_and_logs_them() {
    let (broker, logs) = (Memory::new(), Logs::default());
    let _listening = logs.listen();
    produce(&broker, "orders", &["x"; 35]);
    let benchmark = BenchmarkLayer::every(Duration::from_secs(1)).sliding_window(2);
    let figures = benchmark.clone();
    let router = Router::new("g")
        .consumes(on_orders)
        .layer_with(move |it| benchmark.of(it.operation.handler));

    let running = Service::start(app(&broker, router));
    until(&broker, || broker.committed("g", "orders", 0) == Some(35)).await;
    running.stop().await.unwrap();

    let figures = figures.figures();
    let [orders] = &*figures else { panic!("{figures:?}") };
    assert_eq!((&*orders.name, orders.count), ("it::app::benchmark::on_orders", 35));
    // The first interval has the call that it began with; the others have those that ended them.
    assert_eq!(orders.history, [10.0, 10.0]);
    assert_eq!((orders.throughput, orders.average), (Some(10.0), Some(10.0)));
    let lines = logs.lines("milena::benchmark");
    assert_eq!(lines.len(), 3, "{lines:?}");
    let said = "INFO milena::benchmark: Throughput = 11, Avg throughput = 11 - \
                For it::app::benchmark::on_orders(interval=1,sliding_window_size=2)";
    assert!(lines[0].ends_with(said), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_benchmark_counts_the_records_of_batches_and_has_no_average_without_a_window() {
    async fn all(_: Batch<String>) {
        tokio::time::sleep(1000 * MS).await;
    }
    let (broker, logs) = (Memory::new(), Logs::default());
    let _listening = logs.listen();
    produce(&broker, "clicks", &["x"; 3000]);
    let benchmark = BenchmarkLayer::every(Duration::from_millis(500));
    let subscriber = batch(all).max_records(1500).layer(benchmark.clone());

    let running = Service::start(app(&broker, Router::new("g").subscribe("clicks", subscriber)));
    until(&broker, || broker.committed("g", "clicks", 0) == Some(3000)).await;
    running.stop().await.unwrap();

    let figures = benchmark.figures();
    let [clicks] = &*figures else { panic!("{figures:?}") };
    assert_eq!((&*clicks.name, clicks.count), ("clicks", 3000));
    assert_eq!((clicks.average, &clicks.history), (None, &Vec::new()));
    let lines = logs.lines("milena::benchmark");
    assert!(!lines.is_empty());
    for line in lines {
        assert!(line.contains("milena::benchmark: Throughput = "), "{line}");
        assert!(line.ends_with(" - For clicks(interval=0.5,sliding_window_size=None)"), "{line}");
        assert!(!line.contains("Avg"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_benchmark_says_nothing_before_its_interval_is_over_or_while_nothing_is_called() {
    let (broker, logs) = (Memory::new(), Logs::default());
    let _listening = logs.listen();
    produce(&broker, "orders", &["x"; 3]);
    let benchmark = BenchmarkLayer::every(Duration::from_secs(1));
    let router = Router::new("g").subscribe("orders", each(on_orders).layer(benchmark.clone()));

    let running = Service::start(app(&broker, router));
    tokio::time::sleep(60_000 * MS).await;
    running.stop().await.unwrap();

    assert_eq!((benchmark.figures()[0].count, benchmark.figures()[0].throughput), (3, None));
    assert!(logs.lines("milena::benchmark").is_empty());
}

#[test]
fn a_benchmark_that_makes_no_sense_is_refused() {
    let message = refused(|| BenchmarkLayer::every(Duration::ZERO));
    assert_eq!(message, "a benchmark that says something every 0 s has nothing to say");
    let message = refused(|| BenchmarkLayer::every(MS).sliding_window(0));
    assert_eq!(message, "a sliding window has at least one interval");
}
