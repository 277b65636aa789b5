use milena_core::{
    handler::{Decision, Outcome},
    record::Record,
    reply::PublisherId,
};
use std::fmt;

/// What is called.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Called {
    Handler(&'static str),
    Publisher(PublisherId),
}

/// One call of a handler, or one record that a publisher sent.
pub(crate) struct Call {
    pub(crate) called: Called,
    /// Copies of the records.
    pub(crate) records: Vec<Record>,
    /// Records that were taken out of the batch, each with the reason.
    pub(super) refused: Vec<(Record, String)>,
    /// What it ended with; `None` is that it runs, or was given up.
    pub(crate) ending: Option<Ending>,
}

/// What a call ended with.
pub(crate) enum Ending {
    Outcome(Outcome),
    /// The broker has the record.
    Delivered,
    /// Also a panic.
    Error(String),
    /// The handler was not called: an extractor refused its arguments, for this reason.
    Refused(String),
}

impl Call {
    /// The handler, if it is a call of one.
    pub(crate) fn handler(&self) -> Option<&'static str> {
        match self.called {
            Called::Handler(handler) => Some(handler),
            Called::Publisher(_) => None,
        }
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.ending, Some(Ending::Refused(_)))
    }

    /// Whether it was with a record of this place, as errors name it.
    pub(crate) fn is_of(&self, told: &str) -> bool {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_digit());
        self.records.iter().any(|record| {
            told.match_indices(&place(record)).any(|(at, found)| ends(&told[at + found.len()..]))
        })
    }
}

fn place(record: &Record) -> String {
    match record.offset() {
        // The broker has not said where it is.
        ..0 => record.topic().to_owned(),
        offset => format!("{}/{}/{offset}", record.topic(), record.partition()),
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self.records.iter().map(place).collect();
        let attempt = self.records.first().map_or(1, Record::attempt);
        write!(f, "{}", places.join(", "))?;
        if attempt > 1 {
            write!(f, " (attempt {attempt})")?;
        }
        match &self.ending {
            None => f.write_str(": has not ended"),
            Some(Ending::Delivered) => f.write_str(": delivered"),
            Some(Ending::Error(error)) => write!(f, ": failed: {error}"),
            Some(Ending::Refused(why)) => write!(f, ": refused: {why}"),
            Some(Ending::Outcome(outcome)) => match &outcome.decision {
                Decision::Done => write!(f, ": done, {} published", outcome.records.len()),
                decision => write!(f, ": {decision:?}"),
            },
        }
    }
}

impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(handler) => write!(f, "`{handler}`"),
            Self::Publisher(publisher) => write!(f, "publisher of `{}`", publisher.topic()),
        }
    }
}
