use super::{
    TaskResult,
    course::Course,
    ended::{Moment, Reason},
    owned::{Owned, own},
};
use crate::runtime::Provided;
use futures_util::FutureExt;
use milena_core::error::{BoxError, Error, ErrorKind};
use std::{
    fmt,
    future::poll_fn,
    sync::{Mutex, PoisonError},
    task::Poll,
    time::Duration,
};
use tokio::sync::{oneshot, watch};

/// What a lifespan has of its app: the middle between set-up and tear-down.
///
/// See [`App::lifespan`](crate::App::lifespan).
pub struct Running {
    up: Mutex<Option<oneshot::Sender<()>>>,
    over: watch::Receiver<bool>,
    provided: Provided,
}

impl Running {
    /// Says that the set-up is done, and waits until everything of the app has ended but the lifespans
    /// that were set up before.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped and the method called again.
    pub async fn until_end(&self) {
        let up = self.up.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(up) = up {
            // The app itself may be gone.
            let _ = up.send(());
        }
        let mut over = self.over.clone();
        if over.wait_for(|over| *over).await.is_err() {
            // The app was dropped, and drops this, too.
            std::future::pending::<()>().await;
        }
    }

    /// Gives every handler this value as `Extension<T>`; of one type the last counts.
    ///
    /// It is for the set-up: subscriptions get what was provided before the first record is delivered,
    /// and it costs nothing a record.
    pub fn provide<T: Clone + Send + Sync + 'static>(&self, value: T) {
        self.provided.add(value);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

/// A lifespan that has not begun.
pub(crate) struct Lifespan {
    name: &'static str,
    begin: Box<dyn FnOnce(Running) -> Owned + Send>,
}

impl Lifespan {
    pub(crate) fn new<F, Fut>(begin: F) -> Self
    where
        F: FnOnce(Running) -> Fut + Send + 'static,
        Fut: Future<Output: TaskResult> + Send + 'static,
    {
        let begin = |running| own(async move { begin(running).await.into_result() });
        Self { name: std::any::type_name::<F>(), begin: Box::new(begin) }
    }
}

/// The lifespans that are set up, in this order.
#[derive(Default)]
pub(super) struct Lifespans(Vec<Entered>);

struct Entered {
    name: &'static str,
    over: watch::Sender<bool>,
    task: Owned,
}

impl Lifespans {
    /// Sets them up, one after the other, until one fails or the service is told to end.
    pub(super) async fn enter(
        &mut self,
        lifespans: Vec<Lifespan>,
        provided: &Provided,
        course: &mut Course,
    ) {
        for lifespan in lifespans {
            let (up, is_up) = oneshot::channel();
            let (over, ends) = watch::channel(false);
            let running =
                Running { up: Mutex::new(Some(up)), over: ends, provided: provided.clone() };
            let (name, mut task) = (lifespan.name, (lifespan.begin)(running));
            let begun = course.unless_told(async {
                tokio::select! {
                    biased;
                    Ok(()) = is_up => None,
                    ended = &mut task => Some(ended),
                }
            });
            match begun.await {
                Some(None) => self.0.push(Entered { name, over, task }),
                Some(Some(ended)) => return fail(course, name, Moment::Start, ended),
                None => {
                    tracing::warn!(lifespan = name, "the set-up was given up");
                    return;
                }
            }
        }
    }

    /// Waits until one ends by itself, which none should.
    pub(super) async fn ended(&mut self) -> (&'static str, Result<(), BoxError>) {
        poll_fn(|cx| {
            for at in 0..self.0.len() {
                if let Poll::Ready(ended) = self.0[at].task.poll_unpin(cx) {
                    return Poll::Ready((self.0.remove(at).name, ended));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Tears them down, the last first, and gives each this long.
    pub(super) async fn leave(self, course: &mut Course, within: Duration) {
        for Entered { name, over, task } in self.0.into_iter().rev() {
            over.send_replace(true);
            match course.within(within, task).await {
                Some(Ok(())) => {}
                Some(failed) => fail(course, name, Moment::Stop, failed),
                None => {
                    let message = format!("could not end lifespan `{name}` within {within:?}");
                    let reason = Reason::Lifespan { name, moment: Moment::Stop };
                    course.fail(reason, Error::new(ErrorKind::TimedOut, message));
                }
            }
        }
    }
}

pub(super) fn fail(
    course: &mut Course,
    name: &'static str,
    moment: Moment,
    ended: Result<(), BoxError>,
) {
    let verb = match moment {
        Moment::Start => "set up",
        Moment::Running => "keep up",
        Moment::Stop => "end",
    };
    let could_not = format!("could not {verb} lifespan `{name}`");
    let error = match ended {
        Err(error) => {
            Error::new(ErrorKind::Lifespan, format!("{could_not}: {error}")).with_source(error)
        }
        Ok(()) => {
            let why = "it returned before the app ended, which `Running::until_end` waits for";
            Error::new(ErrorKind::Lifespan, format!("{could_not}: {why}"))
        }
    };
    course.fail(Reason::Lifespan { name, moment }, error);
}
