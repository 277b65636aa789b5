//! Each mechanism is let in with the right credentials, and with wrong ones it is not.

use super::{
    cluster::{Issuer, listener, trusting, variable},
    service::{both, check},
};
use milena::{Kafka, error::ErrorKind::Unauthorized};

type Setter = fn(Kafka, String, String) -> Kafka;

/// The mechanisms with a password.
const PASSWORDS: [(&str, &str, Setter); 3] = [
    ("PLAIN", "KAFKA_PLAIN", |kafka, user, word| kafka.sasl_plain(user, word)),
    ("SCRAM-SHA-256", "KAFKA_SCRAM_SHA_256", |kafka, user, word| kafka.scram_sha_256(user, word)),
    ("SCRAM-SHA-512", "KAFKA_SCRAM_SHA_512", |kafka, user, word| kafka.scram_sha_512(user, word)),
];

#[tokio::test]
async fn a_password_lets_in_and_a_wrong_one_does_not() {
    let Some(kafka) = listener("KAFKA_SASL_PLAINTEXT") else { return };
    for (mechanism, prefix, setter) in PASSWORDS {
        let user = variable(&format!("{prefix}_USER"));
        let word = variable(&format!("{prefix}_PASSWORD"));
        let right = setter(kafka.clone(), user.clone(), word);
        let wrong = setter(kafka.clone(), user, "hunter2".into());
        let what = format!("SASL_PLAINTEXT {mechanism}");

        let error = both(&what, right, "wrong password", wrong).await;

        check(&error, Unauthorized, &[mechanism, &variable("KAFKA_SASL_PLAINTEXT")]);
    }
}

#[tokio::test]
async fn a_password_lets_in_over_tls() {
    let Some(kafka) = listener("KAFKA_SASL_SSL") else { return };
    let kafka = kafka.tls(trusting());
    for (mechanism, prefix, setter) in PASSWORDS {
        let user = variable(&format!("{prefix}_USER"));
        let word = variable(&format!("{prefix}_PASSWORD"));
        let right = setter(kafka.clone(), user.clone(), word);
        let wrong = setter(kafka.clone(), user, "hunter2".into());

        let error = both(&format!("SASL_SSL {mechanism}"), right, "wrong password", wrong).await;

        check(&error, Unauthorized, &[mechanism, &variable("KAFKA_SASL_SSL")]);
    }
}

#[tokio::test]
async fn a_token_lets_in_and_one_for_others_does_not() {
    let Some(kafka) = listener("KAFKA_SASL_PLAINTEXT") else { return };
    let right = kafka.clone().oauth(Issuer::new(&[]));
    let wrong = kafka.oauth(Issuer::new(&["--aud", "other"]));

    let error = both("SASL_PLAINTEXT OAUTHBEARER", right, "for others", wrong).await;

    check(&error, Unauthorized, &["OAUTHBEARER", &variable("KAFKA_SASL_PLAINTEXT")]);
}
