//! Each mechanism is let in with the right credentials, and with wrong ones it is not.

use super::{
    cluster::{listener, trusting, variable},
    service::{both, check, refused_to_publish, refused_topics},
};
use milena::{
    Error, Kafka,
    error::ErrorKind::{Unauthorized, Unreachable},
    serve::Reason,
};
use milena_core::transport::Transport as _;
use std::time::Duration;

type Setter = fn(Kafka, String, String) -> Kafka;

/// How long transactions may take to begin.
const WITHIN: Duration = Duration::from_secs(5);

/// The mechanisms with a password.
const PASSWORDS: [(&str, &str, Setter); 3] = [
    ("PLAIN", "KAFKA_PLAIN", |kafka, user, word| kafka.sasl_plain(user, word)),
    ("SCRAM-SHA-256", "KAFKA_SCRAM_SHA_256", |kafka, user, word| kafka.scram_sha_256(user, word)),
    ("SCRAM-SHA-512", "KAFKA_SCRAM_SHA_512", |kafka, user, word| kafka.scram_sha_512(user, word)),
];

async fn check_passwords(protocol: &str, kafka: &Kafka, address: &str) {
    for (mechanism, prefix, setter) in PASSWORDS {
        let user = variable(&format!("{prefix}_USER"));
        let word = variable(&format!("{prefix}_PASSWORD"));
        let right = setter(kafka.clone(), user.clone(), word);
        let wrong = setter(kafka.clone(), user, "hunter2".into());
        let what = format!("{protocol} {mechanism}");

        let error = both(&what, right, "wrong password", wrong.clone()).await;

        check(&error, Unauthorized, &[mechanism, address]);
        let error = refused_topics(&wrong).await;
        check(&error, Unauthorized, &[mechanism, address]);
    }
}

#[tokio::test]
async fn a_password_lets_in_and_a_wrong_one_does_not() {
    let Some(kafka) = listener("KAFKA_SASL_PLAINTEXT") else { return };
    check_passwords("SASL_PLAINTEXT", &kafka, &variable("KAFKA_SASL_PLAINTEXT")).await;
}

#[tokio::test]
async fn a_password_lets_in_over_tls() {
    let Some(kafka) = listener("KAFKA_SASL_SSL") else { return };
    let kafka = kafka.tls(trusting());
    check_passwords("SASL_SSL", &kafka, &variable("KAFKA_SASL_SSL")).await;
}

#[tokio::test]
async fn an_app_that_only_publishes_ends_when_its_password_is_refused() {
    let Some(kafka) = listener("KAFKA_SASL_PLAINTEXT") else { return };
    let wrong = kafka.sasl_plain(variable("KAFKA_PLAIN_USER"), "hunter2");

    let failure = refused_to_publish(wrong).await;

    println!("SASL_PLAINTEXT PLAIN, publishing: wrong password: refused: {failure}");
    assert_eq!(failure.reason(), &Reason::Cluster { cluster: "eu".into() });
    check(failure.error(), Unauthorized, &["PLAIN", &variable("KAFKA_SASL_PLAINTEXT")]);
}

#[tokio::test]
async fn transactions_of_whom_the_broker_does_not_let_in_do_not_begin() {
    let Some(kafka) = listener("KAFKA_SASL_PLAINTEXT") else { return };
    let (user, address) = (variable("KAFKA_PLAIN_USER"), variable("KAFKA_SASL_PLAINTEXT"));
    let right = kafka.clone().sasl_plain(user.clone(), variable("KAFKA_PLAIN_PASSWORD"));
    let wrong = kafka.sasl_plain(user, "hunter2");

    right.transactions("let-in".into(), WITHIN).await.map(drop).unwrap();
    let error = refused_transactions(&wrong).await;
    println!("SASL_PLAINTEXT PLAIN, transactions: accepted; wrong password: no end: {error}");
    check(&error, Unreachable, &["refused", "PLAIN", &address]);
    let error = refused_transactions(&wrong.stop_when_unauthorized(true)).await;
    println!("SASL_PLAINTEXT PLAIN, transactions: wrong password: an end: {error}");
    check(&error, Unauthorized, &["PLAIN", &address]);
}

async fn refused_transactions(kafka: &Kafka) -> Error {
    kafka.transactions("refused".into(), WITHIN).await.map(drop).unwrap_err()
}

#[tokio::test]
async fn what_the_broker_does_not_have_is_told_by_its_name() {
    let Some(kafka) = listener("KAFKA_OAUTH_UNSECURED") else { return };

    let error = refused_topics(&kafka.sasl_plain("plain", "hunter2")).await;

    println!("SASL_PLAINTEXT PLAIN where it is switched off: refused: {error}");
    check(&error, Unauthorized, &["PLAIN", "OAUTHBEARER"]);
}
