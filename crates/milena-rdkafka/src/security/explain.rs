//! What librdkafka says when a broker and a client do not accept each other.

use super::tokens::Failure;
use milena_core::error::{Error, ErrorKind};
use rdkafka::error::RDKafkaErrorCode as Code;

/// What librdkafka puts before the reason why there is no token.
const NO_TOKEN: &str = "Failed to acquire SASL OAUTHBEARER token: ";

/// Why a client has no token, if that is what it says.
pub(super) fn of_tokens(code: Code, reason: &str) -> Option<&str> {
    reason.strip_prefix(NO_TOKEN).filter(|_| code == Code::Authentication)
}

/// The error for that.
pub(super) fn no_token(failure: Option<Failure>, message: &str) -> Error {
    let kind =
        failure.filter(|it| it.message == message).map_or(ErrorKind::Unreachable, |it| it.kind);
    Error::new(kind, message)
}

/// The error of a connection, if it is about who the client is, or whom it trusts. Of certificates `distrust`
/// is what was found wrong.
pub(super) fn explain(
    mechanism: Option<&str>,
    (code, reason): (Code, &str),
    distrust: Option<&str>,
) -> Option<Error> {
    let (broker, cause) = split(reason);
    let (kind, what, why) = match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => {
            let what = format!("authenticate by {}", mechanism.unwrap_or("SASL"));
            (ErrorKind::Unauthorized, what, cause.to_owned())
        }
        // How librdkafka says so is a matter of time.
        _ if cause.contains("Disconnected") && reason.contains("in state SSL_HANDSHAKE") => {
            let why = "it closed the connection: is it a listener without TLS (PLAINTEXT)?";
            (ErrorKind::Unreachable, "speak TLS".to_owned(), why.to_owned())
        }
        _ => {
            let (kind, why) = tls(code, cause, distrust)?;
            (kind, "speak TLS".to_owned(), why)
        }
    };
    Some(Error::new(kind, format!("could not {what} at broker `{broker}`: {why}")))
}

fn tls(code: Code, cause: &str, distrust: Option<&str>) -> Option<(ErrorKind, String)> {
    if let Some(alert) = alert(cause) {
        let why = format!("it does not accept the client: {alert}; see `Tls::certificate`");
        return Some((ErrorKind::Unauthorized, why));
    }
    if cause.contains("certificate verify failed") || cause.contains("error:0A000086") {
        let found = "its certificate is not of an authority that is trusted, or not for this host";
        let why = format!("{}; see `Tls::ca`", distrust.unwrap_or(found));
        return Some((ErrorKind::Unauthorized, why));
    }
    (code == Code::SSL).then(|| (ErrorKind::Unreachable, cause.to_owned()))
}

/// What a broker says of the client's certificate (RFC 8446, 6.2).
fn alert(cause: &str) -> Option<&'static str> {
    let (_, rest) = cause.split_once("SSL alert number ")?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(match &*number {
        "42" => "it has no certificate, or a bad one",
        "43" => "its certificate is of a kind that the broker does not know",
        "44" => "its certificate was revoked",
        "45" => "its certificate has expired",
        "46" => "its certificate is not acceptable",
        "48" => "its certificate is of an authority that the broker does not know",
        "49" => "it may not connect",
        "116" => "it has no certificate",
        _ => return None,
    })
}

/// What OpenSSL found wrong with a certificate, by its number for that.
pub(crate) fn distrust(number: i32) -> String {
    let why = match number {
        9 => "its certificate is not valid yet",
        10 => "its certificate has expired",
        18..=21 => "its certificate is not of an authority that is trusted",
        23 => "its certificate was revoked",
        62 | 64 => "its certificate is not for this host",
        _ => return format!("its certificate is not acceptable (error {number} of OpenSSL)"),
    };
    why.to_owned()
}

/// Why no client was made of options that are fine one by one, if that is about certificates and keys.
pub(crate) fn of_options(cause: &str) -> Option<String> {
    let has = |parts: &[&str]| parts.iter().any(|part| cause.contains(part));
    let (setter, why) = if has(&["key values mismatch", "key type mismatch"]) {
        ("key", "it does not fit the certificate")
    } else if has(&["ssl.key."]) {
        ("key", "it cannot be read: it is broken, or `Tls::key_password` is wrong")
    } else if has(&["ssl.certificate."]) {
        ("certificate", "it is no certificate in the format PEM")
    } else if has(&["ssl.ca."]) {
        ("ca", "it is no certificate in the format PEM")
    } else {
        return None;
    };
    Some(format!("could not use `Tls::{setter}`: {why} ({cause})"))
}

/// The address and the cause: librdkafka says `sasl_ssl://host:port/1: cause (after 5ms in state AUTH)`.
fn split(reason: &str) -> (&str, &str) {
    let (name, cause) = reason.split_once(": ").unwrap_or(("", reason));
    let address = name.split_once("://").map_or(name, |(_, address)| address);
    let broker = address.split_once('/').map_or(address, |(address, _)| address);
    let cause = cause.rsplit_once(" (after ").map_or(cause, |(cause, _)| cause);
    (broker, cause.trim_start_matches("SASL authentication error: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: Code, cause: &str, distrust: Option<&str>, message: &str) {
        let reason =
            format!("sasl_ssl://one:9093/bootstrap: {cause} (after 302ms in state AUTH_REQ)");
        let error = explain(Some("PLAIN"), (code, &reason), distrust).unwrap();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    }

    #[test]
    fn mechanism_and_broker_are_named() {
        check(
            Code::Authentication,
            "SASL authentication error: Authentication failed: Invalid username or password",
            None,
            "could not authenticate by PLAIN at broker `one:9093`: Authentication failed: Invalid \
             username or password",
        );
        assert!(explain(None, (Code::AllBrokersDown, "1/1 brokers are down"), None).is_none());
    }

    #[test]
    fn of_certificates_it_is_told_whose_is_wrong() {
        let verify =
            "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: more";
        let tls = "could not speak TLS at broker `one:9093`";
        check(
            Code::SSL,
            verify,
            Some(&distrust(62)),
            &format!("{tls}: its certificate is not for this host; see `Tls::ca`"),
        );
        check(
            Code::SSL,
            verify,
            None,
            &format!(
                "{tls}: its certificate is not of an authority that is trusted, or not for this \
                 host; see `Tls::ca`"
            ),
        );
        check(
            Code::BrokerTransportFailure,
            "Receive failed: error:0A000412: alert bad certificate: SSL alert number 42",
            None,
            &format!(
                "{tls}: it does not accept the client: it has no certificate, or a bad one; see \
                 `Tls::certificate`"
            ),
        );
    }

    #[test]
    fn a_listener_without_tls_is_asked_for_however_the_connection_ends() {
        for cause in [
            "SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT broker listener?",
            "Receive failed: Disconnected: SSL connection closed by peer",
        ] {
            let reason =
                |state| format!("ssl://one:9092/bootstrap: {cause} (after 2ms in state {state})");
            let explain =
                |state| explain(None, (Code::BrokerTransportFailure, &reason(state)), None);
            let error = explain("SSL_HANDSHAKE").unwrap();
            assert_eq!(error.kind(), ErrorKind::Unreachable);
            assert_eq!(
                error.to_string(),
                "could not speak TLS at broker `one:9092`: it closed the connection: is it a listener without TLS (PLAINTEXT)?"
            );
            assert!(explain("UP").is_none(), "a broker may go");
        }
    }

    #[test]
    fn why_there_is_no_token_is_told_with_its_kind() {
        let missing = "could not get a token for OAUTHBEARER: x";
        let reason = format!("{NO_TOKEN}{missing}");
        assert_eq!(of_tokens(Code::Authentication, &reason), Some(missing));
        let failure = Failure { kind: ErrorKind::Unauthorized, message: missing.into() };
        assert_eq!(no_token(Some(failure), missing).kind(), ErrorKind::Unauthorized);
        assert_eq!(no_token(None, missing).kind(), ErrorKind::Unreachable);
    }
}
