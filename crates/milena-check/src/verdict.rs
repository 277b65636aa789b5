use crate::{
    At, Entry, How, What,
    recording::{published_beside, sources},
};
use milena_core::record::TopicPartition;
use std::{error, fmt};

/// A promise about delivery.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Invariant {
    /// I1: each record comes to an end, and what came of it is there.
    NoLoss,
    /// I2: what is committed is done, with what came of it at the broker.
    CommitSafety,
    /// I3: nobody commits what is another's, and no commit goes back.
    CommitOwnership,
    /// I4: records of a key, or of a partition, are begun in order, and one after the other has ended.
    KeyOrder,
    /// I5: what is committed does not come again.
    BoundedDuplicates,
    /// I6: what comes of a record is seen exactly once.
    ExactlyOnce,
    /// I7: attempts have their numbers, their times and their limit, and a dead letter is its record.
    RetryContract,
    /// I8: in the end nothing is left to do, and everything is committed.
    Liveness,
    /// I9: what an instance holds is bounded.
    Bounds,
    /// I10: the group misses nobody who is there, however slow its handlers are.
    Membership,
    /// I11: an instance that is asked to stop does so in time.
    Shutdown,
    /// I12: an instance that ends unasked says why.
    FailLoud,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLoss => "I1 (nothing is lost)",
            Self::CommitSafety => "I2 (what is committed is done)",
            Self::CommitOwnership => "I3 (each commits its own, and none goes back)",
            Self::KeyOrder => "I4 (order, and one call at a time)",
            Self::BoundedDuplicates => "I5 (what is committed does not come again)",
            Self::ExactlyOnce => "I6 (exactly once)",
            Self::RetryContract => "I7 (attempts and dead letters)",
            Self::Liveness => "I8 (everything is done in the end)",
            Self::Bounds => "I9 (what is held is bounded)",
            Self::Membership => "I10 (nobody is missed)",
            Self::Shutdown => "I11 (it stops in time)",
            Self::FailLoud => "I12 (an end has a reason)",
        })
    }
}

/// A promise was broken.
///
/// Its text tells of the life of the record, and has a `>` before what broke the promise.
pub struct Broken {
    invariant: Invariant,
    text: String,
}

impl Broken {
    /// Which it was.
    pub fn invariant(&self) -> Invariant {
        self.invariant
    }

    /// By what stands at `index`, to these records.
    pub(crate) fn at(
        (invariant, why): (Invariant, impl fmt::Display),
        entries: &[Entry],
        index: Option<usize>,
        of: &[&At],
    ) -> Self {
        let mut text = format!("{invariant} is broken: {why}\n");
        for (number, entry) in entries.iter().enumerate() {
            let broke = index == Some(number);
            let anybody = of.is_empty() && !matches!(entry.what, What::Input(_));
            let part = anybody || of.iter().any(|at| entry.is_of(at));
            // What came behind is no part of it, but for what the records are.
            let before = index.is_none_or(|index| number <= index);
            if broke || (part && (before || matches!(entry.what, What::Input(_)))) {
                text += &format!("{} {entry}\n", if broke { '>' } else { ' ' });
            }
        }
        Self { invariant, text }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl error::Error for Broken {}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = if self.instance.is_empty() { "broker" } else { &self.instance };
        write!(f, "{:>9.3} s  {who}: ", self.time.as_secs_f64())?;
        self.what.fmt(f)
    }
}

/// Offsets, as a person reads them.
struct Offsets<'a>(&'a [(TopicPartition, i64)]);

impl fmt::Display for Offsets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (place, to)) in self.0.iter().enumerate() {
            write!(f, "{}{place} before {to}", if number > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

fn of(records: &[At]) -> String {
    let all = records.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if records.is_empty() { all } else { format!(", of {all}") }
}

fn by(id: Option<&std::sync::Arc<str>>) -> String {
    id.map(|id| format!(" in a transaction of `{id}`")).unwrap_or_default()
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(record) => {
                let key = record.key.as_deref().map(String::from_utf8_lossy);
                write!(f, "{} is there, key {key:?}", record.at)
            }
            Self::Seen(record) => {
                write!(f, "{} is seen", record.at)?;
                match published_beside(&record.headers) {
                    Some((at, attempt)) => write!(f, ", published by attempt {attempt} with {at}"),
                    None => f.write_str(&of(&sources(&record.headers).0)),
                }
            }
            Self::Read(place, epoch, from, to) => {
                write!(f, "reads {place}/{from}..={to} under epoch {epoch}")
            }
            Self::Began(call, at, epoch, attempt) => {
                write!(f, "call {call} begins: {at}, attempt {attempt}, epoch {epoch}")
            }
            Self::Ended(call, at, _, attempt, how) => {
                write!(f, "call {call} ends: {at}, attempt {attempt}: {how}")
            }
            Self::CommitSent(offsets, id) => {
                write!(f, "commits{} {}", by(id.as_ref()), Offsets(offsets))
            }
            Self::Committed(offsets, id) => {
                write!(f, "has committed{} {}", by(id.as_ref()), Offsets(offsets))
            }
            Self::NotCommitted(offsets, why) => {
                write!(f, "has not committed {}: {why}", Offsets(offsets))
            }
            Self::Found(offsets) => write!(f, "finds committed: {}", Offsets(offsets)),
            other => other.fmt_rest(f),
        }
    }
}

impl What {
    fn fmt_rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assigned(place, epoch) => write!(f, "is assigned {place}, epoch {epoch}"),
            Self::Revoked(place) => write!(f, "is to give back {place}"),
            Self::Released(place) => write!(f, "gives back {place}"),
            Self::Lost(place) => write!(f, "has lost {place}"),
            Self::Moved(place, epoch, to) => write!(f, "goes on at {place}/{to}, epoch {epoch}"),
            Self::Opened(id) => write!(f, "begins a transaction of `{id}`"),
            Self::Sent(number, topic, of, letter, id) => {
                let what = if *letter { "dead letter" } else { "record" };
                write!(f, "sends {what} {number} to `{topic}`{}{}", by(id.as_ref()), self::of(of))
            }
            Self::Delivered(number, at) => write!(f, "record {number} is at {at}"),
            Self::Refused(number, why) => write!(f, "record {number} is refused: {why}"),
            Self::Stopping => f.write_str("is asked to stop"),
            Self::Stopped(Ok(())) => f.write_str("has ended well"),
            Self::Stopped(Err(why)) => write!(f, "has ended: {why}"),
            Self::Killed => f.write_str("is killed"),
            Self::Fault(what) => f.write_str(what),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(0) => f.write_str("done"),
            Self::Done(records) => write!(f, "done, with {records} to publish"),
            Self::Skipped => f.write_str("skipped"),
            Self::DeadLetter => f.write_str("a dead letter"),
            Self::RetryAfter(delay) => write!(f, "again after {delay:?}"),
            Self::Stop => f.write_str("the service is to stop"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::TakenOut => f.write_str("taken out of its batch"),
            Self::Dropped => f.write_str("dropped"),
        }
    }
}
