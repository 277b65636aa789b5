//! What Milena says when it could not do something.

#[cfg(feature = "anyhow")]
mod anyhow;

#[cfg(feature = "anyhow")]
pub(crate) use anyhow::boxed;

use std::{error, fmt};

/// Any error, as in `tower`.
///
/// It stands where a user's code meets Milena: what a handler returns, what an extractor refuses with.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// The error of a handler, in a box that can be asked for its type.
#[cfg(not(feature = "anyhow"))]
pub(crate) fn boxed<E: Into<BoxError> + 'static>(error: E) -> BoxError {
    error.into()
}

/// Why Milena, or a driver of it, could not do something.
///
/// The message says what could not be done, with what, and why. [`kind`](Self::kind) is for programs.
///
/// ```
/// use milena_core::error::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Config, "could not use option `linger`: no such option");
/// assert_eq!(error.kind(), ErrorKind::Config);
/// assert_eq!(error.to_string(), "could not use option `linger`: no such option");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<BoxError>,
}

/// What sort of thing went wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option, an address or a router cannot be used as it is.
    Config,
    /// No broker answers.
    Unreachable,
    /// A topic does not exist at the broker.
    UnknownTopic,
    /// The broker does not accept who we are, or is not whom we trust, or does not allow what we asked for.
    Unauthorized,
    /// A record failed, and its subscription stops the service on a failure.
    Record,
    /// A record could not be published.
    Publish,
    /// A record is larger than the broker, or the client, takes.
    TooLarge,
    /// The group went on without this member, so what it held is no longer its own; or another transactional
    /// producer has the id of this one.
    Fenced,
    /// The transaction cannot be committed, and nothing of it will be read; the next one can.
    Aborted,
    /// The group is between two generations; the same call can work later.
    Rebalancing,
    /// The offset to go on from is not there, and the reset policy says that this is an error.
    OutOfRange,
    /// The partition is not this member's, or is so no more.
    NotAssigned,
    /// There was no answer in the time for it.
    TimedOut,
    /// Calls of handlers, or publications, had not ended when the time for it was over.
    Unfinished,
    /// The service that it takes does not run: it has not started, or has ended.
    NotRunning,
    /// Who was asked answered that it failed, or with what is no answer to the question.
    Answer,
    /// A lifespan of an app failed.
    Lifespan,
    /// A background task of an app failed.
    Background,
    /// The driver cannot go on.
    Driver,
}

impl Error {
    /// An error of this kind; the message reads "could not (verb) (object): (cause)".
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// The same error with the one behind it, which its message already tells of.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What sort of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

// `main` prints the error it returns with `Debug`, so this is what a person reads.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.0.message, self.0.kind)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
