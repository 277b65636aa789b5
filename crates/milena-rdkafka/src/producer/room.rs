use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

/// Whether librdkafka's queue was found full, and who waits for room in it.
#[derive(Default)]
pub(super) struct Room {
    full: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Room {
    /// The queue is full. Whoever finds out tries again behind this: if it still is, a delivery that
    /// makes room, and tells so, is yet to come.
    pub(super) fn is_full(&self) {
        self.full.store(true, SeqCst);
    }

    /// There is room.
    pub(super) fn made(&self) {
        if self.full.swap(false, SeqCst) {
            let wakers =
                std::mem::take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner));
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Waits until there is room.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.full.load(SeqCst) {
            return Poll::Ready(());
        }
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{Arc, atomic::AtomicUsize},
        task::Wake,
    };

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn who_waits_is_woken_once_there_is_room() {
        let (room, woken) = (Room::default(), Arc::<Woken>::default());
        let waker = woken.clone().into();
        let cx = Context::from_waker(&waker);

        assert!(room.poll(&cx).is_ready());
        room.is_full();
        assert!(room.poll(&cx).is_pending());
        assert!(room.poll(&cx).is_pending());
        room.made();

        assert_eq!(woken.0.load(SeqCst), 1);
        assert!(room.poll(&cx).is_ready());
    }
}
