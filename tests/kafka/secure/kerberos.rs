//! Tickets of a realm that is the cluster's own.

use super::{
    child,
    cluster::{listener, variable},
    service::{accepted, both, check, refused, refused_at_once},
};
use milena::{
    error::ErrorKind::{Config, Unauthorized},
    transport::Gssapi,
};

/// Who the client is, at brokers of this service.
fn client(service: &str) -> Gssapi {
    Gssapi::new(service)
        .principal(variable("KAFKA_KERBEROS_PRINCIPAL"))
        .keytab(variable("KAFKA_KERBEROS_KEYTAB"))
}

#[tokio::test]
async fn a_ticket_lets_in_and_one_for_another_service_does_not() {
    let Some(kafka) = listener("KAFKA_KERBEROS") else { return };
    let right = kafka.clone().gssapi(client("kafka"));
    let wrong = kafka.clone().gssapi(client("other"));

    let error = both("SASL_PLAINTEXT GSSAPI", right, "other service", wrong).await;

    check(&error, Unauthorized, &["GSSAPI", &variable("KAFKA_KERBEROS")]);
    // By now there is a ticket, which does without the keytab.
    accepted(kafka.gssapi(Gssapi::new("kafka"))).await;
    println!("SASL_PLAINTEXT GSSAPI with a ticket that is there: accepted");
}

#[test]
fn who_is_not_in_the_keytab_is_not_let_in() {
    if listener("KAFKA_KERBEROS").is_none() {
        return;
    }
    let tickets = std::env::temp_dir().join(format!("milena-no-tickets-{}", std::process::id()));
    let tickets = format!("FILE:{}", tickets.display());

    let said = child::run("kerberos::child_that_is_a_stranger", &[("KRB5CCNAME", &tickets)]);

    let line = said.lines().find(|line| line.contains("GSSAPI: unknown principal"));
    println!("{}", line.unwrap());
}

#[tokio::test]
#[ignore = "another test runs it in a process of its own"]
async fn child_that_is_a_stranger() {
    let kafka = listener("KAFKA_KERBEROS").unwrap();

    let error = refused(kafka.gssapi(client("kafka").principal("stranger@MILENA.TEST"))).await;

    println!("SASL_PLAINTEXT GSSAPI: unknown principal: refused: {error}");
    check(&error, Unauthorized, &["GSSAPI", &variable("KAFKA_KERBEROS")]);
}

#[tokio::test]
async fn what_cannot_be_had_or_would_run_in_a_shell_is_refused() {
    let Some(kafka) = listener("KAFKA_KERBEROS") else { return };
    let cases = [
        (client("kafka").domain_name("there"), "`sasl_kerberos_domain_name`"),
        (client("kafka").principal("a; touch b"), "which a shell would read"),
        (client("kafka").keytab("/nowhere/keytab"), "keytab `/nowhere/keytab`"),
        (client(""), "the service name is empty"),
    ];
    for (gssapi, named) in cases {
        let error = refused_at_once(kafka.clone().gssapi(gssapi)).await;
        check(&error, Config, &[named]);
    }
}
