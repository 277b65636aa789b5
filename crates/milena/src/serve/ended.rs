use milena_core::error::{Error, ErrorKind};
use std::{
    error, fmt,
    process::{ExitCode, Termination},
    sync::Arc,
};

/// Why an app ended in good order.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ended {
    /// A signal came: ctrl-c or SIGTERM.
    Signal,
    /// The future of [`with_shutdown`](super::ServeApp::with_shutdown) was ready.
    Asked,
    /// [`Control::stop`](super::Control::stop) was called for this group.
    Control {
        /// The cluster of the group.
        cluster: Arc<str>,
        /// The group.
        group: Arc<str>,
    },
}

/// What of an app failed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// It cannot be served as it is assembled, or as its environment has it.
    Assembly,
    /// A cluster cannot be used as it is configured.
    Cluster {
        /// Its name.
        cluster: Arc<str>,
    },
    /// A record failed, and its subscription stops on failures.
    Record {
        /// The cluster that it was read from.
        cluster: Arc<str>,
        /// The group that read it.
        group: Arc<str>,
    },
    /// A group could not go on, or not end what it was at in time.
    Group {
        /// The cluster of the group.
        cluster: Arc<str>,
        /// The group.
        group: Arc<str>,
    },
    /// A lifespan failed.
    Lifespan {
        /// The path of its function.
        name: &'static str,
        /// When it failed.
        moment: Moment,
    },
    /// A background task failed.
    Background {
        /// Its name.
        name: Arc<str>,
    },
}

/// Where a lifespan was when it failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// In its set-up: nothing was consumed.
    Start,
    /// In the middle, where it should wait for the end of the app.
    Running,
    /// In its tear-down: everything else had ended before.
    Stop,
}

/// Why an app ended otherwise than in good order.
///
/// What was not done was not committed. `?` turns it into an [`Error`].
pub struct Failure(Box<Inner>);

struct Inner {
    reason: Reason,
    error: Error,
    others: Vec<Failure>,
}

impl Failure {
    pub(crate) fn new(reason: Reason, error: Error) -> Self {
        Self(Box::new(Inner { reason, error, others: Vec::new() }))
    }

    /// The first of these, with the others behind it.
    pub(super) fn of(failures: Vec<Self>) -> Option<Self> {
        let mut failures = failures.into_iter();
        let mut first = failures.next()?;
        first.0.others.extend(failures);
        Some(first)
    }

    /// What failed first.
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// How it failed.
    pub fn error(&self) -> &Error {
        &self.0.error
    }

    /// What sort of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.error.kind()
    }

    /// What failed behind that, in this order.
    pub fn others(&self) -> &[Self] {
        &self.0.others
    }

    /// What a process exits with: 2 when the app cannot be run as it is assembled or configured, 3 when
    /// calls had not ended in time at the end, and else 1.
    pub fn exit_code(&self) -> u8 {
        match self.kind() {
            ErrorKind::Config => 2,
            ErrorKind::Unfinished => 3,
            _ => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.error.fmt(f)?;
        match &self.0.reason {
            Reason::Cluster { cluster } => write!(f, " (cluster `{cluster}`)"),
            Reason::Record { cluster, group } | Reason::Group { cluster, group } => {
                write!(f, " (cluster `{cluster}`, group `{group}`)")
            }
            _ => Ok(()),
        }
    }
}

// As that of `Error`, for whoever returns it from `main`.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.kind())?;
        self.0.others.iter().try_for_each(|other| write!(f, "; then: {other:?}"))
    }
}

impl error::Error for Failure {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.0.error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.0.error
    }
}

impl Termination for Ended {
    fn report(self) -> ExitCode {
        ExitCode::SUCCESS
    }
}
