use super::{Running, produce, refused, until};
use crate::metrics::Metrics;
use metrics_util::debugging::DebuggingRecorder;
use milena::{
    App, Memory, Router, each,
    error::ErrorKind,
    serve::{Ended, Reason},
};
use std::sync::Arc;

async fn copy(value: String) -> String {
    value
}

fn copying(group: &str) -> Router {
    Router::new(group).subscribe("t", each(copy).publish_to("copies"))
}

fn app(eu: &Memory, us: &Memory) -> App {
    App::new("Copies", "1.0.0").cluster("eu", eu.clone()).cluster("us", us.clone())
}

fn copies(broker: &Memory) -> usize {
    broker.records("copies").len()
}

#[tokio::test(start_paused = true)]
async fn each_router_reads_from_its_cluster_and_publishes_there() {
    let (eu, us) = (Memory::new(), Memory::new());
    produce(&eu, "t", &["a"]);
    produce(&us, "t", &["b", "c"]);

    let running =
        Running::start(app(&eu, &us).router(copying("g")).router_on("us", copying("other")));
    until(&eu, || eu.committed("g", "t", 0) == Some(1)).await;
    until(&us, || us.committed("other", "t", 0) == Some(2)).await;

    assert_eq!(running.stop().await.unwrap(), Ended::Asked);
    assert_eq!((copies(&eu), copies(&us)), (1, 2));
    assert_eq!((eu.committed("other", "t", 0), us.committed("g", "t", 0)), (None, None));
    assert_eq!((eu.members("g"), us.members("other")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_group_of_the_same_name_may_be_on_two_clusters_and_each_is_steered_for_itself() {
    let (eu, us) = (Memory::new(), Memory::new());
    produce(&eu, "t", &["a"]);
    produce(&us, "t", &["a"]);
    let app = app(&eu, &us).router(copying("g")).router_on("us", copying("g"));

    let message = refused(|| app.control("g"));
    assert_eq!(
        message,
        "the group `g` is on the clusters `eu` (the default), `us`: `control_on` says which"
    );
    let message = refused(|| app.control_on("asia", "g"));
    assert_eq!(message, "no router has the group `g` on the cluster `asia`");
    assert_eq!(refused(|| app.control("h")), "no router has the group `h`");

    let (on_eu, on_us) = (app.control_on("eu", "g"), app.control_on("us", "g"));
    let running = Running::start(app);
    until(&eu, || eu.committed("g", "t", 0) == Some(1)).await;
    until(&us, || us.committed("g", "t", 0) == Some(1)).await;
    on_us.stop_flow().await.unwrap();
    produce(&us, "t", &["b"]);
    produce(&eu, "t", &["b"]);
    until(&eu, || eu.committed("g", "t", 0) == Some(2)).await;

    assert_eq!(us.committed("g", "t", 0), Some(1));
    on_eu.stop().await.unwrap();
    let (cluster, group) = ("eu".into(), "g".into());
    assert_eq!(running.end().await.unwrap(), Ended::Control { cluster, group });
    assert_eq!((eu.members("g"), us.members("g")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_group_of_the_same_name_on_two_clusters_has_series_of_its_own_on_each() {
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let metrics = Metrics::of(&recorder);
    let (eu, us) = (Memory::new(), Memory::new());
    produce(&eu, "t", &["a"]);
    produce(&us, "t", &["b", "c", "d"]);

    let running = Running::start(app(&eu, &us).router(copying("g")).router_on("us", copying("g")));
    until(&eu, || eu.committed("g", "t", 0) == Some(1)).await;
    until(&us, || us.committed("g", "t", 0) == Some(3)).await;
    running.stop().await.unwrap();

    let value = |name, labels: &[_]| {
        ["eu", "us"].map(|cluster| metrics.value(name, &[labels, &[("cluster", cluster)]].concat()))
    };
    let (of_topic, copies) = ([("group", "g"), ("topic", "t")], [("topic", "copies")]);
    let (group, breaker) = ([("group", "g")], [("group", "g"), ("topics", "t")]);
    let each = [Some(1.0), Some(3.0)];
    assert_eq!(value("milena_records_received_total", &of_topic), each);
    assert_eq!(value("milena_records_settled_total", &[("outcome", "done")]), each);
    assert_eq!(value("milena_records_produced_total", &copies), each);
    for (name, labels) in [
        ("milena_lag", &of_topic[..]),
        ("milena_breaker_open", &breaker),
        ("milena_results_late_total", &group),
    ] {
        assert_eq!(value(name, labels), [Some(0.0); 2], "{name}");
        assert_eq!(metrics.value(name, &[("cluster", "default")]), None, "{name}");
    }
    let calls = ["eu", "us"]
        .map(|cluster| metrics.values("milena_handler_seconds", &[("cluster", cluster)]).len());
    assert_eq!(calls, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn routers_of_one_group_on_one_cluster_are_one_group() {
    let (eu, us) = (Memory::new(), Memory::new());
    produce(&eu, "t", &["a"]);
    produce(&eu, "u", &["b"]);
    let other = Router::new("g").subscribe("u", each(copy).publish_to("copies"));

    let running = Running::start(app(&eu, &us).router(copying("g")).router(other));
    until(&eu, || copies(&eu) == 2).await;

    assert_eq!(eu.members("g"), 1);
    running.stop().await.unwrap();
}

#[test]
fn a_router_for_a_cluster_that_is_not_there_is_refused_where_it_is_added() {
    let (eu, us) = (Memory::new(), Memory::new());

    let message = refused(|| app(&eu, &us).router_on("mars", copying("g")));
    assert_eq!(message, "the app has no cluster `mars`: it has `eu`, `us`");
    let message = refused(|| App::new("Copies", "1.0.0").router_on("eu", copying("g")));
    assert_eq!(message, "the app has no cluster `eu`: it has none; `App::cluster` comes first");
}

#[tokio::test(start_paused = true)]
async fn an_app_that_cannot_be_served_as_it_is_says_why() {
    let (eu, us) = (Memory::new(), Memory::new());
    let cases = [
        (
            App::new("Copies", "1.0.0").router(copying("g")),
            "could not serve the app: it has no cluster",
        ),
        (
            app(&eu, &us).default_cluster("mars").router(copying("g")),
            "could not use cluster `mars` of `App::default_cluster`: the app has no such cluster; it has `eu`, `us`",
        ),
        (
            app(&eu, &us).default_cluster("us").router(copying("g")).router_on("us", copying("g")),
            "could not serve group `g`: it is on cluster `us` by name and on the default cluster, which is `us`",
        ),
        (
            app(&eu, &us).router(Router::new("g")),
            "could not serve group `g`: it subscribes to no topic",
        ),
    ];
    for (app, message) in cases {
        let failure = app.serve().await.unwrap_err();
        assert_eq!((failure.reason(), failure.kind()), (&Reason::Assembly, ErrorKind::Config));
        assert_eq!((failure.to_string(), failure.exit_code()), (message.to_owned(), 2));
    }
}

#[tokio::test(start_paused = true)]
async fn the_default_cluster_can_be_chosen_and_a_cluster_replaced() {
    let (eu, us, other) = (Memory::new(), Memory::new(), Memory::new());
    produce(&other, "t", &["a"]);
    let app = app(&eu, &us).router(copying("g")).default_cluster("us").cluster("us", other.clone());
    let names: Vec<_> = app.clusters().map(|it| (it.name.to_owned(), it.is_default)).collect();
    assert_eq!(names, [("eu".to_owned(), false), ("us".to_owned(), true)]);

    let running = Running::start(app);
    until(&other, || other.committed("g", "t", 0) == Some(1)).await;

    running.stop().await.unwrap();
    assert_eq!((copies(&other), copies(&us), copies(&eu)), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_error_from_one_cluster_ends_all_in_good_order() {
    async fn fail() -> Result<(), std::fmt::Error> {
        Err(std::fmt::Error)
    }
    let (eu, us) = (Memory::new(), Memory::new());
    produce(&eu, "t", &["a"]);
    let app = app(&eu, &us)
        .router(copying("g"))
        .router_on("us", Router::new("bad").subscribe("t", each(fail)));

    let running = Running::start(app);
    until(&eu, || copies(&eu) == 1).await;
    produce(&us, "t", &["b"]);
    let failure = running.end().await.unwrap_err();

    let (cluster, group): (Arc<str>, Arc<str>) = ("us".into(), "bad".into());
    assert_eq!(failure.reason(), &Reason::Record { cluster, group });
    let text = failure.to_string();
    assert!(text.starts_with("could not process record t/0/0 in 1 call: "), "{text}");
    assert!(text.ends_with(" (cluster `us`, group `bad`)"), "{text}");
    assert_eq!((failure.kind(), failure.exit_code()), (ErrorKind::Record, 1));
    // What was done on the other cluster was committed, and its group was left.
    assert_eq!((eu.committed("g", "t", 0), eu.members("g")), (Some(1), 0));
}

#[tokio::test(start_paused = true)]
async fn an_app_can_be_built_and_served_again() {
    let (eu, us) = (Memory::new(), Memory::new());
    for round in 1..=2 {
        produce(&eu, "t", &["a"]);
        let running = Running::start(app(&eu, &us).router(copying("g")));
        until(&eu, || eu.committed("g", "t", 0) == Some(round)).await;
        assert_eq!(running.stop().await.unwrap(), Ended::Asked);
    }
    assert_eq!(copies(&eu), 2);
}
