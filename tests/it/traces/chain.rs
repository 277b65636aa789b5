use super::spans::{Spans, attributes, is_child, is_of, w3c};
use crate::{
    billing::{Invoice, Order, bill, order},
    logs::Logs,
    publishers::started_on,
};
use milena::{
    App, Batch, Json, Publisher, Router, State, batch, each,
    layers::TraceLayer,
    publish,
    record::{Headers, ProducerRecord},
};
use milena_memory::Memory;
use milena_test::TestApp;
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    trace::{SpanKind, TraceContextExt},
};
use std::sync::{Arc, Mutex};

/// A router whose spans carry their context as W3C says.
pub(super) fn traced<S>(router: Router<S>) -> Router<S> {
    let layer = || TraceLayer::new().propagator(w3c());
    router.layer(layer()).publish_layer(layer())
}

async fn book(_: Json<Invoice>) {}

fn attribute_list(span: &opentelemetry_sdk::trace::SpanData) -> Vec<String> {
    attributes(span).into_iter().map(|(name, value)| format!("{name}={}", value.as_str())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_record_and_all_that_comes_of_it_in_two_services_are_one_trace() {
    let spans = Spans::default();
    let _listening = spans.listen();
    let broker = Memory::new();
    let mut billing = Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"));
    let orders: Publisher<Json<Order>> = billing.publisher(publish("orders").schema());
    let books = Router::new("books").subscribe("invoices", each(book));
    let billing = started_on(&broker, traced(billing)).await;
    let books = TestApp::start_on(broker.clone(), traced(books)).await;

    orders.send(("ada", order(7))).await.unwrap();
    billing.settle().await;
    books.settle().await;

    assert_eq!(
        spans.tree(),
        [
            "send orders",
            "send orders > process orders",
            "send orders > process orders > send invoices",
            "send orders > process orders > send invoices > process invoices",
        ]
    );
    let all = spans.all();
    assert!(all.iter().all(|it| it.span_context.trace_id() == all[0].span_context.trace_id()));
    let (producer, consumer) = (SpanKind::Producer, SpanKind::Consumer);
    let kinds = [&producer, &consumer, &producer, &consumer];
    assert!(all.iter().zip(kinds).all(|(span, kind)| is_of(span, kind)));
    let id = broker.records("orders")[0].header("correlation_id").unwrap();
    let conversation =
        format!("messaging.message.conversation_id={}", String::from_utf8_lossy(&id));
    assert_eq!(
        attribute_list(&all[0]),
        [
            "messaging.destination.name=orders",
            "messaging.destination.partition.id=0",
            "messaging.kafka.message.key=ada",
            "messaging.kafka.offset=0",
            &conversation,
            "messaging.operation.name=send",
            "messaging.operation.type=send",
            "messaging.system=kafka",
        ]
    );
    assert_eq!(
        attribute_list(&all[1]),
        [
            "messaging.consumer.group.name=billing",
            "messaging.destination.name=orders",
            "messaging.destination.partition.id=0",
            "messaging.kafka.message.key=ada",
            "messaging.kafka.offset=0",
            &conversation,
            "messaging.operation.name=process",
            "messaging.operation.type=process",
            "messaging.system=kafka",
            "milena.attempt=1",
            "milena.outcome=done",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_context_begins_a_trace() {
    let spans = Spans::default();
    let _listening = spans.listen();
    let router = Router::new("books").subscribe("invoices", each(async |_: String| {}));
    let test = TestApp::start(traced(router)).await;

    test.publish("invoices", "{}").await;

    assert_eq!(spans.tree(), ["process invoices"]);
    assert!(!test.records("invoices")[0].headers().contains("traceparent"));
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_publishes_itself_is_a_child_of_its_call_whatever_headers_it_copies() {
    async fn forward(headers: Headers, publisher: Publisher) -> Result<(), milena::Error> {
        let record = ProducerRecord { headers, ..ProducerRecord::new("copies") };
        publisher.send(record.value("copy")).await.map(drop)
    }
    let spans = Spans::default();
    let _listening = spans.listen();
    let test = TestApp::start(traced(Router::new("g").subscribe("records", each(forward)))).await;
    let before = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers =
        Headers::new().with("traceparent", before).with("tracestate", "a=b").with("own", "1");
    test.publish("records", (headers, "value")).await;

    let (process, send) = (spans.one("process records"), spans.one("send copies"));
    assert_eq!(process.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(process.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert!(process.parent_span_is_remote);
    assert!(is_child(&send, &process));
    let copy = test.records("copies")[0].headers();
    let after = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", send.span_context.span_id());
    assert_eq!(copy.get_all("traceparent").collect::<Vec<_>>(), [Some(after.as_bytes())]);
    assert_eq!(copy.get_all("tracestate").collect::<Vec<_>>(), [Some(&b"a=b"[..])]);
    assert_eq!(copy.get("own"), Some(&b"1"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_linked_to_each_of_its_records_and_its_replies_are_its_children() {
    async fn sum(Batch(values): Batch<String>) -> String {
        values.concat()
    }
    let spans = Spans::default();
    let _listening = spans.listen();
    let summing = batch(sum).max_records(3).publish_to("sums");
    let mut router = Router::new("g").subscribe("values", summing);
    let values: Publisher<&'static str> = router.publisher(publish("values").schema());
    let test = started_on(&Memory::new(), traced(router)).await;

    values.send_all(["a", "b", "c"]).await.unwrap();
    test.settle().await;

    let sent: Vec<_> =
        spans.named("send values").iter().map(|it| it.span_context.clone()).collect();
    let all = spans.named("process values");
    let linked: Vec<_> =
        all.iter().flat_map(|span| span.links.iter()).map(|it| it.span_context.span_id()).collect();
    assert_eq!(sent.len(), 3);
    assert_eq!(linked, sent.iter().map(|it| it.span_id()).collect::<Vec<_>>());
    let counts: i64 = all
        .iter()
        .filter_map(|it| attributes(it).remove("messaging.batch.message_count"))
        .map(|it| it.as_str().parse::<i64>().unwrap())
        .sum();
    assert_eq!(counts, 3);
    let sums = spans.named("send sums");
    assert_eq!(sums.len(), all.len());
    assert!(sums.iter().zip(&all).all(|(sum, batch)| is_child(sum, batch)));
    assert!(
        all.iter().all(|it| sent.iter().all(|sent| sent.trace_id() != it.span_context.trace_id()))
    );
}

#[tokio::test(start_paused = true)]
async fn baggage_goes_through_a_handler_which_reads_it_and_adds_to_it() {
    type Seen = Arc<Mutex<Vec<String>>>;
    async fn carry(
        value: String,
        publisher: Publisher,
        State(seen): State<Seen>,
    ) -> Result<String, milena::Error> {
        let context = Context::current();
        seen.lock().unwrap().push(context.baggage().get("tenant").unwrap().to_string());
        let more = context.with_baggage([KeyValue::new("tenant", "7"), KeyValue::new("step", "2")]);
        let send = publisher.send(ProducerRecord::new("sent").value("v"));
        opentelemetry::trace::FutureExt::with_context(send, more).await?;
        Ok(value)
    }
    let spans = Spans::default();
    let _listening = spans.listen();
    let seen = Seen::default();
    let router = Router::new("g").subscribe("values", each(carry).publish_to("returned"));
    let test = TestApp::start(traced(router.with_state(seen.clone()))).await;
    test.publish("values", (Headers::new().with("baggage", "tenant=7"), "v")).await;

    assert_eq!(*seen.lock().unwrap(), ["7"]);
    let baggage = |topic| test.records(topic)[0].headers().get("baggage").map(<[u8]>::to_vec);
    assert_eq!(baggage("returned").unwrap(), b"tenant=7");
    let mut sent: Vec<_> = String::from_utf8(baggage("sent").unwrap())
        .unwrap()
        .split(',')
        .map(str::to_owned)
        .collect();
    sent.sort();
    assert_eq!(sent, ["step=2", "tenant=7"]);
    assert!(Context::current().span().span_context().trace_id().to_string().starts_with('0'));
}

#[tokio::test(start_paused = true)]
async fn without_a_layer_of_opentelemetry_nothing_is_put_into_headers_and_spans_are_those_of_tracing()
 {
    let logs = Logs::default();
    let _listening = logs.listen();
    async fn copy(headers: Headers, value: String) -> (Headers, String) {
        tracing::info!("copied");
        (headers, value)
    }
    let router = Router::new("g").subscribe("records", each(copy).publish_to("copies"));
    let test = TestApp::start(traced(router)).await;
    test.publish("records", (Headers::new().with("traceparent", "mine"), "v")).await;

    let copy = test.records("copies")[0].headers();
    assert_eq!(copy.get_all("traceparent").collect::<Vec<_>>(), [Some(&b"mine"[..])]);
    assert!(!copy.contains("baggage"));
    let [line] = &logs.lines("copied")[..] else { panic!() };
    for part in
        ["process records", "messaging.consumer.group.name=\"g\"", "messaging.kafka.offset=0"]
    {
        assert!(line.contains(part), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_traced_app_has_spans_of_its_publishers_and_of_its_routers_whenever_they_are_added() {
    let spans = Spans::default();
    let _listening = spans.listen();
    let books = Router::new("books").subscribe("invoices", each(async |_: String| {}));
    let mut app = App::new("Books", "1").cluster("eu", Memory::new());
    let invoices = app.publisher(publish("invoices"));
    let test = started_on(&Memory::new(), app.traced().router(books)).await;

    invoices.send("x").await.unwrap();
    test.settle().await;

    let (send, process) = (spans.one("send invoices"), spans.one("process invoices"));
    assert!(is_of(&send, &SpanKind::Producer) && is_of(&process, &SpanKind::Consumer));
    assert_eq!(spans.all().len(), 2);
    test.stop().await.unwrap();
}
