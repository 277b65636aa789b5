use super::{
    background::{self, Background, Tasks},
    cluster::{Cluster, Groups, Place, Reached, flush, reach},
    course::Course,
    ended::{Ended, Failure, Moment, Reason},
    lifespan::{self, Lifespan, Lifespans},
    probe::{Organs, Stage},
};
use crate::runtime::{Phase, Provided};
use futures_util::future::BoxFuture;
use milena_core::error::{Error, ErrorKind};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// What runs: clusters with their groups, and what stands around them.
pub(crate) struct Service {
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) lifespans: Vec<Lifespan>,
    pub(crate) tasks: Vec<Background>,
    /// What tells it to end, instead of signals.
    pub(crate) shutdown: Option<BoxFuture<'static, ()>>,
    /// How long background tasks, and each lifespan, may take to end.
    pub(crate) patience: Duration,
    /// Tells how far it is.
    pub(crate) stages: watch::Sender<Stage>,
}

impl Service {
    pub(crate) fn new(clusters: Vec<Cluster>) -> Self {
        let (lifespans, tasks) = (Vec::new(), Vec::new());
        Self {
            clusters,
            lifespans,
            tasks,
            shutdown: None,
            patience: Duration::from_secs(5),
            stages: watch::Sender::new(Stage::NotStarted),
        }
    }

    /// Runs until it is told to end, or cannot go on.
    pub(crate) async fn run(self) -> Result<Ended, Failure> {
        // Signals count from here on, also while the transport is still being reached.
        let mut course = Course::begin(self.shutdown)?;
        self.stages.send_replace(Stage::SettingUp);
        let clusters = match course.unless_told(reach(self.clusters)).await {
            Some(Ok(clusters)) => clusters,
            Some(Err((reason, error))) => {
                course.fail(reason, error);
                return course.result();
            }
            None => return course.result(),
        };
        let producers: Vec<_> = clusters.iter().map(Reached::producer).cloned().collect();
        let organs = Arc::new(organs(&clusters));
        let (provided, mut lifespans) = (Provided::default(), Lifespans::default());
        lifespans.enter(self.lifespans, &provided, &mut course).await;
        if course.goes_on() {
            let groups = Groups::start(clusters, &provided, &mut course).await;
            self.stages.send_replace(Stage::Running(organs.clone()));
            let ending = tell_ending(self.stages.clone(), course.phases(), organs);
            let working = work(groups, self.tasks, &mut lifespans, (&mut course, self.patience));
            tokio::join!(working, ending);
            flush(&producers, course.is_forced()).await;
        }
        lifespans.leave(&mut course, self.patience).await;
        flush(&producers, course.is_forced()).await;
        course.result()
    }
}

/// What can be asked how it is.
fn organs(clusters: &[Reached]) -> Organs {
    let mut organs = Organs::default();
    for reached in clusters {
        organs.clusters.push((reached.name().clone(), reached.producer().clone()));
        organs.groups.extend(reached.controls().map(|it| (reached.name().clone(), it)));
    }
    organs
}

/// Says that the end has begun as soon as that is so.
async fn tell_ending(
    stages: watch::Sender<Stage>,
    mut phases: watch::Receiver<Phase>,
    organs: Arc<Organs>,
) {
    if phases.wait_for(|phase| *phase != Phase::Running).await.is_ok() {
        stages.send_replace(Stage::Ending(organs));
    }
}

/// Lets the groups and the background tasks run, and waits for the end of all.
async fn work(
    mut groups: Groups,
    tasks: Vec<Background>,
    lifespans: &mut Lifespans,
    (course, patience): (&mut Course, Duration),
) {
    let mut tasks = Tasks::start(tasks, course);
    while course.goes_on() || !groups.are_gone() {
        tokio::select! {
            () = course.told() => {}
            ended = groups.ended() => judge(course, ended),
            ended = tasks.ended() => background::judge(course, ended),
            (name, ended) = lifespans.ended() => lifespan::fail(course, name, Moment::Running, ended),
        }
    }
    tasks.end(course, patience).await;
}

/// One group that ends ends the service: half of one is worse than none.
fn judge(course: &mut Course, (Place { cluster, group }, ended): (Place, Result<(), Error>)) {
    match ended {
        // Nothing else ends a group that runs.
        Ok(()) => course.end(Ended::Control { cluster, group }),
        Err(error) if error.kind() == ErrorKind::Record => {
            course.fail(Reason::Record { cluster, group }, error);
        }
        Err(error) => course.fail(Reason::Group { cluster, group }, error),
    }
}
