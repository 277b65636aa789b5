//! What goes together, and what is refused.

use crate::Kafka;
use milena_core::{
    error::{BoxError, ErrorKind},
    transport::{Gssapi, Pem, Tls, Token, TokenProvider, Transport as _},
};
use std::time::SystemTime;

fn kafka() -> Kafka {
    Kafka::new("localhost:1")
}

/// Why no client can be made.
async fn refused(kafka: Kafka) -> String {
    let error = kafka.producer().await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(kafka.describe_topics(Vec::new()).await.unwrap_err().to_string(), error.to_string());
    error.to_string()
}

struct Expired;

impl TokenProvider for Expired {
    async fn token(&self) -> Result<Token, BoxError> {
        Ok(Token::new("hunter2", SystemTime::now()))
    }
}

#[tokio::test]
async fn a_client_has_one_mechanism_and_the_later_value_of_it_counts() {
    let both = kafka().sasl_plain("ada", "hunter2").scram_sha_256("ada", "hunter2");
    let why =
        "could not use PLAIN and SCRAM-SHA-256 together: a client has one mechanism; leave one out";
    assert_eq!(refused(both).await, why);

    let twice = kafka().sasl_plain("ada", "").sasl_plain("ada", "hunter2");
    twice.producer().await.unwrap();
}

#[tokio::test]
async fn what_was_set_by_hand_has_to_agree() {
    let plain = || kafka().sasl_plain("ada", "hunter2");
    plain().set("security.protocol", "SASL_PLAINTEXT").producer().await.unwrap();
    plain().set("sasl.mechanism", "PLAIN").producer().await.unwrap();

    let protocol = plain().set("security.protocol", "plaintext");
    let why = "could not use option `security.protocol`: it was set to `plaintext`, and \
               `Kafka::sasl_plain` says `sasl_plaintext`; leave one out";
    assert_eq!(refused(protocol).await, why);
    let why = "could not use option `sasl.mechanisms`: it was set to `GSSAPI`, and \
               `Kafka::sasl_plain` says `PLAIN`; leave one out";
    assert_eq!(refused(plain().set("sasl.mechanism", "GSSAPI")).await, why);
    let why = "could not use option `sasl.password`: it was set to another value than \
               `Kafka::sasl_plain` says; leave one out";
    assert_eq!(refused(plain().set("sasl.password", "another")).await, why);
}

#[tokio::test]
async fn what_cannot_be_a_credential_is_refused() {
    let plain = |user: &str, password: &str| kafka().sasl_plain(user, password);
    let empty = "could not use `Kafka::sasl_plain`: the password is empty";
    assert_eq!(refused(plain("ada", "")).await, empty);
    let user = "could not use `Kafka::sasl_plain`: the user is empty";
    assert_eq!(refused(plain("", "hunter2")).await, user);
    let share = kafka().oauth(Expired).token_refresh_at(1.5);
    let why = "could not use `Kafka::token_refresh_at`: 1.5 is not from 0.1 to 0.9";
    assert_eq!(refused(share).await, why);
}

#[tokio::test]
async fn what_kerberos_cannot_do_is_refused() {
    let with = |gssapi| refused(kafka().gssapi(gssapi));
    let gssapi = || Gssapi::new("kafka");
    let why = "could not use option `sasl_kerberos_domain_name`: the ticket is for the host that the \
               broker advertises; let the broker advertise the name that its principal has";
    assert_eq!(with(gssapi().domain_name("there")).await, why);
    let why = "could not use `Kafka::gssapi`: the principal has a ';', which a shell would read";
    assert_eq!(with(gssapi().principal("a;b")).await, why);
    let why =
        "could not use `Kafka::gssapi`: keytab `/nowhere`: No such file or directory (os error 2)";
    assert_eq!(with(gssapi().keytab("/nowhere")).await, why);
}

#[cfg(not(any(feature = "tls", feature = "tls-vendored", feature = "gssapi")))]
#[tokio::test]
async fn what_is_not_in_this_build_names_its_feature() {
    let missing = |what, feature| {
        format!("could not use {what}: it is not in this build; switch on the feature `{feature}`")
    };

    assert_eq!(refused(kafka().tls(Tls::new())).await, missing("TLS", "tls"));
    assert_eq!(refused(kafka().oauth(Expired)).await, missing("OAUTHBEARER", "tls"));
    let scram = kafka().scram_sha_512("ada", "hunter2");
    assert_eq!(refused(scram).await, missing("SCRAM-SHA-512", "tls"));
    let gssapi = kafka().gssapi(Gssapi::new("kafka"));
    assert_eq!(refused(gssapi).await, missing("GSSAPI", "gssapi"));
    let by_hand = kafka().set("security.protocol", "sasl_plaintext");
    assert_eq!(refused(by_hand).await, missing("GSSAPI", "gssapi"));
}

#[test]
fn no_secret_is_in_what_is_shown_of_a_cluster() {
    let kafka = kafka()
        .tls(Tls::new().key(Pem::text("hunter2")).key_password("hunter2"))
        .sasl_plain("ada", "hunter2")
        .scram_sha_256("ada", "hunter2")
        .set("sasl.password", "hunter2")
        .set("ssl.key.pem", "hunter2")
        .set("sasl.oauthbearer.config", "hunter2");
    let shown = format!("{kafka:?} {kafka:#?}");

    assert!(shown.contains("ada") && shown.contains("..."), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
