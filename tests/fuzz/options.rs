//! What operators write: URLs, options, patterns, tokens.

use crate::random::often;
use milena::{
    Kafka,
    transport::{ConsumerConfig, Pattern, ProducerConfig, Token, connect},
};
use std::time::{Duration, SystemTime};

const SECRET: &str = "hunter2";

const ADDRESS: [&str; 18] = [
    "kafka://",
    "memory://",
    "http://",
    "://",
    "one",
    "one:9092",
    "two:1",
    "[::1]",
    "[::1]:9092",
    "::1",
    "ada:",
    "@",
    ",",
    ":",
    "/",
    ":65536",
    "[",
    "]",
];

#[test]
fn a_broker_url_is_taken_or_refused_and_no_password_is_shown() {
    often(5000, |random| {
        // What stands before an `@` may be a password, with whatever is in it.
        let (before, behind) = (random.text(&ADDRESS), random.text(&ADDRESS));
        let secret = format!("{before}{SECRET}{behind}@one:9092");
        for url in [random.text(&ADDRESS), secret.clone(), format!("kafka://{secret}")] {
            for error in [connect(&url).err(), Kafka::from_url(&url).err()].into_iter().flatten() {
                assert!(!error.to_string().contains(SECRET), "{url:?}: {error}");
            }
        }
        assert!(connect(&secret).is_err() && Kafka::from_url(&secret).is_err(), "{secret:?}");
    });
}

#[test]
fn options_are_taken_or_refused_and_no_secret_is_shown() {
    const NAMES: [&str; 14] = [
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "max.poll.interval.ms",
        "batch.size",
        "message.max.bytes",
        "partition.assignment.strategy",
        "group.protocol",
        "fetch.max.bytes",
        "sasl.password",
        "ssl.key.pem",
        "exclude.internal.topics",
        "isolation.level",
        "client.id",
        ".",
    ];
    const VALUES: [&str; 14] = [
        "0",
        "-1",
        "1",
        "1e400",
        "NaN",
        "inf",
        "2147483648",
        "cooperative-sticky",
        "range",
        ",",
        "true",
        "consumer",
        " ",
        "45000",
    ];
    often(5000, |random| {
        let (mut consumer, mut producer) = (ConsumerConfig::new(), ProducerConfig::new());
        for _ in 0..random.below(4) {
            let (name, value) = (random.text(&NAMES), random.text(&VALUES));
            consumer = consumer.set(name.clone(), value.clone());
            producer = producer.set(name, value);
        }
        consumer = consumer.set("sasl.password", SECRET);
        producer = producer.set("sasl.password", SECRET);
        for (error, shown) in [
            (consumer.validate().err(), format!("{consumer:?}")),
            (producer.validate().err(), format!("{producer:?}")),
        ] {
            assert!(!format!("{error:?}{shown}").contains(SECRET), "{shown}");
        }
        drop((consumer.resolved(), producer.resolved()));
    });
}

#[test]
fn a_number_that_is_taken_is_one() {
    often(2000, |random| {
        let value = random.text(&["0", "1", "9", "-", ".", "e", "NaN", "inf", "infinity"]);
        if ConsumerConfig::new().set("fetch.min.bytes", value.clone()).validate().is_ok() {
            let number: f64 = value.parse().unwrap();
            assert!((1.0..=1e8).contains(&number), "{value:?}");
        }
    });
}

#[test]
fn a_pattern_is_one_by_itself_and_matches_whole_names() {
    const PARTS: [&str; 18] = [
        "logs", "a", "{level}", "{", "}", "(", ")", "|", "^", "$", ".*", "\\.", "[a-z]", "(?x)",
        "(?m)", "#", "+", "(?<b>a)",
    ];
    let named = regex::Regex::new(r"\{([A-Za-z_][A-Za-z0-9_]*)\}").unwrap();
    often(1000, |random| {
        let text = random.text(&PARTS);
        let Ok(pattern) = Pattern::new(text.clone()) else { return };
        let expression = named.replace_all(&text, "(?<$1>.+)");
        let Ok(alone) = regex::Regex::new(&expression) else {
            panic!("{text:?} is no expression by itself");
        };
        let topic = random.text(&["logs", "a", "logs.info", "aa", ".", "z"]);
        if pattern.is_match(&topic) {
            assert!(alone.is_match(&topic), "{text:?} matches {topic:?}");
            let behind = format!("^(?:{expression})\\z");
            let whole = regex::Regex::new(&behind).is_ok_and(|it| it.is_match(&topic));
            assert!(whole, "{text:?} matches {topic:?}, and not as a whole");
        }
        assert_eq!(pattern.is_match(&topic), pattern.captures(&topic).is_some());
        let prefixed = pattern.clone().prefixed("eu.");
        assert_eq!(prefixed.is_match(&format!("eu.{topic}")), pattern.is_match(&topic));
    });
}

#[test]
fn a_token_is_taken_or_refused_and_not_shown() {
    const PARTS: [&str; 8] =
        ["e30", ".", "eyJleHAiOjk5OTk5OTk5OTk5fQ", "eyJleHAiOjFlOTl9", "sig", "=", "W10", " "];
    often(5000, |random| {
        let text = format!("{}{SECRET}", random.text(&PARTS));
        let later = SystemTime::now() + Duration::from_secs(60);
        let jwt = Token::jwt(text.clone());
        for shown in
            [format!("{jwt:?}"), format!("{:?}", Token::new(text.clone(), later).validate())]
        {
            assert!(!shown.contains(SECRET), "{text:?}: {shown}");
        }
        if let Ok(token) = jwt {
            assert!(token.lifetime() > Duration::ZERO && token.expires_at_millis() > 0, "{text:?}");
        }
    });
}
