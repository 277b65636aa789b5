use super::{Journal, MS, Running as Service, produce, until};
use milena::{
    App, Memory, Router, State, each,
    error::{BoxError, ErrorKind},
    serve::{Ended, Moment, Reason, Running},
};
use std::{future::pending, time::Duration};
use tokio::time::{Instant, sleep};

/// An app that notes what it does in the journal.
fn app(broker: &Memory, journal: &Journal) -> App {
    async fn note(value: String, State(journal): State<Journal>) {
        journal.note(value);
    }
    let router = Router::new("g").subscribe("t", each(note)).with_state(journal.clone());
    App::new("Notes", "1.0.0").cluster("eu", broker.clone()).router(router)
}

/// A lifespan that takes its time, and notes what it does.
fn noted(
    name: &'static str,
    journal: &Journal,
) -> impl FnOnce(Running) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + use<> {
    let journal = journal.clone();
    move |running| {
        Box::pin(async move {
            sleep(100 * MS).await;
            journal.note(format!("{name} is up"));
            running.until_end().await;
            journal.note(format!("{name} ends"));
            sleep(100 * MS).await;
            journal.note(format!("{name} is over"));
        })
    }
}

fn reason(failure: &milena::serve::Failure) -> Moment {
    let Reason::Lifespan { name, moment } = failure.reason() else { panic!("{failure}") };
    assert!(name.contains("lifespan::"), "{name}");
    *moment
}

#[tokio::test(start_paused = true)]
async fn lifespans_are_entered_in_order_before_all_else_and_left_in_reverse_behind_all_else() {
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "t", &["record"]);
    let (noted_task, at_end, of_broker) = (journal.clone(), journal.clone(), broker.clone());
    let app = app(&broker, &journal)
        .lifespan(move |running| async move {
            running.until_end().await;
            let committed = of_broker.committed("g", "t", 0);
            at_end.note(format!("at the very end {committed:?} is committed"));
        })
        .lifespan(noted("outer", &journal))
        .lifespan(noted("inner", &journal))
        .background("task", move |shutdown| async move {
            noted_task.note("task begins");
            shutdown.begun().await;
            noted_task.note("task ends");
        });

    let running = Service::start(app);
    let noted = journal.clone();
    until(&broker, || noted.all().contains(&"record".to_owned())).await;
    running.stop().await.unwrap();

    let mut all = journal.all();
    assert_eq!(all[..2], ["outer is up", "inner is up"]);
    all[2..4].sort_unstable();
    assert_eq!(
        all[2..],
        [
            "record",
            "task begins",
            "task ends",
            "inner ends",
            "inner is over",
            "outer ends",
            "outer is over",
            "at the very end Some(1) is committed"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lifespan_that_fails_in_its_set_up_keeps_everything_from_beginning() {
    async fn fail(_: Running) -> Result<(), BoxError> {
        Err("no database".into())
    }
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "t", &["record"]);
    let app = app(&broker, &journal)
        .lifespan(noted("outer", &journal))
        .lifespan(fail)
        .lifespan(noted("inner", &journal));

    let failure = app.serve().await.unwrap_err();

    assert_eq!(reason(&failure), Moment::Start);
    assert_eq!((failure.kind(), failure.exit_code()), (ErrorKind::Lifespan, 1));
    let text = failure.to_string();
    assert!(text.starts_with("could not set up lifespan `it::app::lifespan::"), "{text}");
    assert!(text.ends_with("::fail`: no database"), "{text}");
    assert_eq!(journal.all(), ["outer is up", "outer ends", "outer is over"]);
    assert_eq!((broker.committed("g", "t", 0), broker.members("g")), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lifespan_that_fails_in_its_tear_down_says_so_when_all_else_is_done() {
    async fn fail(running: Running) -> Result<(), BoxError> {
        running.until_end().await;
        Err("it did not close".into())
    }
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "t", &["record"]);
    let running =
        Service::start(app(&broker, &journal).lifespan(noted("outer", &journal)).lifespan(fail));
    until(&broker, || broker.committed("g", "t", 0) == Some(1)).await;

    let failure = running.stop().await.unwrap_err();

    assert_eq!(reason(&failure), Moment::Stop);
    assert!(failure.to_string().ends_with("::fail`: it did not close"), "{failure}");
    assert!(failure.others().is_empty());
    assert_eq!(journal.all(), ["outer is up", "record", "outer ends", "outer is over"]);
}

#[tokio::test(start_paused = true)]
async fn a_lifespan_that_panics_is_one_that_fails() {
    let (broker, journal) = (Memory::new(), Journal::default());
    let set_up = app(&broker, &journal).lifespan(|_| async { panic!("no database") });
    let failure = set_up.serve().await.unwrap_err();
    assert_eq!(reason(&failure), Moment::Start);
    assert!(failure.to_string().ends_with(": it panicked: no database"), "{failure}");

    let tear_down = app(&broker, &journal).lifespan(|running| async move {
        running.until_end().await;
        panic!("it did not close")
    });
    let failure = Service::start(tear_down).stop().await;
    // It may have been stopped before the lifespan was set up.
    assert!(failure.is_ok());

    let tear_down = app(&broker, &journal).lifespan(|running| async move {
        running.until_end().await;
        panic!("it did not close")
    });
    let running = Service::start(tear_down);
    until(&broker, || broker.members("g") == 1).await;
    let failure = running.stop().await.unwrap_err();
    assert_eq!(reason(&failure), Moment::Stop);
    assert!(failure.to_string().ends_with(": it panicked: it did not close"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_lifespan_that_returns_without_waiting_ends_the_app() {
    async fn at_once(_: Running) {}
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "t", &["record"]);

    let failure = app(&broker, &journal).lifespan(at_once).serve().await.unwrap_err();

    assert_eq!(reason(&failure), Moment::Start);
    let text = failure.to_string();
    assert!(text.contains("it returned before the app ended"), "{text}");
    assert_eq!(journal.all(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_lifespan_that_ends_while_the_app_runs_ends_the_app_in_good_order() {
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "t", &["record"]);
    let app = app(&broker, &journal).lifespan(|running| async move {
        tokio::select! {
            () = running.until_end() => Ok(()),
            () = sleep(1000 * MS) => Err("the lease is over"),
        }
    });

    let failure = app.serve().await.unwrap_err();

    assert_eq!(reason(&failure), Moment::Running);
    assert!(failure.to_string().contains("could not keep up lifespan"), "{failure}");
    assert_eq!((broker.committed("g", "t", 0), broker.members("g")), (Some(1), 0));
}

#[tokio::test(start_paused = true)]
async fn a_lifespan_that_hangs_in_its_set_up_is_given_up_when_the_app_is_told_to_end() {
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "t", &["record"]);
    let app = app(&broker, &journal)
        .lifespan(noted("outer", &journal))
        .lifespan(|_| pending::<()>())
        .lifespan(noted("inner", &journal));
    let running = Service::start(app);
    sleep(60_000 * MS).await;

    assert_eq!(running.stop().await.unwrap(), Ended::Asked);
    assert_eq!(journal.all(), ["outer is up", "outer ends", "outer is over"]);
    assert_eq!(broker.committed("g", "t", 0), None);
}

#[tokio::test(start_paused = true)]
async fn a_lifespan_that_hangs_in_its_tear_down_is_given_up_in_time() {
    let (broker, journal) = (Memory::new(), Journal::default());
    let app = app(&broker, &journal)
        .lifespan(noted("outer", &journal))
        .lifespan(|running| async move {
            running.until_end().await;
            pending::<()>().await;
        })
        .shutdown_timeout(Duration::from_secs(7));
    let running = Service::start(app);
    until(&broker, || broker.members("g") == 1).await;
    let asked = Instant::now();

    let failure = running.stop().await.unwrap_err();

    assert_eq!((reason(&failure), failure.kind()), (Moment::Stop, ErrorKind::TimedOut));
    assert!(failure.to_string().ends_with("within 7s"), "{failure}");
    assert_eq!(asked.elapsed(), 7100 * MS, "the other took 100 ms");
    assert_eq!(journal.all(), ["outer is up", "outer ends", "outer is over"]);
}

#[tokio::test(start_paused = true)]
async fn a_lifespan_gives_handlers_what_it_has_set_up() {
    #[derive(Clone)]
    struct Database(&'static str);
    async fn look(record: milena::Record, State(journal): State<Journal>) {
        journal.note(record.extension::<Database>().unwrap().0);
    }
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "t", &["record"]);
    let router = Router::new("g").subscribe("t", each(look)).with_state(journal.clone());
    let app = App::new("Notes", "1.0.0")
        .cluster("eu", broker.clone())
        .router(router)
        .lifespan(|running| async move {
            running.provide(Database("the first"));
            running.until_end().await;
        })
        .lifespan(|running| async move {
            running.provide(Database("the last counts"));
            running.until_end().await;
        });

    let running = Service::start(app);
    until(&broker, || broker.committed("g", "t", 0) == Some(1)).await;

    running.stop().await.unwrap();
    assert_eq!(journal.all(), ["the last counts"]);
}
