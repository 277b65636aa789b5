use super::{Publish, publish};
use crate::{
    record::{Headers, Timestamp},
    reply::{Partition, Tombstone},
};
use bytes::Bytes;

fn headers(of: &Headers) -> Vec<(&str, Option<&str>)> {
    of.iter().map(|(name, value)| (name, value.map(|it| str::from_utf8(it).unwrap()))).collect()
}

#[test]
fn a_record_written_for_anywhere_gets_what_it_lacks() {
    let to = publish("t").key("default").partition(3).timestamp(7).header("source", "billing");
    let bare = Publish::anywhere().write(Bytes::from("a")).unwrap().remove(0);
    let own = (Partition(0), "", Timestamp::Created(0), Headers::new().with("source", "me"), "a");
    let own = Publish::anywhere().write(own).unwrap().remove(0);

    let (bare, own) = (to.complete(bare), to.complete(own));

    assert_eq!((&*bare.topic, bare.partition, bare.timestamp), ("t", Some(3), Some(7)));
    assert_eq!(
        (bare.key, headers(&bare.headers)),
        (Some("default".into()), vec![("source", Some("billing"))])
    );
    assert_eq!((&*own.topic, own.partition, own.timestamp), ("t", Some(0), Some(0)));
    assert_eq!(own.key, Some(Bytes::new()), "an empty key is a key");
    let types =
        [("source", Some("billing")), ("source", Some("me")), ("content-type", Some("text/plain"))];
    assert_eq!(headers(&own.headers), types);
    assert_eq!(own.headers.get("source"), Some(&b"me"[..]), "the value's own wins");
}

#[test]
fn what_is_written_at_once_is_what_is_completed_later() {
    let to = publish("t").key("k").header("a", "1").reply_to("answers").reply_errors();
    let value = || vec![(Headers::new().with("b", None::<&str>), "one"), (Headers::new(), "two")];

    let later = Publish::anywhere().write(value()).unwrap().into_iter();

    let later: Vec<_> = later.map(|record| to.complete(record)).collect();
    assert_eq!(later, to.write(value()).unwrap());
}

#[test]
fn a_content_type_that_is_there_stays_and_bare_targets_add_none() {
    let value = || (Headers::new().with("content-type", "text/csv"), "a,b");
    let type_of = |to: Publish| headers(&to.write("a,b").unwrap()[0].headers).len();

    let record = publish("t").write(value()).unwrap().remove(0);

    assert_eq!(headers(&record.headers), [("content-type", Some("text/csv"))]);
    assert_eq!(type_of(publish("t").header("content-type", "text/csv")), 1);
    assert_eq!(type_of(publish("t")), 1);
    assert_eq!(type_of(publish("t").bare()), 0);
    assert_eq!(publish("t").write(Tombstone).unwrap()[0].headers, Headers::new());
    assert_eq!(publish("t").write(Bytes::from("x")).unwrap()[0].headers, Headers::new());
}

#[test]
fn answers_are_asked_for_unless_the_value_asks_elsewhere() {
    let to = publish("t").bare().reply_to("answers").reply_errors();

    let asked = to.write("a").unwrap().remove(0).headers;
    let elsewhere =
        to.write((Headers::new().with("reply_to", "mine"), "a")).unwrap().remove(0).headers;

    assert_eq!(headers(&asked), [("reply_to", Some("answers")), ("reply_errors", Some("true"))]);
    assert_eq!(headers(&elsewhere), [("reply_to", Some("mine")), ("reply_errors", Some("true"))]);
}

#[test]
fn a_prefix_stands_before_the_topic_and_that_of_the_answers() {
    let to = publish("t").reply_to("answers").prefixed("b.").prefixed("a.");

    assert_eq!((&**to.topic(), &**to.answers().unwrap()), ("a.b.t", "a.b.answers"));
    assert!(publish("t").prefixed("a.").answers().is_none());
}

#[test]
fn what_documents_say_and_the_options_can_be_read() {
    let to = publish("t").title("T").description("all of them").include_in_schema(false);
    let to = to.cluster("eu").autoflush().reply_errors().bare().schema::<&str>().untyped();

    assert_eq!((&**to.titled().unwrap(), &**to.described().unwrap()), ("T", "all of them"));
    assert!(!to.is_included_in_schema() && publish("t").is_included_in_schema());
    assert_eq!(&**to.on_cluster().unwrap(), "eu");
    assert!(to.flushes() && to.asks_for_errors() && to.is_bare());
    assert!(to.payload().is_none(), "text does not describe itself");
    let debug = format!("{to:?}");
    assert!(debug.contains("cluster: Some(\"eu\")") && debug.contains("bare: true"), "{debug}");
}
