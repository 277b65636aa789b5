//! Certificates and keys that fit, and that do not.

use super::{
    cluster::{file, listener, text, trusting, variable},
    service::{accepted, both, check, refused, refused_at_once, trouble},
};
use milena::{
    error::ErrorKind::{Config, Unauthorized, Unreachable},
    transport::{Pem, Tls},
};

/// Shows this certificate with this key.
fn showing(certificate: &str, key: &str) -> Tls {
    trusting().certificate(Pem::file(file(certificate))).key(Pem::file(file(key)))
}

#[tokio::test]
async fn an_authority_that_is_trusted_lets_in_and_another_does_not() {
    let Some(kafka) = listener("KAFKA_SSL") else { return };
    let in_memory = kafka.clone().tls(Tls::new().ca(Pem::text(text("ca.crt"))));
    accepted(in_memory).await;
    println!("SSL, authority from memory: accepted");

    let (right, stranger) = (trusting(), Tls::new().ca(Pem::file(file("stranger.crt"))));
    let wrong = kafka.clone().tls(stranger);
    let error = both("SSL", kafka.clone().tls(right), "unknown authority", wrong).await;
    check(&error, Unauthorized, &["`Tls::ca`", &variable("KAFKA_SSL")]);

    let error = refused(kafka.tls(Tls::new())).await;
    println!("SSL, only what the system trusts: refused: {error}");
    check(&error, Unauthorized, &["`Tls::ca`", &variable("KAFKA_SSL")]);
}

#[tokio::test]
async fn a_client_shows_a_certificate_that_the_broker_trusts() {
    let Some(kafka) = listener("KAFKA_MTLS") else { return };
    let password = variable("KAFKA_KEY_PASSWORD");
    let encrypted = showing("client.crt", "client-encrypted.key").key_password(password.clone());
    accepted(kafka.clone().tls(encrypted)).await;
    println!("SSL with certificate, encrypted key: accepted");
    let in_memory = Tls::new()
        .ca(Pem::text(text("ca.crt")))
        .certificate(Pem::text(text("client.crt")))
        .key(Pem::text(text("client-encrypted.key")))
        .key_password(password);
    accepted(kafka.clone().tls(in_memory)).await;
    println!("SSL with certificate, all from memory: accepted");

    let right = kafka.clone().tls(showing("client.crt", "client.key"));
    let wrong = kafka.clone().tls(showing("stranger.crt", "stranger.key"));
    let error = both("SSL with certificate", right, "stranger", wrong).await;
    check(&error, Unauthorized, &["`Tls::certificate`", &variable("KAFKA_MTLS")]);

    let error = refused(kafka.tls(trusting())).await;
    println!("SSL without certificate: refused: {error}");
    check(&error, Unauthorized, &["`Tls::certificate`", &variable("KAFKA_MTLS")]);
}

#[tokio::test]
async fn a_broker_that_is_not_who_its_certificate_says_is_not_trusted() {
    let Some(_) = listener("KAFKA_SSL") else { return };
    // The certificate is for 127.0.0.1 and localhost.
    let address = super::relay::to(variable("KAFKA_SSL")).await;

    let error = refused(milena::Kafka::new(&*address).tls(trusting())).await;

    println!("SSL, other host name: refused: {error}");
    check(&error, Unauthorized, &["`Tls::ca`", &address, "host"]);
}

#[tokio::test]
async fn a_listener_without_tls_is_told_from_one_that_is_not_trusted() {
    let Some(kafka) = listener("KAFKA_BROKERS") else { return };

    let error = trouble(kafka.tls(trusting())).await;

    println!("SSL at a listener without: {error}");
    check(&error, Unreachable, &[&variable("KAFKA_BROKERS"), "PLAINTEXT"]);
}

#[tokio::test]
async fn keys_that_do_not_fit_are_refused_before_anybody_is_asked() {
    let Some(kafka) = listener("KAFKA_MTLS") else { return };
    let cases = [
        (showing("client.crt", "stranger.key"), ["`Tls::key`", "does not fit"]),
        (
            showing("client.crt", "client-encrypted.key").key_password("hunter2"),
            ["`Tls::key`", "`Tls::key_password` is wrong"],
        ),
        (
            showing("client.crt", "client-encrypted.key"),
            ["`Tls::key`", "needs a `Tls::key_password`"],
        ),
        (showing("client.crt", "client.p12"), ["`Tls::key`", "PEM"]),
        (showing("nowhere.crt", "client.key"), ["`Tls::certificate`", "nowhere.crt"]),
        (
            Tls::new().ca(Pem::text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----")),
            ["`Tls::ca`", "PEM"],
        ),
    ];
    for (tls, named) in cases {
        let error = refused_at_once(kafka.clone().tls(tls)).await;
        println!("SSL: {error}");
        check(&error, Config, &named);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
