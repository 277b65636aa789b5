use super::{Journal, MS, Running as Service, produce, refused, until};
use milena::{
    App, Memory, Router, State, each,
    error::ErrorKind,
    serve::{Ended, Reason, Shutdown},
};
use std::future::pending;
use tokio::time::{Instant, sleep};

/// An app whose records take a second each.
fn app(broker: &Memory, journal: &Journal) -> App {
    async fn note(value: String, State(journal): State<Journal>) {
        sleep(1000 * MS).await;
        journal.note(value);
    }
    let router = Router::new("g").subscribe("t", each(note)).with_state(journal.clone());
    App::new("Notes", "1.0.0").cluster("eu", broker.clone()).router(router)
}

fn name_of(failure: &milena::serve::Failure) -> &str {
    let Reason::Background { name } = failure.reason() else { panic!("{failure}") };
    name
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_ends_the_app_in_good_order_and_is_named() {
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "t", &["a", "b", "c"]);
    let app = app(&broker, &journal)
        .background("idle", |shutdown| async move { shutdown.begun().await })
        .background("refresh", |_| async {
            sleep(1500 * MS).await;
            Err("the cache is away")
        });

    let failure = app.serve().await.unwrap_err();

    assert_eq!((name_of(&failure), failure.kind()), ("refresh", ErrorKind::Background));
    assert_eq!(
        failure.to_string(),
        "could not go on with background task `refresh`: the cache is away"
    );
    assert_eq!(failure.exit_code(), 1);
    assert_eq!(journal.all(), ["a", "b"], "what ran may end");
    assert_eq!((broker.committed("g", "t", 0), broker.members("g")), (Some(2), 0));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_ends_the_app_and_is_named() {
    let (broker, journal) = (Memory::new(), Journal::default());
    let app = app(&broker, &journal).background("refresh", |_| async {
        panic!("out of cheese");
    });

    let failure = app.serve().await.unwrap_err();

    assert_eq!(name_of(&failure), "refresh");
    assert!(failure.to_string().ends_with("it panicked: out of cheese"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_task_may_end_well() {
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "t", &["a", "b"]);
    let running = Service::start(app(&broker, &journal).background("once", |_| async {}));

    until(&broker, || broker.committed("g", "t", 0) == Some(2)).await;

    assert_eq!(running.stop().await.unwrap(), Ended::Asked);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_listens_may_outlast_the_calls_that_run() {
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "t", &["a"]);
    let noted = journal.clone();
    let app = app(&broker, &journal).background("writer", |shutdown| async move {
        shutdown.begun().await;
        noted.note("told");
        sleep(4000 * MS).await;
        noted.note("written");
    });
    let running = Service::start(app);
    until(&broker, || broker.members("g") == 1).await;
    sleep(500 * MS).await;

    running.stop().await.unwrap();

    assert_eq!(journal.all(), ["told", "a", "written"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_listens_and_does_not_end_is_cancelled_in_time() {
    async fn never(_shutdown: Shutdown) {
        pending::<()>().await;
    }
    let (broker, journal) = (Memory::new(), Journal::default());
    let app = app(&broker, &journal).background("never", never).shutdown_timeout(3000 * MS);
    let running = Service::start(app);
    until(&broker, || broker.members("g") == 1).await;
    let asked = Instant::now();

    assert_eq!(running.stop().await.unwrap(), Ended::Asked);
    assert_eq!(asked.elapsed(), 3000 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_listen_is_cancelled_at_once() {
    let (broker, journal) = (Memory::new(), Journal::default());
    let noted = journal.clone();
    let app = app(&broker, &journal).background("ticks", move |_| async move {
        let _noted = Noted(noted);
        loop {
            sleep(1000 * MS).await;
        }
    });
    let running = Service::start(app);
    until(&broker, || broker.members("g") == 1).await;
    sleep(2500 * MS).await;
    let asked = Instant::now();

    running.stop().await.unwrap();

    assert_eq!(asked.elapsed(), std::time::Duration::ZERO);
    assert_eq!(journal.all(), ["dropped"]);

    struct Noted(Journal);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.note("dropped");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_run_also_in_an_app_that_consumes_nothing() {
    let (broker, journal) = (Memory::new(), Journal::default());
    let noted = journal.clone();
    let app = App::new("Tasks", "1.0.0").cluster("eu", broker).background("one", |_| async move {
        noted.note("ran");
    });
    let running = Service::start(app);
    sleep(60_000 * MS).await;

    assert_eq!(running.stop().await.unwrap(), Ended::Asked);
    assert_eq!(journal.all(), ["ran"]);
}

#[test]
fn two_tasks_of_one_name_are_refused() {
    let message = refused(|| {
        App::new("Tasks", "1.0.0").background("one", |_| async {}).background("one", |_| async {})
    });
    assert_eq!(message, "there are two background tasks `one`");
}
