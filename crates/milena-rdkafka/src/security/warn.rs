use super::agree;
use rdkafka::ClientConfig;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Whether it was said already that something is not safe: once for a cluster, not for each client.
#[derive(Clone, Default)]
pub(super) struct Warned(Arc<AtomicBool>);

impl Warned {
    pub(super) fn look_at(&self, config: &ClientConfig) {
        let dangers = dangers(config);
        if dangers.is_empty() || self.0.swap(true, Relaxed) {
            return;
        }
        for danger in dangers {
            tracing::warn!(brokers = config.get("bootstrap.servers"), "{danger}");
        }
    }
}

/// What others can do with these options.
fn dangers(config: &ClientConfig) -> Vec<&'static str> {
    let protocol = agree::protocol(config);
    let mut dangers = Vec::new();
    if protocol == "sasl_plaintext" {
        dangers.extend(match agree::mechanism(config).as_deref() {
            Some("PLAIN") => Some(
                "SASL PLAIN without TLS sends the password as it is: whoever sees the connection has it; \
                 use `Kafka::tls`",
            ),
            Some("OAUTHBEARER") => Some(
                "OAUTHBEARER without TLS sends the token as it is: whoever sees the connection can use \
                 it; use `Kafka::tls`",
            ),
            Some("SCRAM-SHA-256" | "SCRAM-SHA-512") => Some(
                "SCRAM without TLS lets whoever sees the connection guess the password, and read the \
                 records; use `Kafka::tls`",
            ),
            _ => None,
        });
    }
    let is_off = |option, values: &[&str]| {
        config.get(option).is_some_and(|value| values.contains(&&*value.to_ascii_lowercase()))
    };
    if protocol.ends_with("ssl") {
        if is_off("enable.ssl.certificate.verification", &["false", "f", "0"]) {
            dangers.push(
                "TLS trusts anybody: `enable.ssl.certificate.verification` is off, so that whoever \
                 stands between sees everything",
            );
        } else if is_off("ssl.endpoint.identification.algorithm", &["none"]) {
            dangers.push(
                "TLS trusts any host: `ssl.endpoint.identification.algorithm` is off, so that any \
                 certificate of the authority will do",
            );
        }
    }
    dangers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(options: &[(&str, &str)]) -> usize {
        let mut config = ClientConfig::new();
        for (option, value) in options {
            config.set(*option, *value);
        }
        dangers(&config).len()
    }

    #[test]
    fn what_is_not_safe_is_known() {
        let (protocol, mechanism) = ("security.protocol", "sasl.mechanism");
        for name in ["PLAIN", "SCRAM-SHA-256", "scram-sha-512", "OAUTHBEARER"] {
            assert_eq!(count(&[(protocol, "SASL_PLAINTEXT"), (mechanism, name)]), 1, "{name}");
            assert_eq!(count(&[(protocol, "sasl_ssl"), (mechanism, name)]), 0, "{name}");
        }
        assert_eq!(count(&[]), 0);
        let verification = "enable.ssl.certificate.verification";
        assert_eq!(count(&[(protocol, "ssl"), (verification, "false")]), 1);
        let host = "ssl.endpoint.identification.algorithm";
        assert_eq!(count(&[(protocol, "ssl"), (host, "none")]), 1);
        assert_eq!(count(&[(protocol, "ssl"), (host, "https")]), 0);
    }
}
