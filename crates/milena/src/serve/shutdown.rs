use futures_util::future::BoxFuture;
use milena_core::error::{Error, ErrorKind};

/// What tells a service to stop.
pub(super) enum Shutdown {
    Asked(Option<BoxFuture<'static, ()>>),
    Signals(Signals),
}

impl Shutdown {
    /// The next time that it is told.
    pub(super) async fn next(&mut self) {
        match self {
            Self::Signals(signals) => signals.next().await,
            Self::Asked(signal) => match signal {
                Some(asked) => {
                    asked.await;
                    *signal = None;
                }
                None => std::future::pending().await,
            },
        }
    }
}

#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Error::new(ErrorKind::Driver, format!("could not listen to signals: {error}"))
                    .with_source(error)
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
