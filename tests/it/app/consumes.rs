use super::{Journal, Running as Service, produce, refused, until};
use milena::{
    App, Batch, Memory, Router, State, batch, each,
    router::{AckPolicy, by_partition},
    unordered,
};
use tokio::sync::Barrier;

async fn on_orders(_: String) {}
async fn on_(_: String) {}
async fn bill(_: String) {}
async fn handle_orders(_: String) {}
async fn on_all_orders(_: Batch<String>) {}
async fn on_any<T: Into<String>>(value: T) {
    let _: String = value.into();
}

fn topics(app: &App) -> Vec<String> {
    app.operations()
        .flat_map(|(_, it)| it.topics.names().to_vec())
        .map(|it| it.to_string())
        .collect()
}

fn app() -> App {
    App::new("Orders", "1.0.0").cluster("eu", Memory::new()).group("g")
}

#[test]
fn the_topic_is_the_name_of_the_function_behind_its_prefix() {
    let app = app()
        .consumes(on_orders)
        .consumes(batch(on_all_orders).max_records(7))
        .consumes_prefixed("handle_", each(handle_orders).ack(AckPolicy::OnSuccess));
    assert_eq!(topics(&app), ["orders", "all_orders", "orders"]);

    let router: Router = Router::new("g").prefix("eu.").consumes(each(on_orders).dead_letters());
    let described = router.operations().next().unwrap();
    assert_eq!(&*described.topics.names()[0], "eu.orders");
    assert_eq!(&*described.dead_letters[0], "eu.orders.dead");
}

#[test]
fn a_handler_without_a_topic_in_its_name_is_refused_with_the_reason() {
    let at = |why: &str, name: &str| {
        format!(
            "`consumes` finds no topic in the name of `{name}`: {why}; `on_orders` is for topic `orders`"
        )
    };
    let here = "it::app::consumes";
    assert_eq!(
        refused(|| app().consumes(bill)),
        at("the name does not begin with `on_`", &format!("{here}::bill"))
    );
    assert_eq!(
        refused(|| app().consumes(on_)),
        at("there is nothing behind `on_`", &format!("{here}::on_"))
    );
    let closure = refused(|| app().consumes(async |_: String| {}));
    assert!(closure.contains(": a closure has no name; "), "{closure}");
    let generic = refused(|| app().consumes(on_any::<String>));
    assert!(
        generic.contains("on_any<alloc::string::String>`: it is no plain function; "),
        "{generic}"
    );
    let pointer: fn(String) -> std::future::Ready<()> = |_| std::future::ready(());
    let pointer = refused(|| app().consumes(pointer));
    assert!(pointer.contains(": it is no plain function; "), "{pointer}");
    assert_eq!(
        refused(|| App::new("Orders", "1.0.0").consumes(on_orders)),
        "`consumes` has no consumer group: `App::group` comes first"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sequential_executor_takes_one_record_after_the_other_and_a_concurrent_one_many_at_once()
{
    async fn on_steps(value: String, State(journal): State<Journal>) {
        journal.note(format!("{value} begins"));
        tokio::task::yield_now().await;
        journal.note(format!("{value} ends"));
    }
    // Nobody goes on before all three are there.
    async fn on_meetings(
        _: String,
        State((journal, barrier)): State<(Journal, std::sync::Arc<Barrier>)>,
    ) {
        barrier.wait().await;
        journal.note("met");
    }
    let (broker, journal) = (Memory::new(), Journal::default());
    produce(&broker, "steps", &["a", "b"]);
    produce(&broker, "meetings", &["a", "b", "c"]);
    let barrier = std::sync::Arc::new(Barrier::new(3));
    let steps = Router::new("steps")
        .consumes(each(on_steps).concurrency(by_partition()))
        .with_state(journal.clone());
    let met = Journal::default();
    let meetings = Router::new("meetings")
        .consumes(each(on_meetings).concurrency(unordered(3)))
        .with_state((met.clone(), barrier));
    let app =
        App::new("Both", "1.0.0").cluster("eu", broker.clone()).router(steps).router(meetings);

    let running = Service::start(app);
    until(&broker, || broker.lag("steps", "steps") + broker.lag("meetings", "meetings") == 0).await;
    running.stop().await.unwrap();

    assert_eq!(journal.all(), ["a begins", "a ends", "b begins", "b ends"]);
    assert_eq!(met.all(), ["met"; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_or_handled_is_skipped_and_the_next_ones_are_handled() {
    async fn on_numbers(
        value: String,
        State(journal): State<Journal>,
    ) -> Result<(), std::num::ParseIntError> {
        let number: u8 = value.parse()?;
        journal.note(number.to_string());
        Ok(())
    }
    let (broker, journal) = (Memory::new(), Journal::default());
    broker.produce(milena_core::ProducerRecord::new("numbers").value(vec![0xff])).unwrap();
    produce(&broker, "numbers", &["many", "7"]);
    let router =
        Router::new("g").consumes(each(on_numbers).skip_failures()).with_state(journal.clone());

    let running =
        Service::start(App::new("N", "1.0.0").cluster("eu", broker.clone()).router(router));
    until(&broker, || broker.committed("g", "numbers", 0) == Some(3)).await;
    running.stop().await.unwrap();

    assert_eq!(journal.all(), ["7"]);
}
