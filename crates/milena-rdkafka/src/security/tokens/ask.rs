use super::{Failure, Issued};
use milena_core::{
    error::{BoxError, Error, ErrorKind},
    transport::DynTokenProvider,
};
use std::{
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    task::{Context, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};
use tokio::runtime::Handle;

/// Asks a provider for a token, on its runtime if there is one, and waits no longer than this.
pub(super) fn ask(
    provider: &Arc<dyn DynTokenProvider>,
    runtime: Option<&Handle>,
    timeout: Duration,
) -> Result<Issued, Failure> {
    let (answer, answered) = sync_channel(1);
    let call = call(provider.clone(), answer);
    let task = match runtime {
        Some(runtime) => Some(runtime.spawn(call)),
        None => {
            let thread = thread::Builder::new().name("kafka-token-call".into());
            let begun = thread.spawn(move || block_on(call));
            begun.map_err(|error| failure(ErrorKind::Driver, &error))?;
            None
        }
    };
    match answered.recv_timeout(timeout) {
        Ok(result) => result.map_err(|error| refusal(&error)),
        Err(RecvTimeoutError::Timeout) => {
            if let Some(task) = task {
                task.abort();
            }
            let why = format!("the provider has not answered in {timeout:?}");
            Err(failure(ErrorKind::TimedOut, &why))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(failure(ErrorKind::Driver, &"the provider panicked, or its runtime has ended"))
        }
    }
}

async fn call(provider: Arc<dyn DynTokenProvider>, answer: SyncSender<Result<Issued, BoxError>>) {
    let issued = async {
        let token = provider.token().await?;
        token.validate()?;
        let extensions = provider.extensions();
        check_extensions(&extensions)?;
        Ok(Issued { token, extensions })
    };
    // Nobody waits for it any more when the time is over.
    let _ = answer.send(issued.await);
}

fn check_extensions<'a>(
    extensions: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<(), Error> {
    let refuse = |name: &str, why| {
        let message = format!("could not use extension `{name}` of a token: {why}");
        Err(Error::new(ErrorKind::Config, message))
    };
    for (name, value) in extensions {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphabetic()) {
            return refuse(name, "its name is not of letters alone");
        }
        if name == "auth" {
            return refuse(name, "that is what the token itself is called");
        }
        if !value.chars().all(|c| matches!(c, ' '..='~' | '\t' | '\r' | '\n')) {
            return refuse(name, "its value has a character that cannot be sent");
        }
    }
    Ok(())
}

/// What a provider says that refuses us, or fails.
fn refusal(error: &BoxError) -> Failure {
    let kind = error.downcast_ref::<Error>().map_or(ErrorKind::Unreachable, Error::kind);
    failure(kind, error)
}

fn failure(kind: ErrorKind, why: &dyn std::fmt::Display) -> Failure {
    Failure { kind, message: format!("could not get a token for OAUTHBEARER: {why}") }
}

/// Runs a future where there is no runtime.
fn block_on(future: impl Future<Output = ()>) {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        thread::park();
    }
}
