use crate::{Bell, Member, at, producer, to};
use milena_core::{
    error::{Error, ErrorKind},
    transport::{Delivered, Event, Producer, Receipt, Receive},
};
use milena_memory::Memory;
use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// Has the member wait, and says whether it is woken by what is done.
#[track_caller]
fn wakes(member: &mut Member, act: impl FnOnce(&mut Member)) -> bool {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    if let Poll::Ready(event) = member.0.poll_event(&mut Context::from_waker(&waker)) {
        panic!("there is {event:?}");
    }
    act(member);
    bell.rung() > 0
}

fn reading(memory: &Memory) -> Member {
    memory.create_topic("t", 2);
    let mut member = Member::join(memory, "g", &["t"]);
    member.begin("t");
    member
}

#[test]
fn a_waiting_member_is_woken_by_all_that_concerns_it() {
    let memory = Memory::new();
    let mut member = reading(&memory);

    assert!(wakes(&mut member, |_| drop(memory.produce(to("t", 1)))));
    member.records();
    assert!(wakes(&mut member, |_| memory.skip_offsets("t", 0, 1)));
    assert!(matches!(member.next(), Some(Event::Position(..))));
    assert!(wakes(&mut member, |member| member.0.commit(vec![(at("t", 0), 1)])));
    member.committed().unwrap();
    member.0.park(&at("t", 0));
    memory.produce(to("t", 0)).unwrap();
    assert!(wakes(&mut member, |member| member.0.unpark(&at("t", 0))));
    member.records();
    assert!(wakes(&mut member, |_| memory.add_partitions("t", 3)));
    assert!(wakes_when_assigned(&mut member));
    let other = Member::join(&memory, "g", &["t"]);
    let Some(Event::Revoked(revoked, _)) = member.next() else { panic!("not revoked") };
    assert!(wakes(&mut member, |_| drop(other)));
    assert!(wakes(&mut member, |member| member.0.release(revoked)));
    member.assigned();
    assert!(wakes(&mut member, |_| memory.faults().lose_partitions("g")));
    member.lost();
    member.assigned();
    assert!(wakes(&mut member, |member| member.0.close(Duration::ZERO)));
    assert!(matches!(member.next(), Some(Event::Closed)));
}

/// A record lies in partition 2 before it is assigned.
fn wakes_when_assigned(member: &mut Member) -> bool {
    member.assigned();
    wakes(member, |member| member.0.assign(vec![(at("t", 2), None)]))
}

#[test]
fn a_waiting_member_sleeps_through_what_does_not_concern_it() {
    let memory = Memory::new();
    let mut member = reading(&memory);

    assert!(!wakes(&mut member, |_| drop(memory.produce(to("u", 0)))));
    assert!(!wakes(&mut member, |_| drop(Member::join(&memory, "other", &["t"]))));
}

#[test]
fn the_last_waker_counts() {
    let memory = Memory::new();
    let mut member = reading(&memory);
    let bells = [(); 2].map(|()| Arc::new(Bell::default()));
    for bell in &bells {
        let waker = Waker::from(bell.clone());
        assert!(member.0.poll_event(&mut Context::from_waker(&waker)).is_pending());
    }

    memory.produce(to("t", 0)).unwrap();

    assert_eq!(bells.map(|bell| bell.rung()), [0, 1]);
}

#[test]
fn a_failed_consumer_is_woken_by_its_close() {
    let memory = Memory::new().without_auto_create();
    let mut member = Member::join(&memory, "g", &["t"]);
    assert!(matches!(member.next(), Some(Event::Failed(_))));

    assert!(wakes(&mut member, |member| member.0.close(Duration::ZERO)));
}

#[test]
fn a_change_counts_from_the_call_and_not_from_the_poll() {
    let memory = Memory::new();
    let changed = pin!(memory.changed());

    memory.produce(to("t", 0)).unwrap();

    assert!(changed.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn a_change_wakes_who_waits_for_it() {
    let memory = Memory::new();
    let mut member = reading(&memory);
    let acts: [&mut dyn FnMut(); 4] = [
        &mut || drop(memory.produce(to("t", 0))),
        &mut || memory.skip_offsets("t", 1, 1),
        &mut || member.0.commit(vec![(at("t", 0), 1)]),
        &mut || drop(Member::join(&memory, "g", &["t"])),
    ];
    for (n, act) in acts.into_iter().enumerate() {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let mut changed = pin!(memory.changed());
        assert!(changed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());

        act();

        assert!(bell.rung() > 0, "act {n}");
        assert!(changed.poll(&mut Context::from_waker(&waker)).is_ready(), "act {n}");
    }
}

#[test]
fn a_refused_commit_is_no_change() {
    let memory = Memory::new();
    let mut member = reading(&memory);
    memory.faults().refuse_commits(1, ErrorKind::Rebalancing);
    let changed = pin!(memory.changed());

    member.0.commit(vec![(at("t", 0), 1)]);

    assert!(changed.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[test]
fn a_future_that_is_dropped_is_forgotten() {
    let memory = Memory::new();
    let bell = Arc::new(Bell::default());
    for _ in 0..3 {
        let waker = Waker::from(bell.clone());
        assert!(pin!(memory.changed()).poll(&mut Context::from_waker(&waker)).is_pending());
    }

    assert_eq!(Arc::strong_count(&bell), 1);
    memory.produce(to("t", 0)).unwrap();
    assert_eq!(bell.rung(), 0);
}

/// Publishes again whenever a receipt comes back, until it has done so often enough.
struct Again(Arc<dyn Producer>, Memory, Mutex<usize>);

impl Receive for Again {
    fn receive(&self, _token: u64, result: Result<Delivered, Error>) {
        assert_eq!(self.1.end("t", 0), result.unwrap().offset + 1);
        let mut left = self.2.lock().unwrap();
        *left -= 1;
        let receive =
            (*left > 0).then(|| Arc::new(Self(self.0.clone(), self.1.clone(), Mutex::new(*left))));
        drop(left);
        if let Some(receive) = receive {
            self.0.enqueue(to("t", 0), Receipt::new(receive, 0)).unwrap();
        }
    }
}

#[test]
fn a_receipt_may_come_back_to_the_broker() {
    let memory = Memory::new();
    let producer = producer(&memory);
    let again = Arc::new(Again(producer.clone(), memory.clone(), Mutex::new(5)));

    producer.enqueue(to("t", 0), Receipt::new(again, 0)).unwrap();

    assert_eq!(memory.end("t", 0), 5);
}

/// Polls its member in the middle of being woken, as an executor that runs tasks at once would, and
/// owns it, so that dropping the waker drops the member.
struct Eager(Mutex<Option<Member>>, Mutex<Vec<String>>);

impl Wake for Eager {
    fn wake(self: Arc<Self>) {
        Self::poll(&self);
    }
}

impl Eager {
    fn poll(this: &Arc<Self>) {
        let Some(mut member) = this.0.lock().unwrap().take() else { return };
        let waker = Waker::from(this.clone());
        while let Poll::Ready(event) = member.0.poll_event(&mut Context::from_waker(&waker)) {
            this.1.lock().unwrap().push(format!("{event:?}"));
        }
        *this.0.lock().unwrap() = Some(member);
    }
}

#[test]
fn a_waker_may_come_back_to_the_broker() {
    let memory = Memory::new();
    let eager = Arc::new(Eager(Mutex::new(Some(reading(&memory))), Mutex::default()));
    Eager::poll(&eager);

    memory.produce(to("t", 0)).unwrap();

    assert_eq!(*eager.1.lock().unwrap(), ["Records(Chunk(t/0/0 x 1))"]);
}

#[test]
fn a_waker_that_is_replaced_may_drop_a_member() {
    let memory = Memory::new();
    let mut member = reading(&memory);
    let other = Member::join(&memory, "other", &["t"]);
    let waker = Waker::from(Arc::new(Eager(Mutex::new(Some(other)), Mutex::default())));
    assert!(member.0.poll_event(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);

    member.nothing();

    assert_eq!(memory.members("other"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_reaches_a_task_while_time_is_paused() {
    let memory = Memory::new();
    let writer = memory.clone();
    let changed = memory.changed();

    let (in_time, written) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(1), changed),
        tokio::spawn(async move { writer.produce(to("t", 0)) }),
    );

    assert!(in_time.is_ok() && written.is_ok());
}

#[test]
fn a_change_is_a_future_like_others() {
    fn check(_: Pin<&mut (impl Future<Output = ()> + Send + Sync)>) {}
    check(pin!(Memory::new().changed()));
}
