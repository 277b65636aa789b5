//! What librdkafka's errors mean to Milena.

use crate::security;
use milena_core::error::{Error, ErrorKind};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// An error of kind `Config`.
pub(crate) fn config(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

/// Why librdkafka made no client of options that are fine one by one.
pub(crate) fn refused(error: &KafkaError) -> Error {
    let cause = match error {
        KafkaError::ClientCreation(cause) => cause.clone(),
        error => error.rdkafka_error_code().map_or_else(|| error.to_string(), text),
    };
    let message = security::of_options(&cause);
    config(message.unwrap_or_else(|| format!("could not use the options together: {cause}")))
}

/// "could not <what>: <the error>", of the kind that the error is.
pub(crate) fn error(what: &str, code: Code) -> Error {
    error_or(ErrorKind::Driver, what, code)
}

/// The same, of another kind when the error says nothing about that.
pub(crate) fn error_or(otherwise: ErrorKind, what: &str, code: Code) -> Error {
    Error::new(kind(code).unwrap_or(otherwise), format!("could not {what}: {}", text(code)))
        .with_source(code)
}

/// What sort of thing went wrong, when the error says so.
pub(crate) fn kind(code: Code) -> Option<ErrorKind> {
    Some(match code {
        Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::Resolve
        | Code::SSL
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::NetworkException
        | Code::BrokerNotAvailable => ErrorKind::Unreachable,
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownTopicId => {
            ErrorKind::UnknownTopic
        }
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::DelegationTokenAuthorizationFailed
        | Code::DelegationTokenExpired => ErrorKind::Unauthorized,
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => ErrorKind::TooLarge,
        Code::UnknownMemberId
        | Code::FencedInstanceId
        | Code::FencedMemberEpoch
        | Code::UnreleasedInstanceId
        | Code::Fenced
        | Code::ProducerFenced
        | Code::AssignmentLost => ErrorKind::Fenced,
        Code::RebalanceInProgress
        | Code::IllegalGeneration
        | Code::StaleMemberEpoch
        | Code::NotCoordinator
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress
        | Code::WaitingForCoordinator => ErrorKind::Rebalancing,
        _ => return None,
    })
}

/// What librdkafka calls the error, without its name for programs.
pub(crate) fn text(code: Code) -> String {
    let text = code.to_string();
    let inner = text.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(&text).trim_start_matches("Broker: ").trim_start_matches("Local: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_could_not_be_done() {
        let error = error("commit for group `g`", Code::RebalanceInProgress);

        assert_eq!(
            error.to_string(),
            "could not commit for group `g`: Group rebalance in progress"
        );
        assert_eq!(error.kind(), ErrorKind::Rebalancing);
    }

    #[test]
    fn an_error_that_says_nothing_of_its_kind_is_of_the_kind_asked_for() {
        assert_eq!(error("read", Code::BadMessage).kind(), ErrorKind::Driver);
        assert_eq!(
            error_or(ErrorKind::Publish, "publish", Code::BadMessage).kind(),
            ErrorKind::Publish
        );
    }
}
