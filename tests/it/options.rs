//! What a router says of its consumer is what a transport is asked for.

use milena::{
    Error, Router, each,
    error::ErrorKind,
    transport::{
        BoxFuture, Consumer, ConsumerConfig, Creation, Membership, NewTopic, Producer, Reset,
        StartAt, TopicDescription, Transport,
    },
};
use milena_memory::Memory;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

async fn nothing() {}

/// A transport that writes down what it is asked for, and then has no consumer.
#[derive(Clone, Default)]
struct Asked(Memory, Arc<Mutex<Option<Membership>>>);

impl Transport for Asked {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        *self.1.lock().unwrap() = Some(membership);
        Box::pin(async { Err(Error::new(ErrorKind::Unreachable, "there is none")) })
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
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

async fn asked_by(router: impl FnOnce(Router) -> Router) -> Membership {
    let asked = Asked::default();
    let router = router(Router::new("group").subscribe("topic", each(nothing)));

    milena::serve(asked.clone(), router).await.unwrap_err();

    asked.1.lock().unwrap().take().unwrap()
}

#[tokio::test]
async fn where_a_group_begins_follows_the_reset_policy_unless_it_was_said() {
    let cases = [
        (None, None, (StartAt::Earliest, Reset::Earliest)),
        (Some(Reset::Earliest), None, (StartAt::Earliest, Reset::Earliest)),
        (Some(Reset::Latest), None, (StartAt::Latest, Reset::Latest)),
        (Some(Reset::Error), None, (StartAt::Committed, Reset::Error)),
        (None, Some(StartAt::Latest), (StartAt::Latest, Reset::Earliest)),
        (Some(Reset::Error), Some(StartAt::Time(7)), (StartAt::Time(7), Reset::Error)),
    ];
    for (reset, start, expected) in cases {
        let membership = asked_by(|mut router| {
            if let Some(reset) = reset {
                router = router.consumer(ConsumerConfig::new().auto_offset_reset(reset));
            }
            start.into_iter().fold(router, Router::start_at)
        })
        .await;

        assert_eq!((membership.start, membership.reset), expected);
    }
}

#[tokio::test]
async fn the_options_of_a_router_reach_the_transport_the_later_over_the_earlier() {
    let second = Duration::from_secs(1);
    let membership = asked_by(|router| {
        router
            .consumer(ConsumerConfig::new().session_timeout(9 * second).client_rack("here"))
            .consumer(ConsumerConfig::new().session_timeout(8 * second))
    })
    .await;

    assert_eq!(membership.config.get("session.timeout.ms"), Some("8000"));
    assert_eq!(membership.config.get("client.rack"), Some("here"));
}

#[test]
fn an_option_that_cannot_be_used_is_refused_where_the_router_is_written() {
    let refused = |configs: Vec<ConsumerConfig>| {
        let assemble = || configs.into_iter().fold(Router::<()>::new("billing"), Router::consumer);
        let payload = catch_unwind(AssertUnwindSafe(assemble)).unwrap_err();
        payload.downcast_ref::<String>().unwrap().clone()
    };
    let second = Duration::from_secs(1);
    let config = ConsumerConfig::new;

    assert_eq!(
        refused(vec![config().set("group.id", "other")]),
        "could not use option `group.id`: the group is the router's name (group `billing`)"
    );
    assert_eq!(
        refused(vec![
            config().session_timeout(2 * second),
            config().heartbeat_interval(2 * second)
        ]),
        "could not use option `heartbeat.interval.ms`: 2000 is not lower than \
         `session.timeout.ms`, which is 2000 (group `billing`)"
    );
}

#[test]
#[should_panic(expected = "with different options")]
fn a_group_is_not_merged_with_itself_when_its_consumers_differ() {
    let router =
        |rack| Router::<()>::new("billing").consumer(ConsumerConfig::new().client_rack(rack));
    drop(router("here").merge(router("there")));
}
