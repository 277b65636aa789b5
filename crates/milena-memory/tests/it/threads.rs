use crate::{Inbox, Member, producer, to};
use milena_core::transport::Event;
use milena_memory::Memory;
use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

/// Unparks a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Reads, in this thread, until the group is done with so many records.
fn read(memory: &Memory, total: i64) -> usize {
    let mut member = Member::join(memory, "g", &["t"]);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let done = || (0..4).filter_map(|n| memory.committed("g", "t", n)).sum::<i64>() == total;
    let mut count = 0;
    loop {
        let mut changed = pin!(memory.changed());
        match member.0.poll_event(&mut cx) {
            Poll::Pending if done() => return count,
            Poll::Pending if changed.as_mut().poll(&mut cx).is_ready() => {}
            Poll::Pending => thread::park_timeout(Duration::from_secs(30)),
            Poll::Ready(Event::Records(chunk)) => {
                count += chunk.len();
                let next = chunk.records().offset(chunk.len() - 1) + 1;
                member.0.commit(vec![(chunk.place().clone(), next)]);
                member.committed().unwrap();
            }
            Poll::Ready(Event::Assigned(list)) => {
                member.0.assign(list.into_iter().map(|(place, _)| (place, None)).collect());
            }
            Poll::Ready(Event::Revoked(list, _)) => member.0.release(list),
            Poll::Ready(event) => panic!("{event:?}"),
        }
    }
}

#[test]
fn threads_write_and_read_at_the_same_time() {
    const WRITERS: u64 = 3;
    const EACH: u64 = 2000;
    let memory = Memory::new().max_chunk(16);
    memory.create_topic("t", 4);
    let total = WRITERS * EACH;

    let (read, inboxes) = thread::scope(|scope| {
        let readers: Vec<_> =
            (0..3).map(|_| scope.spawn(|| read(&memory, i64::try_from(total).unwrap()))).collect();
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(|| write(&memory, EACH))).collect();
        let read: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        let receipts: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        (read, receipts)
    });

    assert_eq!((read as u64, inboxes as u64), (total, total));
    assert_eq!(memory.records("t").len() as u64, total);
}

fn write(memory: &Memory, count: u64) -> usize {
    let (producer, inbox) = (producer(memory), Arc::new(Inbox::default()));
    for token in 0..count {
        let partition = i32::try_from(token % 4).unwrap();
        producer.enqueue(to("t", partition), inbox.receipt(token)).unwrap();
    }
    inbox.take().len()
}
