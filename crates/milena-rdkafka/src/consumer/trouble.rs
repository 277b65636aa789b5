use super::{Settings, partitions::Refusal};
use crate::{
    error::{kind, text},
    native::Client,
    security::Identity,
};
use milena_core::error::{Error, ErrorKind};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::time::{Duration, Instant};

/// The same trouble is told once in this time.
const QUIET: Duration = Duration::from_secs(10);

/// Judges what librdkafka reports.
pub(super) struct Trouble {
    whom: String,
    brokers: String,
    /// Why a broker could not be reached, the last time.
    unreachable: Option<String>,
    /// Whether it was that broker and client do not accept each other.
    refused: bool,
    told: Vec<(Code, Instant)>,
}

/// What an error means.
#[derive(Debug)]
pub(super) enum Verdict {
    Ignore,
    CheckTopics,
    Trouble(Error),
    Fail(Error),
}

impl Trouble {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            whom: settings.whom(),
            brokers: settings.brokers.clone(),
            unreachable: None,
            refused: false,
            told: Vec::new(),
        }
    }

    /// An error of the client as a whole.
    pub(super) fn of_client(
        &mut self,
        (client, identity): (&Client, &Identity),
        code: Code,
        reason: &str,
    ) -> Verdict {
        // What is fatal is not always told as such: a fenced member hears of it as of any refused commit.
        if let Some((code, reason)) = client.fatal_error() {
            let kind = kind(code).unwrap_or(ErrorKind::Driver);
            return Verdict::Fail(self.error(kind, "stay in", &reason));
        }
        if let Some(error) = identity.explain((code, reason), client.distrust().as_deref()) {
            // Brokers that refuse are no brokers that are away.
            self.refused = error.kind() == ErrorKind::Unauthorized;
            self.unreachable = Some(error.to_string());
            if identity.stops && error.kind() == ErrorKind::Unauthorized {
                return Verdict::Fail(error);
            }
            return self.limit(code, |_| error);
        }
        match code {
            // One broker of several may be away, and is none that is needed.
            Code::BrokerTransportFailure | Code::Resolve | Code::SSL | Code::OperationTimedOut => {
                self.refused = false;
                self.unreachable = Some(reason.to_owned());
                Verdict::Ignore
            }
            Code::AllBrokersDown if self.refused => Verdict::Ignore,
            Code::AllBrokersDown => self.limit(code, |this| {
                let cause = this.unreachable.as_deref().unwrap_or(reason);
                let message = format!("could not reach a broker of `{}`: {cause}", this.brokers);
                Error::new(ErrorKind::Unreachable, message)
            }),
            _ => match kind(code) {
                Some(ErrorKind::UnknownTopic) => Verdict::CheckTopics,
                Some(ErrorKind::Unauthorized) => {
                    Verdict::Fail(self.error(ErrorKind::Unauthorized, "read for", reason))
                }
                kind => self.limit(code, |this| {
                    this.error(kind.unwrap_or(ErrorKind::Driver), "read for", reason)
                }),
            },
        }
    }

    /// An error of one partition.
    pub(super) fn of_partition(&mut self, refusal: &Refusal) -> Verdict {
        let Refusal { place, code, text: reason, .. } = refusal;
        let cause = if reason.is_empty() { text(*code) } else { reason.clone() };
        let error = |kind| Error::new(kind, format!("could not read `{place}`: {cause}"));
        match code {
            Code::PartitionEOF => Verdict::Ignore,
            // librdkafka goes on behind what it cannot read, or not at all.
            Code::BadMessage
            | Code::BadCompression
            | Code::InvalidMessage
            | Code::MessageSizeTooLarge
            | Code::NotImplemented
            | Code::UnsupportedCompressionType
            | Code::UnsupportedFeature => Verdict::Fail(error(ErrorKind::Driver)),
            code => match kind(*code) {
                Some(ErrorKind::UnknownTopic) => Verdict::CheckTopics,
                Some(ErrorKind::Unauthorized) => Verdict::Fail(error(ErrorKind::Unauthorized)),
                kind => self.limit(*code, |_| error(kind.unwrap_or(ErrorKind::Driver))),
            },
        }
    }

    fn error(&self, kind: ErrorKind, verb: &str, reason: &str) -> Error {
        Error::new(kind, format!("could not {verb} {}: {reason}", self.whom))
    }

    fn limit(&mut self, code: Code, error: impl FnOnce(&Self) -> Error) -> Verdict {
        let now = Instant::now();
        self.told.retain(|(_, at)| now - *at < QUIET);
        if self.told.iter().any(|(told, _)| *told == code) {
            return Verdict::Ignore;
        }
        self.told.push((code, now));
        Verdict::Trouble(error(self))
    }
}
