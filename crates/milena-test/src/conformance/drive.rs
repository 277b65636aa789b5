use crate::conformance::member::{Member, Phase};
use milena_core::{Error, Record, TopicPartition, error::ErrorKind};
use std::{
    collections::HashSet,
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Runs these members until this is true of them.
pub(super) async fn together(
    members: &mut [&mut Member],
    what: &str,
    done: impl Fn(&[&mut Member]) -> bool,
) {
    let patience = members[0].guarantees.patience;
    if tokio::time::timeout(patience, run(members, done)).await.is_err() {
        let stories: Vec<_> = members.iter().map(|member| member.story().to_string()).collect();
        panic!("waited {patience:?} in vain until {what}\n{}", stories.join("The other member:\n"));
    }
}

/// Runs these members for a moment, to see what happens.
pub(super) async fn look(members: &mut [&mut Member]) {
    let moment = members[0].guarantees.moment;
    let _elapsed = tokio::time::timeout(moment, run(members, |_| false)).await;
}

impl Member {
    /// Runs the member until this is true of it.
    pub(super) async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        together(&mut [self], what, |members| done(members[0])).await;
    }

    /// Runs the member until it reads this many partitions.
    pub(super) async fn until_reading(&mut self, partitions: usize) {
        let what = format!("a member reads {partitions} partitions");
        self.until(&what, |member| member.in_phase(Phase::Reading).len() == partitions).await;
    }

    /// Runs the member until it has read this many records, and takes what it has read.
    pub(super) async fn read(&mut self, count: usize) -> Vec<Record> {
        let what = format!("a member has read {count} records");
        self.until(&what, |member| member.records.len() >= count).await;
        std::mem::take(&mut self.records)
    }

    /// Has the member read on at this offset, and forgets what it has read.
    pub(super) async fn move_to(&mut self, place: &TopicPartition, offset: i64) {
        self.seek(vec![(place.clone(), offset)]);
        self.until_moved().await;
    }

    /// Runs the member until all seeks are answered, and forgets what it has read.
    pub(super) async fn until_moved(&mut self) {
        self.until("the seeks are answered", |member| !member.is_seeking()).await;
        self.records.clear();
    }

    /// Runs the member until it has failed, and says how.
    pub(super) async fn failure(&mut self) -> Error {
        self.fails = true;
        self.until("the consumer has failed", |member| member.failed.is_some()).await;
        self.failed.take().unwrap_or_else(|| panic!("the failure is gone"))
    }

    /// Commits what was read, again and again while the group is between two generations.
    pub(super) async fn commit(&mut self) {
        loop {
            match self.commit_at(self.positions()).await {
                Ok(()) => return,
                Err(error) if error.kind() == ErrorKind::Rebalancing => {}
                Err(error) => panic!("could not commit: {error:?}\n{}", self.story()),
            }
        }
    }

    /// Commits these offsets and says how that ended.
    pub(super) async fn commit_at(
        &mut self,
        offsets: Vec<(TopicPartition, i64)>,
    ) -> Result<(), Error> {
        self.until("a commit is answered", |member| !member.is_committing()).await;
        self.begin_commit(offsets);
        self.until("the commit is answered", Self::has_committed).await;
        self.take_committed().unwrap_or(Ok(()))
    }

    /// Leaves the group.
    pub(super) async fn close(&mut self) {
        self.begin_close();
        self.until("the member has left", Self::is_closed).await;
    }

    /// Commits what was read and leaves the group.
    pub(super) async fn commit_and_close(&mut self) {
        self.finish();
        self.commit().await;
        self.close().await;
    }
}

async fn run(members: &mut [&mut Member], done: impl Fn(&[&mut Member]) -> bool) {
    let alarms: Vec<_> = members.iter().map(|_| Alarm::new()).collect();
    let mut turn = 0;
    while !done(members) {
        turn += 1;
        poll_fn(|cx| poll_one(members, &alarms, turn, cx)).await;
        check_apart(members);
        // Without it, events without end would not leave the timeout a chance.
        tokio::task::yield_now().await;
    }
}

/// Polls the members until one has an event, each time beginning with another. One that had none
/// is polled again when it is woken, and not because another was.
fn poll_one(
    members: &mut [&mut Member],
    alarms: &[Arc<Alarm>],
    turn: usize,
    cx: &Context<'_>,
) -> Poll<()> {
    let count = members.len();
    let mut order = (0..count).map(|i| (turn + i) % count);
    let event = order.find(|&i| {
        let (member, alarm) = (&mut members[i], &alarms[i]);
        let waker = alarm.set(cx.waker());
        let open = !member.is_closed() && alarm.take();
        open && member.poll(&mut Context::from_waker(&waker)).is_ready()
    });
    let Some(index) = event else { return Poll::Pending };
    alarms[index].rung.store(true, Ordering::SeqCst);
    Poll::Ready(())
}

/// Tells whether a member was woken, and wakes the task that runs it.
struct Alarm {
    rung: AtomicBool,
    waker: Mutex<Waker>,
}

impl Alarm {
    fn new() -> Arc<Self> {
        let waker = Mutex::new(Waker::noop().clone());
        Arc::new(Self { rung: AtomicBool::new(true), waker })
    }

    /// The waker of the member, which will wake the task that this one is of.
    fn set(self: &Arc<Self>, task: &Waker) -> Waker {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone_from(task);
        Waker::from(self.clone())
    }

    fn take(&self) -> bool {
        self.rung.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        waker.wake();
    }
}

fn check_apart(members: &[&mut Member]) {
    let mut seen = HashSet::new();
    for place in members.iter().flat_map(|member| member.held()) {
        let stories =
            || members.iter().map(|member| member.story().to_string()).collect::<String>();
        assert!(seen.insert(place.clone()), "`{place}` is two members'\n{}", stories());
    }
}
