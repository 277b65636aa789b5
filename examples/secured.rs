//! How is a cluster reached that asks who a client is?

use milena::{
    Error, Kafka, Router, each,
    error::BoxError,
    transport::{Pem, Tls, Token, TokenProvider},
};
use std::{env, fs};

/// Gives out the token that the platform keeps new in a file.
struct Mounted(String);

impl TokenProvider for Mounted {
    async fn token(&self) -> Result<Token, BoxError> {
        Ok(Token::jwt(fs::read_to_string(&self.0)?.trim())?)
    }
}

/// With a token, or with a password where there is none; encrypted in both cases.
fn cluster(variable: impl Fn(&str) -> Option<String>) -> Kafka {
    let said = |name| variable(name).unwrap_or_default();
    let tls = match variable("KAFKA_CA") {
        Some(file) => Tls::new().ca(Pem::file(file)),
        None => Tls::new(),
    };
    let kafka = Kafka::new(said("KAFKA_BROKERS")).tls(tls).stop_when_unauthorized(true);
    match variable("KAFKA_TOKEN_FILE") {
        Some(file) => kafka.oauth(Mounted(file)),
        None => kafka.scram_sha_512(said("KAFKA_USER"), said("KAFKA_PASSWORD")),
    }
}

async fn note(text: String) {
    tracing::info!(text, "noted");
}

fn app() -> Router {
    Router::new("notes").subscribe("notes", each(note))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    milena::serve(cluster(|name| env::var(name).ok()), app()).await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn a_cluster_does_not_show_its_password() {
    let variables = |name: &str| match name {
        "KAFKA_PASSWORD" => Some("hunter2".to_owned()),
        name => (name != "KAFKA_TOKEN_FILE").then(|| name.to_lowercase()),
    };
    let shown = format!("{:?}", cluster(variables));
    assert!(shown.contains("kafka_user") && !shown.contains("hunter2"), "{shown}");

    let test = milena_test::TestApp::start(app()).await;
    test.publish("notes", "the same on any cluster").await;
    assert_eq!(test.committed("notes", "notes"), 1);
}
