use super::{
    MS, Running as Service,
    health::{Mute, REFUSED},
    produce, until,
};
use milena::{
    App, Error, Memory, Outcome, Router, each,
    error::ErrorKind,
    serve::{Ended, Moment, Reason},
};
use std::{future::pending, sync::Arc};
use tokio::{sync::Notify, time::Instant};

fn app(broker: &Memory, router: Router) -> App {
    App::new("Ends", "1.0.0").cluster("eu", broker.clone()).router(router)
}

#[tokio::test(start_paused = true)]
async fn an_app_says_that_a_control_stopped_it() {
    let broker = Memory::new();
    let app = app(&broker, Router::new("g").subscribe("t", each(async || {})));
    let control = app.control("g");
    let running = Service::start(app);
    until(&broker, || broker.members("g") == 1).await;

    control.stop().await.unwrap();

    let (cluster, group) = ("eu".into(), "g".into());
    assert_eq!(running.end().await.unwrap(), Ended::Control { cluster, group });
}

#[tokio::test(start_paused = true)]
async fn an_app_that_only_publishes_ends_when_its_producer_is_refused_also_in_its_set_up() {
    let broker = || Mute(Memory::new(), Arc::new(REFUSED.into()));
    let refused = || App::new("Ends", "1.0.0").cluster("eu", Memory::new()).cluster("us", broker());
    let waits = refused().lifespan(async |_| -> Result<(), Error> { pending().await });
    for app in [refused(), waits] {
        let failure = Service::start(app).end().await.unwrap_err();

        let reason = Reason::Cluster { cluster: "us".into() };
        assert_eq!((failure.reason(), failure.kind()), (&reason, ErrorKind::Unauthorized));
        assert_eq!(failure.to_string(), "could not log in: it is refused (cluster `us`)");
        assert!(failure.others().is_empty(), "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_stops_the_service_is_a_record_that_failed() {
    async fn stop() -> Outcome {
        Outcome::stop("the disk is full")
    }
    let broker = Memory::new();
    produce(&broker, "t", &["a"]);

    let app = app(&broker, Router::new("g").subscribe("t", each(stop)));
    let failure = app.serve().await.unwrap_err();

    assert!(matches!(failure.reason(), Reason::Record { .. }), "{failure:?}");
    assert!(failure.to_string().contains("the disk is full"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_do_not_end_in_time_are_a_failure_with_a_code_of_its_own() {
    let broker = Memory::new();
    produce(&broker, "t", &["a"]);
    let running = Service::start(app(
        &broker,
        Router::new("g").subscribe("t", each(pending::<()>)).drain_timeout(2000 * MS),
    ));
    until(&broker, || broker.members("g") == 1).await;
    tokio::time::sleep(MS).await;

    let failure = running.stop().await.unwrap_err();

    assert!(matches!(failure.reason(), Reason::Group { .. }), "{failure:?}");
    assert_eq!((failure.kind(), failure.exit_code()), (ErrorKind::Unfinished, 3));
}

#[tokio::test(start_paused = true)]
async fn what_fails_behind_the_first_failure_is_told_too() {
    let broker = Memory::new();
    produce(&broker, "t", &["a"]);
    let failing = Router::new("g").subscribe("t", each(async || Err::<(), _>(std::fmt::Error)));
    let app = app(&broker, failing)
        .background("task", |shutdown| async move {
            shutdown.begun().await;
            Err("it could not say goodbye")
        })
        .lifespan(|running| async move {
            running.until_end().await;
            Err("it did not close")
        });

    let failure = app.serve().await.unwrap_err();

    assert!(matches!(failure.reason(), Reason::Record { .. }), "{failure:?}");
    let [task, lifespan] = failure.others() else { panic!("{failure:?}") };
    assert_eq!(*task.reason(), Reason::Background { name: "task".into() });
    assert!(matches!(lifespan.reason(), Reason::Lifespan { moment: Moment::Stop, .. }));
    let debug = format!("{failure:?}");
    assert!(debug.contains("; then: could not go on with background task `task`"), "{debug}");
    let error = Error::from(failure);
    assert_eq!(error.kind(), ErrorKind::Record);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_dropped_takes_everything_with_it() {
    let broker = Memory::new();
    let (here, gone) = (Arc::new(Notify::new()), Arc::new(()));
    let (kept, also_kept, up) = (gone.clone(), gone.clone(), here.clone());
    let app = app(&broker, Router::new("g").subscribe("t", each(async || {})))
        .lifespan(move |running| async move {
            let _kept = kept;
            running.until_end().await;
        })
        .background("task", move |_| async move {
            let _kept = also_kept;
            up.notify_one();
            pending::<()>().await;
        });
    let service = tokio::spawn(app.serve().with_shutdown(pending()).into_future());
    here.notified().await;
    assert_eq!(Arc::strong_count(&gone), 3);

    service.abort();
    let _ = service.await;
    while Arc::strong_count(&gone) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_told_to_end_while_it_waits_for_nothing_ends_at_once() {
    let broker = Memory::new();
    let running = Service::start(app(&broker, Router::new("g").subscribe("t", each(async || {}))));
    until(&broker, || broker.members("g") == 1).await;
    let asked = Instant::now();

    assert_eq!(running.stop().await.unwrap(), Ended::Asked);
    assert_eq!(asked.elapsed(), std::time::Duration::ZERO);
}
