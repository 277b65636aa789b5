//! No secret is in anything that is said, whatever is listened to.

use super::{
    child,
    cluster::{file, listener, text, trusting, variable},
    service::{accepted, refused, refused_at_once, refused_topics},
    token_server::TokenServer,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use milena::{
    Kafka,
    error::BoxError,
    transport::{ClientCredentials, Pem, Token, TokenProvider, Transport as _},
};
use std::time::{Duration, SystemTime};

/// What a user may call secret, in all places where it can be put.
const MARKERS: [&str; 6] = [
    "marker-password",
    "marker-by-hand",
    "marker-of-variable",
    "marker-token",
    "marker-client",
    "marker-in-address",
];

#[test]
fn no_secret_is_shown_logged_or_told() {
    if listener("KAFKA_SASL_SSL").is_none() {
        return;
    }
    let variables = [
        ("RUST_LOG", "trace"),
        ("KAFKA_CLIENT_SASL_PASSWORD", "marker-of-variable"),
        ("KAFKA_CLIENT_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_CLIENT_SECURITY_PROTOCOL", "sasl_plaintext"),
        ("KAFKA_CLIENT_SASL_USERNAME", "ada"),
        ("KAFKA_CLIENT_DEBUG", "all"),
    ];
    let said = child::run("leaks::child_that_knows_secrets", &variables);

    // It did speak of these things, and in detail.
    for spoken in
        ["SASL PLAIN", "SCRAM-SHA-512", "OAUTHBEARER", "Kafka {", "Tls {", "librdkafka: SASL"]
    {
        assert!(said.contains(spoken), "`{spoken}` is not in what it said");
    }
    let key = text("client.key").expose().lines().nth(1).unwrap().to_owned();
    let real = ["KAFKA_PLAIN_PASSWORD", "KAFKA_SCRAM_SHA_512_PASSWORD", "KAFKA_KEY_PASSWORD"];
    let real = real.map(variable);
    let secrets = MARKERS.iter().map(|marker| (*marker).to_owned()).chain(real).chain([key]);
    for secret in secrets {
        for form in [secret.clone(), STANDARD.encode(&secret)] {
            let line = said.lines().find(|line| line.contains(&form));
            assert!(line.is_none(), "`{form}` is in what it said: {line:?}");
        }
    }
    println!("secrets in {} lines of output: none", said.lines().count());
}

struct Gives(&'static str);

impl TokenProvider for Gives {
    async fn token(&self) -> Result<Token, BoxError> {
        Ok(Token::new(self.0, SystemTime::now() + Duration::from_secs(60)))
    }
}

fn print(error: &milena::Error) {
    println!("{error} {error:?} {:?}", std::error::Error::source(error));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "another test runs it in a process of its own"]
async fn child_that_knows_secrets() {
    let loud = |variable| listener(variable).unwrap().set("debug", "all");
    let plaintext = || loud("KAFKA_SASL_PLAINTEXT");
    for kafka in [
        plaintext().sasl_plain("ada", "marker-password"),
        plaintext().scram_sha_512("ada", "marker-password"),
        plaintext().oauth(Gives("marker-token")),
        plaintext()
            .set("security.protocol", "sasl_plaintext")
            .set("sasl.mechanism", "PLAIN")
            .set("sasl.username", "ada")
            .set("sasl.password", "marker-by-hand"),
    ] {
        println!("{kafka:?} {kafka:#?}");
        print(&refused(kafka.clone()).await);
        print(&refused_topics(&kafka).await);
    }
    let real = |user, password| (variable(user), variable(password));
    let (user, password) = real("KAFKA_PLAIN_USER", "KAFKA_PLAIN_PASSWORD");
    accepted(plaintext().sasl_plain(user, password)).await;
    let (user, password) = real("KAFKA_SCRAM_SHA_512_USER", "KAFKA_SCRAM_SHA_512_PASSWORD");
    accepted(loud("KAFKA_SASL_SSL").tls(trusting()).scram_sha_512(user, password)).await;
    certificates(&loud("KAFKA_MTLS")).await;
    mistakes(&plaintext()).await;
}

async fn certificates(kafka: &Kafka) {
    let shown = trusting().certificate(Pem::text(text("client.crt")));
    let in_memory = kafka.clone().tls(shown.clone().key(Pem::text(text("client.key"))));
    println!("{in_memory:?}");
    accepted(in_memory).await;
    let encrypted = shown.clone().key(Pem::file(file("client-encrypted.key")));
    let opened = encrypted.clone().key_password(variable("KAFKA_KEY_PASSWORD"));
    println!("{opened:?}");
    accepted(kafka.clone().tls(opened)).await;
    print(&refused_at_once(kafka.clone().tls(encrypted.key_password("marker-password"))).await);
}

async fn mistakes(kafka: &Kafka) {
    let by_variables = Kafka::from_env().unwrap();
    println!("{by_variables:?}");
    let server = TokenServer::start("billing", "right").await;
    let url = server.url.clone() + "?key=marker-client";
    for url in
        [&*url, "http://ada:marker-client@there/token", "https://127.0.0.1:1/?x=marker-client"]
    {
        let credentials = ClientCredentials::new(url, "billing", "marker-client");
        println!("{credentials:?}");
        let kafka = kafka.clone().client_credentials(credentials);
        println!("{kafka:?}");
        print(&super::service::trouble(kafka).await);
    }
    let both =
        kafka.clone().sasl_plain("ada", "marker-password").set("sasl.password", "marker-by-hand");
    print(&refused_at_once(both).await);
    let address = Kafka::new("ada:marker-in-address@there:9092");
    println!("{address:?}");
    print(&refused_at_once(address).await);
    let null = kafka.clone().sasl_plain("ada", "marker-password\0");
    print(&null.producer().await.map(drop).unwrap_err());
    print(&refused_at_once(kafka.clone().set("sasl.passwort", "marker-by-hand")).await);
}
