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

/// The error of a connection, if it is about who the client is, or whom it trusts.
pub(super) fn explain(mechanism: Option<&str>, code: Code, reason: &str) -> Option<Error> {
    let (broker, cause) = split(reason);
    let (kind, what, why) = match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => {
            let what = format!("authenticate by {}", mechanism.unwrap_or("SASL"));
            (ErrorKind::Unauthorized, what, cause.to_owned())
        }
        Code::SSL => tls(cause),
        _ => return None,
    };
    Some(Error::new(kind, format!("could not {what} at broker `{broker}`: {why}")))
}

fn tls(cause: &str) -> (ErrorKind, String, String) {
    (ErrorKind::Unreachable, "speak TLS".into(), cause.to_owned())
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
    fn check(code: Code, reason: &str, kind: ErrorKind, message: &str) {
        let error = explain(Some("PLAIN"), code, reason).unwrap();
        assert_eq!((error.kind(), &*error.to_string()), (kind, message));
    }

    #[test]
    fn mechanism_and_broker_are_named() {
        check(
            Code::Authentication,
            "sasl_ssl://one:9093/bootstrap: SASL authentication error: Authentication failed: Invalid \
             username or password (after 302ms in state AUTH_REQ)",
            ErrorKind::Unauthorized,
            "could not authenticate by PLAIN at broker `one:9093`: Authentication failed: Invalid \
             username or password",
        );
        assert!(explain(None, Code::AllBrokersDown, "1/1 brokers are down").is_none());
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
