//! What the four documents have a name for, and no other test shows.

use crate::kit::TestApp;
use milena::{
    Error, Router, each,
    error::ErrorKind,
    serve::Control,
    transport::{
        self, BoxFuture, Consumer, Creation, Membership, NewTopic, Producer, TopicDescription,
        Transport,
    },
};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::sync::{Arc, Mutex};

async fn nothing() {}

#[tokio::test(start_paused = true)]
async fn a_group_may_be_left_without_a_subscription_and_get_one_again() {
    let test = TestApp::start(Router::new("g").subscribe(["a", "b"], each(nothing))).await;
    let control: Control = test.control("g");
    test.publish("a", "1").await;

    control.remove(["a", "b"]).await.unwrap();
    test.broker().produce(ProducerRecord::new("a").value("2")).unwrap();
    assert_eq!(control.assignment().await.unwrap(), []);

    control.add(Router::new("g").subscribe("a", each(nothing))).await.unwrap();
    test.settle().await;
    assert_eq!(test.committed("g", "a"), 2);
    test.stop().await.unwrap();
}

#[tokio::test]
async fn a_router_shows_its_groups_and_topics_and_a_control_its_group() {
    let billing = Router::new("billing").subscribe(["orders", "returns"], each(nothing));
    let router = billing.merge(Router::new("audit").subscribe("orders", each(nothing)));

    let shown = format!("{router:?}");
    for name in ["billing", "orders", "returns", "audit"] {
        assert!(shown.contains(name), "{shown} does not show `{name}`");
    }
    let service = milena::serve(Memory::new(), router);
    assert_eq!(service.control("audit").group(), "audit");
}

#[tokio::test(start_paused = true)]
async fn the_status_of_a_partition_says_whether_its_flow_was_stopped() {
    let test = TestApp::start(Router::new("g").subscribe("a", each(nothing))).await;
    let control = test.control("g");
    test.publish("a", "1").await;
    let is_stopped = async || control.status().await.unwrap()[0].is_paused;

    assert!(!is_stopped().await);
    control.stop_flow().await.unwrap();
    assert!(is_stopped().await);
    control.resume_flow().await.unwrap();
    assert!(!is_stopped().await);
    test.stop().await.unwrap();
}

/// Writes down in which order it is asked for things, and then has no consumer.
#[derive(Clone, Default)]
struct Asked(Memory, Arc<Mutex<Vec<&'static str>>>);

impl Transport for Asked {
    fn consumer(&self, _: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        self.1.lock().unwrap().push("consumer");
        Box::pin(async { Err(Error::new(ErrorKind::Unreachable, "there is none")) })
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        self.1.lock().unwrap().push("producer");
        self.0.producer()
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>> {
        self.0.create_topics(topics)
    }

    fn describe_topics(
        &self,
        topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>> {
        self.0.describe_topics(topics)
    }
}

#[tokio::test]
async fn a_service_has_its_producer_before_a_group_begins() {
    let asked = Asked::default();
    let router = Router::new("g").subscribe("a", each(nothing));

    milena::serve(asked.clone(), router).await.unwrap_err();

    assert_eq!(*asked.1.lock().unwrap(), ["producer", "consumer"]);
}

#[test]
fn a_transport_is_chosen_by_its_url() {
    let refused = |url| transport::connect(url).map(drop).unwrap_err().to_string();

    assert!(transport::connect("memory://").is_ok());
    assert_eq!(
        refused("localhost:9092"),
        "could not use broker URL `localhost:9092`: it has no scheme, as in `kafka://localhost:9092`"
    );
    assert_eq!(
        refused("amqp://localhost"),
        "could not use broker URL `amqp://localhost`: the schemes are `kafka` and `memory`"
    );
    assert_eq!(
        refused("memory://localhost"),
        "could not use broker URL `memory://localhost`: the broker in this process has no address"
    );
}
