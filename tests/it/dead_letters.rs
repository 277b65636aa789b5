use crate::kit::TestApp;
use crate::{
    billing::{Order, order},
    logs::Logs,
};
use milena::{
    Json, Outcome, Record, Retry, Router, State, each, error::ErrorKind, extract::Metadata,
    router::Topics, transport::partition_for,
};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const MS: Duration = Duration::from_millis(1);

/// Fails with an order whose price is negative, and notes every call.
async fn judge(
    Json(order): Json<Order>,
    at: Metadata,
    State(seen): State<Seen>,
) -> anyhow::Result<()> {
    seen.lock().unwrap().push(at.to_string());
    anyhow::ensure!(order.cents >= 0, "the order costs {} cents", order.cents);
    Ok(())
}

type Seen = Arc<Mutex<Vec<String>>>;

fn to(topic: &'static str, partition: i32, cents: i64) -> ProducerRecord {
    let value = serde_json::to_vec(&order(cents).0).unwrap();
    ProducerRecord::new(topic).partition(partition).value(value)
}

fn header(record: &Record, name: &str) -> Option<String> {
    let headers = record.headers();
    let value = headers.get(&format!("milena-dead-letter-{name}"))?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn dead_letters_go_beside_the_topic_of_their_record() {
    let (seen, broker) = (Seen::default(), Memory::new());
    let app = Router::new("g")
        .subscribe(["orders", "refunds"], each(judge).dead_letters())
        .with_state(seen);
    let test = TestApp::start_on(broker.clone(), app).await;

    test.publish("orders", vec![order(-1), order(1)]).await;
    test.publish("refunds", order(-2)).await;

    assert_eq!(test.published::<Order>("orders.dead"), [order(-1).0]);
    assert_eq!(test.published::<Order>("refunds.dead"), [order(-2).0]);
    assert_eq!(header(&test.records("refunds.dead")[0], "topic").as_deref(), Some("refunds"));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_tells_of_its_record_and_has_a_timestamp_of_its_own() {
    let (seen, broker) = (Seen::default(), Memory::new());
    let subscriber = each(judge).retry(Retry::fixed(2, MS)).dead_letters();
    let app = Router::new("billing").subscribe("orders", subscriber).with_state(seen);
    let test = TestApp::start_on(broker.clone(), app).await;

    broker.produce(to("orders", 0, -1).timestamp(1_234).key("")).unwrap();
    test.settle().await;

    let [letter] = &test.records("orders.dead")[..] else { panic!("one dead letter") };
    let told = |name| header(letter, name).unwrap();
    assert_eq!(
        (told("topic"), told("partition"), told("offset")),
        ("orders".into(), "0".into(), "0".into())
    );
    assert_eq!((told("timestamp"), told("timestamp-type")), ("1234".into(), "CreateTime".into()));
    assert_eq!((told("group"), told("attempts")), ("billing".into(), "2".into()));
    assert_eq!(told("error"), "the order costs -1 cents");
    assert_eq!(header(letter, "reason"), None);
    assert!(letter.timestamp().millis().unwrap() > 1_000_000_000_000, "it is of today");
    assert_eq!(letter.key(), Some(&b""[..]));
}

#[tokio::test(start_paused = true)]
async fn a_decision_has_a_reason_and_not_an_error() {
    async fn decide() -> Outcome {
        Outcome::dead_letter("never wanted")
    }
    let test =
        TestApp::start(Router::new("g").subscribe("orders", each(decide).dead_letters())).await;

    test.publish("orders", "x").await;

    let [letter] = &test.records("orders.dead")[..] else { panic!("one dead letter") };
    assert_eq!(header(letter, "reason").as_deref(), Some("never wanted"));
    assert_eq!(header(letter, "error"), None);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_keeps_its_partition_where_there_is_one_and_else_follows_its_key() {
    for (partitions, kept) in [(4, true), (7, true), (3, false)] {
        let (seen, broker) = (Seen::default(), Memory::new());
        broker.create_topic("orders", 4);
        broker.create_topic("orders.dead", partitions);
        let app = Router::new("g").subscribe("orders", each(judge).dead_letters()).with_state(seen);
        let test = TestApp::start_on(broker.clone(), app).await;

        broker.produce(to("orders", 3, -1).key("ada")).unwrap();
        test.settle().await;

        let [letter] = &test.records("orders.dead")[..] else { panic!("one dead letter") };
        let expected = if kept { 3 } else { partition_for(b"ada", partitions) };
        assert_eq!(letter.partition(), expected, "of {partitions}");
        assert_eq!(header(letter, "partition").as_deref(), Some("3"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_topic_of_dead_letters_may_come_into_being_later_and_nothing_is_lost_meanwhile() {
    let seen = Seen::default();
    let broker = Memory::new().without_auto_create();
    broker.create_topic("orders", 2);
    let app =
        Router::new("g").subscribe("orders", each(judge).dead_letters()).with_state(seen.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    broker.produce(to("orders", 1, -1)).unwrap();
    broker.produce(to("orders", 1, 2)).unwrap();

    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        (&*seen.lock().unwrap(), broker.committed("g", "orders", 1)),
        (&vec!["orders/1/0".to_owned()], None)
    );

    broker.create_topic("orders.dead", 2);
    test.settle().await;

    assert_eq!(test.records("orders.dead")[0].partition(), 1);
    assert_eq!(*seen.lock().unwrap(), ["orders/1/0", "orders/1/1"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_refused_stops_its_partition_and_nothing_else() {
    let kinds = [ErrorKind::Unauthorized, ErrorKind::UnknownTopic, ErrorKind::TimedOut];
    for kind in kinds.map(Some).into_iter().chain([None]) {
        let (seen, broker, logs) = (Seen::default(), Memory::new(), Logs::default());
        let _listening = logs.listen();
        broker.create_topic("orders", 2);
        match kind {
            Some(kind) => broker.faults().refuse_writes("orders.dead", kind),
            // The record is small enough for the broker, and its dead letter is not.
            None => broker.faults().limit_record_bytes(Some(60)),
        }
        let app = Router::new("g")
            .subscribe("orders", each(judge).dead_letters())
            .with_state(seen.clone());
        let test = TestApp::start_on(broker.clone(), app).await;

        for cents in [1, -2, 3] {
            broker.produce(to("orders", 0, cents)).unwrap();
        }
        tokio::time::sleep(Duration::from_secs(300)).await;
        broker.produce(to("orders", 1, 4)).unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;

        let fired = broker.faults().fired();
        let refused = fired.writes_refused + fired.records_too_large;
        assert!((5..30).contains(&refused), "it is tried again, not all the time: {refused}");
        let committed = [0, 1].map(|partition| broker.committed("g", "orders", partition));
        assert_eq!(
            committed,
            [Some(1), Some(1)],
            "polling goes on, and so does the other partition"
        );
        assert_eq!(*seen.lock().unwrap(), ["orders/0/0", "orders/0/1", "orders/1/0"]);
        assert_eq!(broker.members("g"), 1);
        let lines = logs.lines("a dead letter cannot be written; its partition waits");
        assert_eq!(lines.len(), refused);
        assert!(lines[0].contains("ERROR") && lines[0].contains("orders/0/1"), "{}", lines[0]);

        broker.faults().accept_writes("orders.dead");
        broker.faults().limit_record_bytes(None);
        test.settle().await;
        assert_eq!(test.published::<Order>("orders.dead"), [order(-2).0]);
        assert_eq!(test.committed("g", "orders"), 4);
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_is_not_done_before_the_broker_has_its_dead_letter() {
    let (seen, broker) = (Seen::default(), Memory::new());
    let app =
        Router::new("g").subscribe("orders", each(judge).dead_letters()).with_state(seen.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    broker.faults().hold_deliveries();
    for cents in [1, -2, 3] {
        broker.produce(to("orders", 0, cents)).unwrap();
    }

    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(broker.faults().fired().deliveries_held, 1);
    assert_eq!(seen.lock().unwrap().len(), 3, "the lane does not wait for the broker");
    assert_eq!(broker.committed("g", "orders", 0), Some(1));

    broker.faults().release_deliveries();
    test.settle().await;
    assert_eq!(broker.committed("g", "orders", 0), Some(3));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_written_while_its_partition_is_drained() {
    async fn fail_late() -> anyhow::Result<()> {
        tokio::time::sleep(100 * MS).await;
        anyhow::bail!("no")
    }
    let broker = Memory::new();
    let app = Router::new("g").subscribe("orders", each(fail_late).dead_letters());
    let test = TestApp::start_on(broker.clone(), app).await;
    broker.produce(to("orders", 0, 1)).unwrap();
    tokio::time::sleep(50 * MS).await;

    test.stop().await.unwrap();

    assert_eq!(broker.records("orders.dead").len(), 1);
    assert_eq!(broker.committed("g", "orders", 0), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_pattern_does_not_take_the_dead_letters_of_its_own_subscription() {
    let (seen, broker) = (Seen::default(), Memory::new());
    for topic in ["orders", "orders.dead", "other.dead"] {
        broker.create_topic(topic, 1);
    }
    let app = Router::new("g")
        .subscribe(Topics::matching(r"orders.*|other\.dead"), each(judge).dead_letters())
        .with_state(seen.clone());
    let test = TestApp::start_on(broker.clone(), app).await;

    broker.produce(to("orders", 0, -1)).unwrap();
    broker.produce(to("other.dead", 0, 2)).unwrap();
    while broker.committed("g", "other.dead", 0) != Some(1)
        || broker.committed("g", "orders", 0) != Some(1)
    {
        broker.changed().await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;

    assert_eq!(test.records("orders.dead").len(), 1);
    assert!(test.records("orders.dead.dead").is_empty());
    seen.lock().unwrap().sort();
    assert_eq!(*seen.lock().unwrap(), ["orders/0/0", "other.dead/0/0"]);
    test.stop().await.unwrap();
}
