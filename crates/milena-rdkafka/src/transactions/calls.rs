use super::{
    outcome::{self, Verdict},
    patience::Patience,
};
use crate::{
    native::{Client, Failure, Generation},
    producer::Scope,
    promise::Promise,
};
use milena_core::{
    error::{Error, ErrorKind},
    transport::GroupMetadata,
};
use rdkafka::TopicPartitionList;
use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

/// How long it takes until what can be called again is.
const AGAIN: Duration = Duration::from_millis(20);
/// How much longer than its timeout a call may take.
const GRACE: Duration = Duration::from_secs(3);

/// What the thread is asked for.
#[derive(Clone)]
pub(super) enum Call {
    Init,
    Begin,
    SendOffsets(Arc<(TopicPartitionList, GroupMetadata)>),
    Commit,
    Abort,
}

pub(super) type Asked = (Call, Promise<Result<(), Error>>);

/// The thread of a session, which has one call made after the other.
pub(super) struct Calls {
    pub(super) client: Arc<Client>,
    pub(super) scope: Arc<Scope>,
    pub(super) id: Arc<str>,
    pub(super) timeout: Duration,
}

impl Calls {
    pub(super) fn start(self) -> Result<mpsc::Sender<Asked>, Error> {
        let (sender, asked) = mpsc::channel::<Asked>();
        let id = self.id.clone();
        let run = move |mut patience| {
            for (call, promise) in asked {
                promise.keep(self.obey(&call, &mut patience));
            }
        };
        let thread = thread::Builder::new().name("kafka-transactions".into());
        let begun = Patience::start().and_then(|it| thread.spawn(move || run(it)));
        begun.map_err(|error| {
            let message = format!("could not begin transactions as `{id}`: {error}");
            Error::new(ErrorKind::Driver, message).with_source(error)
        })?;
        Ok(sender)
    }

    fn obey(&self, call: &Call, patience: &mut Patience) -> Result<(), Error> {
        let refuse = |kind, cause: &str| {
            Err(Error::new(kind, format!("could not {}: {cause}", self.what(call))))
        };
        match (call, self.scope.is_open()) {
            // librdkafka has sent it again, within its transaction. When it comes late, it would be taken for a
            // request of the next one: only another session is told from this one.
            (Call::Begin, false) if self.client.has_lost() => {
                return refuse(ErrorKind::Driver, "a request was not answered, and may come late");
            }
            (Call::Init, _) | (Call::Begin, false) => {}
            // A session that is fenced says so, whatever it is asked for.
            (Call::Begin, true) if self.client.fatal_error().is_some() => {}
            (Call::Begin, true) => return refuse(ErrorKind::Driver, "one is open already"),
            (Call::Abort, false) => return Ok(()),
            (_, false) => return refuse(ErrorKind::Driver, "no transaction is open"),
            (Call::Commit, true) if self.scope.has_failed() => {
                return refuse(ErrorKind::Aborted, "a record of it was refused");
            }
            (_, true) => {}
        }
        self.insist(call, patience)
            .map_err(|(verdict, failure)| self.error(call, verdict, &failure))?;
        match call {
            Call::Begin => self.scope.begin(),
            Call::Commit | Call::Abort => self.scope.end(),
            Call::Init | Call::SendOffsets(..) => {}
        }
        Ok(())
    }

    /// Makes a call, and makes it again while that can help and there is time.
    fn insist(&self, call: &Call, patience: &mut Patience) -> Result<(), (Verdict, Failure)> {
        let until = Instant::now() + self.timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let (client, same) = (self.client.clone(), call.clone());
            let made = patience.call(left + GRACE, move || make(&client, &same, left));
            let Err(failure) = made.unwrap_or_else(|| Err(Failure::never())) else { return Ok(()) };
            let verdict = outcome::judge(&failure);
            if verdict != Verdict::Again || until <= Instant::now() {
                return Err((verdict, failure));
            }
            thread::sleep(AGAIN);
        }
    }

    fn error(&self, call: &Call, verdict: Verdict, failure: &Failure) -> Error {
        let Failure { code, reason, .. } = failure;
        tracing::debug!(id = &*self.id, %code, reason, "a call for a transaction failed");
        let verdict = match (call, verdict) {
            // There is no more that can be done about it.
            (Call::Abort, Verdict::Abort) => Verdict::Unknown,
            (Call::Init, Verdict::Again) => Verdict::Away,
            (_, verdict) => verdict,
        };
        outcome::explain(&self.what(call), verdict, *code, self.timeout)
    }

    fn what(&self, call: &Call) -> String {
        let id = &self.id;
        match call {
            Call::Init => format!("begin transactions as `{id}`"),
            Call::Begin => format!("begin a transaction of `{id}`"),
            Call::SendOffsets(offsets) => {
                let group = offsets.1.get().map(Generation::group).unwrap_or_default();
                format!("send offsets of group `{group}` with a transaction of `{id}`")
            }
            Call::Commit => format!("commit a transaction of `{id}`"),
            Call::Abort => format!("abort a transaction of `{id}`"),
        }
    }
}

fn make(client: &Client, call: &Call, within: Duration) -> Result<(), Failure> {
    match call {
        Call::Init => client.init_transactions(within),
        Call::Begin => client.begin_transaction(),
        Call::SendOffsets(asked) => match asked.1.get::<Generation>() {
            Some(generation) => client.send_offsets(&asked.0, generation, within),
            None => Ok(()),
        },
        Call::Commit => client.commit_transaction(within),
        Call::Abort => client.abort_transaction(within),
    }
}
