use super::{Running as Service, refused, until};
use milena::{App, Memory, error::ErrorKind};

async fn to_invoices(order: u32) -> (u32, String) {
    (order, format!("invoice of {order}"))
}

async fn to_many(first: u32, second: u32) -> Vec<(&'static str, String)> {
    vec![("a", first.to_string()), ("b", second.to_string())]
}

async fn to_failures() -> Result<String, std::fmt::Error> {
    Err(std::fmt::Error)
}

async fn send_orders() -> String {
    "order".into()
}

async fn to_(_: u32) -> String {
    String::new()
}

async fn bill(_: u32) -> String {
    String::new()
}

fn app(broker: &Memory) -> App {
    App::new("Produces", "1.0.0").cluster("eu", broker.clone())
}

#[tokio::test(start_paused = true)]
async fn a_call_publishes_what_the_function_returns_and_gives_it_back() {
    let broker = Memory::new();
    let mut app = app(&broker);
    let (invoices, many) = (app.produces(to_invoices), app.produces(to_many));
    let (failing, orders) =
        (app.produces(to_failures), app.produces_prefixed("send_", send_orders));
    let topics: Vec<_> = app.publishers().map(|it| it.topic().to_string()).collect();
    assert_eq!(topics, ["invoices", "many", "failures", "orders"]);

    let early = invoices.send(1).await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::NotRunning);

    let (tell, told) = tokio::sync::oneshot::channel();
    let (in_task, refuse) = (invoices.clone(), broker.faults());
    let app = app.background("calls", move |_| async move {
        let value = in_task.call(7).await.unwrap();
        many.send(1, 2).await.unwrap();
        orders.send().await.unwrap();
        let own = failing.send().await.unwrap_err();
        refuse.refuse_writes("invoices", ErrorKind::TooLarge);
        let refused = in_task.call(8).await.unwrap_err();
        let _ = tell.send((value, own, refused));
    });
    let running = Service::start(app);
    let (value, own, refused) = told.await.unwrap();

    assert_eq!(value, (7, "invoice of 7".to_owned()));
    assert!(own.to_string().contains("topic `failures`"), "{own}");
    assert_eq!(refused.kind(), ErrorKind::TooLarge);
    assert_eq!(broker.faults().fired().writes_refused, 1);
    until(&broker, || broker.records("orders").len() == 1).await;
    running.stop().await.unwrap();
    let keys = |topic| {
        let records = broker.records(topic);
        records.iter().map(|it| it.key().unwrap().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(keys("invoices"), [7u32.to_be_bytes().to_vec()]);
    assert_eq!(keys("many"), [b"a".to_vec(), b"b".to_vec()]);
    let late = invoices.send(9).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::NotRunning);
}

#[test]
fn a_function_without_a_topic_in_its_name_is_refused_with_the_reason() {
    let broker = Memory::new();
    let here = "it::app::produces";
    assert_eq!(
        refused(|| app(&broker).produces(bill)),
        format!(
            "`produces` finds no topic in the name of `{here}::bill`: the name does not begin with `to_`; `to_orders` is for topic `orders`"
        )
    );
    let nothing = refused(|| app(&broker).produces(to_));
    assert!(nothing.contains(": there is nothing behind `to_`; "), "{nothing}");
    let closure = refused(|| app(&broker).produces(async || "x"));
    assert!(closure.contains(": a closure has no name; "), "{closure}");
}
