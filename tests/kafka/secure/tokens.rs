//! Tokens that are taken, that are not, and that are replaced in time.

use super::{
    child,
    cluster::{Issuer, listener, topic, trusting, variable},
    service::{accepted, both, check, refused, refused_topics},
    token_server::TokenServer,
};
use milena::{
    Kafka,
    error::{
        BoxError,
        ErrorKind::{TimedOut, Unauthorized, Unreachable},
    },
    transport::{ClientCredentials, Token, TokenProvider, Transport as _},
};
use milena_core::ProducerRecord;
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

#[tokio::test]
async fn a_signed_token_lets_in_and_one_for_others_does_not() {
    let Some(kafka) = listener("KAFKA_SASL_PLAINTEXT") else { return };
    let right = kafka.clone().oauth(Issuer::new(&[]));
    let wrong = kafka.oauth(Issuer::new(&["--aud", "other"]));

    let error = both("SASL_PLAINTEXT OAUTHBEARER", right, "for others", wrong.clone()).await;

    check(&error, Unauthorized, &["OAUTHBEARER", &variable("KAFKA_SASL_PLAINTEXT")]);
    let error = refused_topics(&wrong).await;
    check(&error, Unauthorized, &["OAUTHBEARER", &variable("KAFKA_SASL_PLAINTEXT")]);
}

#[tokio::test]
async fn all_clients_of_a_cluster_share_a_token() {
    let Some(kafka) = listener("KAFKA_SASL_SSL") else { return };
    let issuer = Issuer::new(&[]);

    // Two producers, one consumer, and one that creates topics.
    let kafka = kafka.tls(trusting()).oauth(issuer.clone());
    let _producer = kafka.producer().await.unwrap();
    kafka.describe_topics(vec!["some".into()]).await.unwrap();
    accepted(kafka).await;

    assert_eq!(issuer.issued.load(Ordering::Relaxed), 1);
    println!("SASL_SSL OAUTHBEARER: accepted, with one token for all clients");
}

#[tokio::test]
async fn a_token_without_a_signature_lets_in_where_none_is_asked_for() {
    let Some(kafka) = listener("KAFKA_OAUTH_UNSECURED") else { return };
    let right = kafka.clone().oauth(Issuer::new(&["--unsecured"]));
    let wrong = kafka.oauth(Issuer::new(&[]));

    let what = "SASL_PLAINTEXT OAUTHBEARER unsecured";
    let error = both(what, right, "with a signature", wrong).await;

    check(&error, Unauthorized, &["OAUTHBEARER", &variable("KAFKA_OAUTH_UNSECURED")]);
}

#[tokio::test]
async fn extensions_are_sent() {
    let Some(kafka) = listener("KAFKA_OAUTH_EXTENSION") else { return };
    let right = kafka.clone().oauth(Issuer::new(&[]).extended(&[("tenant", "milena")]));
    let wrong = kafka.clone().oauth(Issuer::new(&[]).extended(&[("tenant", "other")]));

    let what = "SASL_PLAINTEXT OAUTHBEARER with extension";
    let error = both(what, right, "another extension", wrong).await;

    check(&error, Unauthorized, &["OAUTHBEARER", &variable("KAFKA_OAUTH_EXTENSION")]);
    let error = refused(kafka.oauth(Issuer::new(&[]))).await;
    println!("{what}: none: refused: {error}");
}

#[tokio::test]
async fn a_token_that_has_expired_is_refused_before_it_is_sent() {
    let Some(kafka) = listener("KAFKA_SASL_PLAINTEXT") else { return };

    let error = refused(kafka.oauth(Issuer::new(&["--seconds", "-5"]))).await;

    println!("SASL_PLAINTEXT OAUTHBEARER: expired: refused: {error}");
    check(&error, Unauthorized, &["OAUTHBEARER", "it expired"]);
}

struct Hangs;

impl TokenProvider for Hangs {
    async fn token(&self) -> Result<Token, BoxError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_provider_that_hangs_is_trouble_and_no_end() {
    let Some(kafka) = listener("KAFKA_SASL_PLAINTEXT") else { return };
    let kafka = kafka.oauth(Hangs).token_timeout(Duration::from_millis(100));

    let error = super::service::trouble(kafka.stop_when_unauthorized(true)).await;

    println!("SASL_PLAINTEXT OAUTHBEARER: provider hangs: {error}");
    check(&error, TimedOut, &["OAUTHBEARER", "100ms"]);
}

#[tokio::test]
async fn a_server_gives_out_tokens_for_an_id_and_a_secret() {
    let Some(kafka) = listener("KAFKA_SASL_PLAINTEXT") else { return };
    let server = TokenServer::start("billing", "s3cr:t ").await;
    let with = |secret: &str| {
        ClientCredentials::new(&server.url, "billing", secret).scope("kafka").audience("kafka")
    };
    accepted(kafka.clone().client_credentials(with("s3cr:t ").in_body())).await;
    println!("SASL_PLAINTEXT OAUTHBEARER client credentials in the body: accepted");

    let right = kafka.clone().client_credentials(with("s3cr:t "));
    let wrong = kafka.clone().client_credentials(with("hunter2"));
    let what = "SASL_PLAINTEXT OAUTHBEARER client credentials";
    let error = both(what, right, "wrong secret", wrong).await;
    check(&error, Unauthorized, &["OAUTHBEARER", &server.url, "401", "invalid_client"]);
    assert!(!error.to_string().contains("hunter2"), "{error}");

    let away = ClientCredentials::new("http://127.0.0.1:1/token", "billing", "s");
    let error = super::service::trouble(kafka.client_credentials(away)).await;
    println!("{what}: no server: {error}");
    check(&error, Unreachable, &["OAUTHBEARER", "http://127.0.0.1:1/token"]);
}

#[tokio::test]
async fn a_fresh_client_is_connected_soon() {
    let Some(kafka) = listener("KAFKA_SASL_PLAINTEXT") else { return };
    let kafka = kafka.oauth(Issuer::new(&[]));
    let start = Instant::now();

    kafka.describe_topics(vec!["some".into()]).await.unwrap();

    println!("SASL_PLAINTEXT OAUTHBEARER: the first answer after {:?}", start.elapsed());
}

#[test]
fn tokens_are_replaced_on_a_connection_that_stays() {
    if listener("KAFKA_SASL_PLAINTEXT").is_none() {
        return;
    }
    let output =
        child::run("tokens::child_that_outlives_its_tokens", &[("RUST_LOG", "librdkafka=info")]);

    let stats: Vec<serde_json::Value> = output
        .lines()
        .filter_map(|line| serde_json::from_str(line.split_once("STATS: ")?.1).ok())
        .collect();
    let last = stats.last().unwrap_or_else(|| panic!("no statistics: {output}"));
    let brokers = last["brokers"].as_object().unwrap().values();
    let open: Vec<_> =
        brokers.filter(|it| it["nodeid"] == 1 && it["source"] == "learned").collect();
    assert_eq!(open.len(), 1, "{last}");
    let (connects, disconnects) = (&open[0]["connects"], &open[0]["disconnects"]);
    println!(
        "SASL_PLAINTEXT OAUTHBEARER, token replaced: {connects} connection, {disconnects} disconnects"
    );
    assert_eq!((connects.as_u64(), disconnects.as_u64()), (Some(1), Some(0)));
    let issued = output.lines().find_map(|line| line.strip_prefix("issued: "));
    println!("tokens on it: {}", issued.unwrap());
}

/// A producer on one connection, with tokens of six seconds. The broker ends a connection with its token.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "another test runs it in a process of its own"]
async fn child_that_outlives_its_tokens() {
    const TOKENS: u64 = 6;
    let issuer = Issuer::new(&["--seconds", "6"]);
    let kafka = Kafka::new(variable("KAFKA_SASL_PLAINTEXT"))
        .set("statistics.interval.ms", "500")
        .oauth(issuer.clone())
        .token_refresh_at(0.5);
    listener("KAFKA_SASL_PLAINTEXT").unwrap();
    let topic = topic("outlives").await;
    let producer = kafka.producer().await.unwrap();
    while issuer.issued.load(Ordering::Relaxed) < TOKENS {
        producer.send_all(vec![ProducerRecord::new(topic.clone()).value("x")]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // One more statistic behind the last token.
    tokio::time::sleep(Duration::from_secs(1)).await;
    producer.send_all(vec![ProducerRecord::new(topic).value("x")]).await.unwrap();
    println!("issued: {}", issuer.issued.load(Ordering::Relaxed));
}
