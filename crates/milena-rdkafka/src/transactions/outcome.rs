//! What the errors of transactions mean.

use crate::{
    error::{kind, text},
    native::Failure,
};
use milena_core::error::{Error, ErrorKind};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::time::Duration;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// The same call goes on with it.
    Again,
    /// Nothing of the transaction is there, once it is aborted.
    Abort,
    /// Another session has the id, or the broker has ended this one.
    Fenced,
    /// No broker did it.
    Away,
    /// Whatever the transaction has become, this session knows it no more.
    Unknown,
}

pub(super) fn judge(failure: &Failure) -> Verdict {
    if is_fencing(failure.code) {
        Verdict::Fenced
    } else if failure.is_fatal {
        Verdict::Unknown
    // What is not allowed now will not be in the next transaction.
    } else if failure.requires_abort && kind(failure.code) != Some(ErrorKind::Unauthorized) {
        Verdict::Abort
    } else if failure.is_retriable && !failure.requires_abort {
        Verdict::Again
    } else {
        Verdict::Unknown
    }
}

fn is_fencing(code: Code) -> bool {
    matches!(code, Code::Fenced | Code::InvalidProducerEpoch | Code::ProducerFenced)
}

/// The error of a call that was to do `what`.
pub(super) fn explain(what: &str, verdict: Verdict, code: Code, timeout: Duration) -> Error {
    let (kind, cause) = match verdict {
        Verdict::Abort if code == Code::Inconsistent => {
            (ErrorKind::Aborted, "a record of it was not written".into())
        }
        Verdict::Abort if code == Code::OperationTimedOut => {
            (ErrorKind::Aborted, "a part of it was not written in time".into())
        }
        Verdict::Abort => (ErrorKind::Aborted, text(code)),
        Verdict::Fenced => (ErrorKind::Fenced, fenced(timeout)),
        Verdict::Away => away(code, timeout),
        Verdict::Again => (ErrorKind::TimedOut, late(code, timeout)),
        Verdict::Unknown if code == Code::InvalidTransactionTimeout => {
            let cause =
                format!("the broker's `transaction.max.timeout.ms` is less than {timeout:?}");
            (ErrorKind::Config, cause)
        }
        Verdict::Unknown if code == Code::OperationTimedOut => {
            (ErrorKind::TimedOut, late(code, timeout))
        }
        Verdict::Unknown => (of(code), text(code)),
    };
    Error::new(kind, format!("could not {what}: {cause}")).with_source(code)
}

fn fenced(timeout: Duration) -> String {
    format!(
        "another producer has the id now, or the transaction was open for longer than {timeout:?}"
    )
}

fn away(code: Code, timeout: Duration) -> (ErrorKind, String) {
    match kind(code) {
        Some(ErrorKind::Unreachable) => {
            (ErrorKind::Unreachable, format!("no broker answered within {timeout:?}"))
        }
        Some(ErrorKind::Unauthorized) => (ErrorKind::Unauthorized, text(code)),
        _ => (ErrorKind::Unreachable, late(code, timeout)),
    }
}

fn late(code: Code, timeout: Duration) -> String {
    match code {
        Code::OperationTimedOut => format!("no answer within {timeout:?}"),
        code => format!("{}, for {timeout:?}", text(code)),
    }
}

/// The kind of an error that says nothing of what became of the transaction.
fn of(code: Code) -> ErrorKind {
    kind(code).filter(|kind| *kind != ErrorKind::Fenced).unwrap_or(ErrorKind::Driver)
}

impl Failure {
    /// That of a call that did not come back.
    pub(super) fn never() -> Self {
        Self {
            code: Code::OperationTimedOut,
            reason: "the call did not come back".into(),
            is_fatal: true,
            is_retriable: false,
            requires_abort: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: Code, flags: &str) -> Failure {
        Failure {
            code,
            reason: String::new(),
            is_fatal: flags.contains("fatal"),
            is_retriable: flags.contains("retriable"),
            requires_abort: flags.contains("abort"),
        }
    }

    fn explained(code: Code, flags: &str) -> (ErrorKind, String) {
        let verdict = judge(&failure(code, flags));
        let error = explain("commit", verdict, code, Duration::from_secs(10));
        (error.kind(), error.to_string())
    }

    #[test]
    fn what_can_be_called_again_is_unless_nothing_can_come_of_it() {
        assert_eq!(judge(&failure(Code::OperationTimedOut, "retriable")), Verdict::Again);
        assert_eq!(judge(&failure(Code::ConcurrentTransactions, "retriable")), Verdict::Again);
        assert_eq!(judge(&failure(Code::OperationTimedOut, "retriable abort")), Verdict::Abort);
        assert_eq!(judge(&failure(Code::OperationTimedOut, "fatal")), Verdict::Unknown);
    }

    #[test]
    fn each_error_says_what_is_left_to_do() {
        let kind = |code, flags| explained(code, flags).0;
        assert_eq!(kind(Code::IllegalGeneration, "abort"), ErrorKind::Aborted);
        assert_eq!(kind(Code::UnknownMemberId, "abort"), ErrorKind::Aborted);
        assert_eq!(kind(Code::Fenced, "fatal"), ErrorKind::Fenced);
        assert_eq!(kind(Code::InvalidProducerEpoch, ""), ErrorKind::Fenced);
        assert_eq!(kind(Code::OperationTimedOut, "retriable"), ErrorKind::TimedOut);
        assert_eq!(kind(Code::InvalidTransactionTimeout, "fatal"), ErrorKind::Config);
        let denied = Code::TransactionalIdAuthorizationFailed;
        assert_eq!(kind(denied, "fatal"), ErrorKind::Unauthorized);
        assert_eq!(kind(Code::GroupAuthorizationFailed, "abort"), ErrorKind::Unauthorized);
        assert_eq!(kind(Code::InvalidTransactionalState, "fatal"), ErrorKind::Driver);
        // This says nothing of the session.
        assert_eq!(kind(Code::UnknownMemberId, "fatal"), ErrorKind::Driver);
    }

    #[test]
    fn what_did_not_end_in_time_says_so() {
        let (_, message) = explained(Code::OperationTimedOut, "retriable");
        assert_eq!(message, "could not commit: no answer within 10s");
        let Failure { code, .. } = Failure::never();
        assert_eq!(explained(code, "fatal"), (ErrorKind::TimedOut, message));
        let (_, message) = explained(Code::Inconsistent, "abort");
        assert_eq!(message, "could not commit: a record of it was not written");
    }
}
