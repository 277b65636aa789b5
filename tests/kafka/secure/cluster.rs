//! The cluster that asks, and what it takes.

use milena::{
    Kafka,
    error::BoxError,
    transport::{NewTopic, Pem, Secret, Tls, Token, TokenProvider, Transport as _},
};
use std::{
    env, fs,
    io::Write as _,
    path::PathBuf,
    process::Command,
    sync::{
        Arc, Once,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// A listener of the cluster, by the variable that has its address; `None` when there is no such cluster.
pub(crate) fn listener(variable: &str) -> Option<Kafka> {
    let Ok(brokers) = env::var(variable) else {
        skip(variable);
        return None;
    };
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    Some(Kafka::new(brokers))
}

/// Says once that there is no such cluster, past what captures the output of tests.
fn skip(variable: &str) {
    let required = env::var_os("MILENA_REQUIRE_KAFKA").is_some_and(|value| value == "1");
    assert!(!required, "{variable} is not set, and MILENA_REQUIRE_KAFKA asks for it");
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let line =
            format!("the tests that need a secure Kafka are skipped: {variable} is not set\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
}

pub(crate) fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// A file of the cluster's certificates and keys.
pub(crate) fn file(name: &str) -> PathBuf {
    PathBuf::from(variable("KAFKA_TLS_DIR")).join(name)
}

/// The same, read.
pub(crate) fn text(name: &str) -> Secret {
    fs::read_to_string(file(name)).unwrap().into()
}

/// Trusts the cluster.
pub(crate) fn trusting() -> Tls {
    Tls::new().ca(Pem::file(file("ca.crt")))
}

/// A topic that is new, made where nobody is asked.
pub(crate) async fn topic(name: &str) -> Arc<str> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let name: Arc<str> = format!("{name}-{now}-{}-{next}", std::process::id()).into();
    let open = Kafka::new(variable("KAFKA_BROKERS"));
    open.create_topics(vec![NewTopic::new(name.clone()).partitions(1)]).await.unwrap();
    name
}

/// A token of the cluster's issuer.
pub(crate) fn token(arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/kafka");
    let output = Command::new(script).arg("token").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Gives out tokens of the cluster's issuer, and counts them.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) arguments: &'static [&'static str],
    pub(crate) extensions: &'static [(&'static str, &'static str)],
    pub(crate) issued: Arc<AtomicU64>,
}

impl Issuer {
    pub(crate) fn new(arguments: &'static [&'static str]) -> Self {
        Self { arguments, extensions: &[], issued: Arc::default() }
    }

    pub(crate) fn extended(self, extensions: &'static [(&'static str, &'static str)]) -> Self {
        Self { extensions, ..self }
    }
}

impl TokenProvider for Issuer {
    async fn token(&self) -> Result<Token, BoxError> {
        let arguments = self.arguments;
        let text = tokio::task::spawn_blocking(move || token(arguments)).await?;
        self.issued.fetch_add(1, Ordering::Relaxed);
        Ok(Token::jwt(text)?)
    }

    fn extensions(&self) -> std::collections::BTreeMap<String, String> {
        self.extensions.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }
}
