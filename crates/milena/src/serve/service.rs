use super::{
    background::{self, Background, Tasks},
    cluster::{Cluster, Groups, Place, Reached, reach},
    course::Course,
    ended::{Ended, Failure, Moment, Reason},
    lifespan::{self, Lifespan, Lifespans},
    outlets::Outlets,
    probe::{Organs, Stage},
};
use crate::{
    publishing::Declared,
    runtime::{Phase, Provided},
};
use futures_util::future::BoxFuture;
use milena_core::error::{Error, ErrorKind};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// What runs: clusters with their groups, and what stands around them.
pub(crate) struct Service {
    pub(crate) clusters: Vec<Cluster>,
    /// Those of the app, which publish to the first cluster if they name no other.
    pub(crate) publishers: Vec<Declared>,
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
        Self {
            clusters,
            publishers: Vec::new(),
            lifespans: Vec::new(),
            tasks: Vec::new(),
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
        let open = open(self.clusters, &self.publishers);
        let (clusters, outlets) = match course.unless_told(open).await {
            Some(Ok(open)) => open,
            Some(Err((reason, error))) => {
                course.fail(reason, error);
                return course.result();
            }
            None => return course.result(),
        };
        let organs = Arc::new(organs(&clusters));
        let (provided, mut lifespans) = (Provided::default(), Lifespans::default());
        let failed = tokio::select! {
            biased;
            () = lifespans.enter(self.lifespans, &provided, &mut course) => None,
            failed = outlets.failed() => Some(failed),
        };
        if let Some((reason, error)) = failed {
            course.fail(reason, error);
        }
        if course.goes_on() {
            let groups = Groups::start(clusters, &provided, &mut course).await;
            self.stages.send_replace(Stage::Running(organs.clone()));
            let ending = tell_ending(self.stages.clone(), course.phases(), organs);
            let around = (&mut lifespans, &outlets);
            let working = work(groups, self.tasks, around, (&mut course, self.patience));
            tokio::join!(working, ending);
            outlets.flush(course.is_forced()).await;
        }
        lifespans.leave(&mut course, self.patience).await;
        outlets.flush(course.is_forced()).await;
        outlets.close(&mut course).await;
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

/// Reaches all clusters, and has publishers work.
async fn open(
    clusters: Vec<Cluster>,
    publishers: &[Declared],
) -> Result<(Vec<Reached>, Outlets), (Reason, Error)> {
    let reached = reach(clusters).await?;
    let outlets = Outlets::open(&reached, publishers).await?;
    Ok((reached, outlets))
}

/// Lets the groups and the background tasks run, and waits for the end of all.
async fn work(
    mut groups: Groups,
    tasks: Vec<Background>,
    (lifespans, outlets): (&mut Lifespans, &Outlets),
    (course, patience): (&mut Course, Duration),
) {
    let mut tasks = Tasks::start(tasks, course);
    while course.goes_on() || !groups.are_gone() {
        tokio::select! {
            biased;
            () = course.told() => {}
            ended = groups.ended() => judge(course, ended),
            ended = tasks.ended() => background::judge(course, ended),
            (name, ended) = lifespans.ended() => lifespan::fail(course, name, Moment::Running, ended),
            (reason, error) = outlets.failed() => course.fail(reason, error),
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
