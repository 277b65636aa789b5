use milena::{
    Batch, Router, batch, each,
    extract::Ack,
    publish,
    router::{AckPolicy, Partitions, Topics, subscription},
};
use milena_memory::Memory;
use std::panic::{AssertUnwindSafe, catch_unwind};

async fn work() {}

/// The message of the panic that assembling a router, and serving it, ends with.
pub(crate) fn refused(assemble: impl FnOnce() -> Router) -> String {
    let serve = || drop(milena::serve(Memory::new(), assemble()));
    let payload = catch_unwind(AssertUnwindSafe(serve)).expect_err("it cannot be assembled");
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| Some((*payload.downcast_ref::<&str>()?).to_owned()))
        .unwrap()
}

/// How often a message names a line of this file.
fn places(message: &str) -> usize {
    message.matches("it/assembly.rs:").count()
}

#[test]
fn a_router_that_makes_no_sense_is_refused_where_it_is_written() {
    async fn acks(_: Batch<String>, ack: Ack) {
        ack.done();
    }
    let cases: [(&str, fn() -> Router); 11] = [
        ("the name of a consumer group cannot be empty", || Router::new("")),
        (
            "no topic can be called ``: a name has 1 to 249 letters, digits, `.`, `_` and `-`",
            || Router::new("g").subscribe("", each(work)),
        ),
        (
            "no topic can be called `^orders.*`: a name has 1 to 249 letters, digits, `.`, `_` and `-`",
            || Router::new("g").subscribe("^orders.*", each(work)),
        ),
        ("a subscription has at least one topic", || {
            Router::new("g").subscribe(Vec::<String>::new(), each(work))
        }),
        ("topic `a` is named twice in one subscription", || {
            Router::new("g").subscribe(["a", "a"], each(work))
        }),
        ("could not use pattern `{a}.{a}`: ", || {
            Router::new("g").subscribe(Topics::matching("{a}.{a}"), each(work))
        }),
        ("a call that may take no time cannot succeed", || {
            Router::new("g").subscribe("a", each(work).timeout(std::time::Duration::ZERO))
        }),
        ("what becomes of failures is said twice: `.skip_failures` and `.dead_letter`", || {
            Router::new("g").subscribe("a", each(work).skip_failures().dead_letter("b"))
        }),
        ("what becomes of failures is said twice: `.dead_letters` and `.stop_on_failure`", || {
            Router::new("g").dead_letters().stop_on_failure()
        }),
        ("an `Ack` in a batch is taken with each record: `Batch<(T, Ack)>`", || {
            Router::new("g").subscribe("a", batch(acks))
        }),
        ("a batch has at least one record", || {
            Router::new("g").subscribe("a", batch(|_: Batch<String>| async {}).max_records(0))
        }),
    ];
    for (message, assemble) in cases {
        let refused = refused(assemble);
        assert!(refused.starts_with(message), "{refused}");
    }
}

#[test]
fn a_target_of_replies_that_says_what_could_not_count_is_refused() {
    let replies = |to| Router::new("g").subscribe("a", each(|| async { "x" }).publish_to(to));

    let far = refused(|| replies(publish("far").cluster("us")));
    let flushed = refused(|| replies(publish("out").autoflush()));

    let publisher =
        "a publisher of the app does that, `app.publisher(publish(\"far\").cluster(\"us\"))`";
    assert!(far.ends_with(publisher), "{far}");
    assert!(far.contains("`.cluster(\"us\")` of `far` could not count"), "{far}");
    assert!(flushed.contains("`.autoflush()` of `out` could not count"), "{flushed}");
}

#[test]
fn what_does_not_go_together_is_refused_with_both_places() {
    let new = || Router::new("billing");
    let on_receive = || each(work).ack(AckPolicy::OnReceive);
    let cases: [(&str, Router, usize); 6] = [
        (
            "group `billing` subscribes to topic `b` twice, with options that do not go together: OnSuccess with ",
            new().subscribe(["a", "b"], each(work)).subscribe(["c", "b"], on_receive()),
            2,
        ),
        (
            "group `billing` subscribes to topic `e.b` twice, with options that do not go together: OnReceive with ",
            new()
                .subscribe(Topics::matching("a|e.b"), on_receive())
                .nest("e.", new().subscribe("b", each(work))),
            2,
        ),
        (
            "group `billing` subscribes to topics and to certain partitions, at ",
            new().subscribe("a", each(work)).subscribe(Partitions::of("b", [0]), each(work)),
            2,
        ),
        (
            "dead letters would come back to their subscription, which takes topic `a` (subscribed to at ",
            new().subscribe(["b", "a"], each(work).dead_letter("a")),
            1,
        ),
        (
            "dead letters would come back to their subscription, which takes topic `a.dead` (subscribed to at ",
            new().subscribe(["a.dead", "a"], each(work)).dead_letters(),
            1,
        ),
        (
            "no topic can be called `in voices`: a name has 1 to 249 letters, digits, `.`, `_` and `-` (`",
            new().subscribe("a", each(|| async { "x" }).publish_to("in voices")),
            1,
        ),
    ];
    for (message, router, named) in cases {
        let refused = refused(|| router);
        assert!(refused.contains(message), "{refused}");
        assert_eq!(places(&refused), named, "{refused}");
    }
}

#[test]
fn a_prefix_that_cannot_be_is_refused() {
    let orders = || Router::new("g").subscribe("orders", each(work));
    let cases: [(&str, fn() -> Router); 5] = [
        ("no topic can be called `eu/...`: a prefix has up to 248 letters", || {
            Router::new("g").prefix("eu/")
        }),
        ("no topic can be called `e u...`: a prefix has up to 248 letters", || {
            Router::new("g").nest("e u", Router::new("g").subscribe("a", each(work)))
        }),
        (
            "a router has one prefix: nest it to put `b.` before `a.`, said at it/assembly.rs:",
            || Router::new("g").prefix("a.").prefix("b."),
        ),
        ("a router is nested under a prefix; without one it is merged: `.merge(router)`", || {
            Router::new("g").nest("", Router::new("g").subscribe("a", each(work)))
        }),
        ("the router that is nested under `eu.` subscribes to nothing", || {
            Router::new("g").nest("eu.", Router::new("g"))
        }),
    ];
    for (message, assemble) in cases {
        let refused = refused(assemble).replace("tests/it", "it");
        assert!(refused.starts_with(message), "{refused}");
    }
    let long = refused(|| orders().prefix("x".repeat(200)).prefixed_by("y".repeat(44)));
    assert!(long.starts_with("no topic can be called `yyyy"), "{long}");
    assert_eq!(places(&long), 3, "where it is subscribed, and both prefixes: {long}");
    let letters = refused(|| orders().dead_letters().prefix("x".repeat(240)));
    assert!(letters.contains("xorders.dead`: a name has 1 to 249 "), "{letters}");
}

trait Prefixed {
    fn prefixed_by(self, prefix: String) -> Self;
}

impl Prefixed for Router {
    fn prefixed_by(self, prefix: String) -> Self {
        Self::new("outer").nest(prefix, self)
    }
}

#[test]
fn dead_letters_that_come_back_only_under_a_prefix_are_refused_only_there() {
    let graves = || Router::new("g").subscribe("orders", each(work).dead_letter("eu.orders"));

    drop(milena::serve(Memory::new(), graves()));
    drop(milena::serve(Memory::new(), graves().prefix("us.")));
    let refused = refused(|| Router::new("g").nest("eu.", graves()));

    let message =
        "dead letters would come back to their subscription, which takes topic `eu.orders`";
    assert!(refused.starts_with(message), "{refused}");
    assert_eq!(places(&refused), 2, "where it is subscribed, and the prefix: {refused}");
}

#[test]
fn what_says_when_to_commit_is_refused_without_a_group() {
    let ack = || each(work).ack(AckPolicy::OnReceive);
    let alone = refused(|| Router::without_group().subscribe("a", ack()));
    let often = refused(|| Router::without_group().subscribe("a", each(work)).commit_every(1));

    let message =
        "a router without a group commits nothing: `.ack` says nothing of the subscription at ";
    assert!(alone.starts_with(message), "{alone}");
    assert!(often.contains("`.commit_interval` and `.commit_every` say nothing of it"), "{often}");
    let beside = Router::new("g").subscribe("a", each(work)).ack(AckPolicy::OnReceive);
    drop(milena::serve(
        Memory::new(),
        beside.merge(Router::without_group().subscribe("b", each(work))),
    ));
}

#[test]
fn a_module_that_is_taken_twice_is_refused() {
    let billing = || Router::new("billing").subscribe("orders", each(work));

    let refused = refused(|| billing().merge(Router::new("all").merge(billing())));

    let message = "group `billing` subscribes to topic `orders` twice at ";
    assert!(refused.starts_with(message), "{refused}");
    assert!(refused.ends_with("each record would be handled twice"), "{refused}");
    // Under other names, in another group, or with something else in it each time, it is no mistake.
    drop(milena::serve(
        Memory::new(),
        Router::new("all").nest("eu.", billing()).nest("us.", billing()),
    ));
    let numbers = (0..2).map(|n| subscription("a", each(move || async move { assert!(n >= 0) })));
    drop(milena::serve(Memory::new(), Router::new("g").subscribe_all(numbers)));
}

#[test]
fn who_says_nothing_of_a_group_agrees_with_who_does() {
    let other = |interval| Router::<()>::new("g").commit_every(interval).subscribe("a", each(work));
    let plain = || Router::<()>::new("g").subscribe("b", each(work));

    drop(plain().merge(other(5)));
    drop(other(5).merge(plain()));
    drop(other(5).nest("eu.", other(5)));
    let refused = refused(|| other(5).merge(other(6)));
    assert_eq!(refused, "group `g` is merged with itself, with different options");
}

#[tokio::test]
async fn a_router_without_subscriptions_cannot_be_served() {
    let error = milena::serve(Memory::new(), Router::new("billing")).await.unwrap_err();

    assert_eq!(error.to_string(), "could not serve group `billing`: it subscribes to no topic");
}

#[test]
fn a_router_says_what_its_operations_are() {
    async fn copy(_: milena::Json<u32>) -> milena::Json<String> {
        milena::Json(String::new())
    }
    let app: Router = Router::new("a")
        .subscribe(["x", "y"], each(copy).publish_to("z"))
        .merge(Router::new("b").subscribe("x", each(work)));

    let operations: Vec<_> = app.operations().collect();

    let [copies, works] = &operations[..] else { panic!("there are two") };
    assert_eq!((copies.group, copies.topics.names().len()), ("a", 2));
    let handler = copies.operation.handler;
    assert!(handler.ends_with("a_router_says_what_its_operations_are::copy"), "{handler}");
    let [reply] = &copies.operation.replies[..] else { panic!("it has a reply") };
    assert_eq!(&*reply.topic, "z");
    assert_eq!(reply.value.as_ref().unwrap().get("type").unwrap(), "string");
    assert_eq!(copies.operation.value.as_ref().unwrap().get("type").unwrap(), "integer");
    assert!(copies.dead_letters.is_empty());
    assert_eq!((works.group, works.operation.value.is_none()), ("b", true));
}
