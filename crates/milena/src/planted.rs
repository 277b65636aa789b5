//! Bugs of delivery on purpose, for Milena's own tests: who says that a checker would find a loss has to show that it does.
//!
//! A program without the feature `planted` has none of them: [`planted`] is a constant there, and what hangs on it is
//! not compiled. One with it cannot be built without debug assertions, so it is no release.
#![cfg_attr(
    not(feature = "planted"),
    allow(dead_code, unreachable_pub, reason = "nobody sees them then")
)]

#[cfg(all(feature = "planted", not(debug_assertions)))]
compile_error!("the feature `planted` of milena is for its own tests, and in no release build");

macro_rules! bugs {
    ($($(#[$meta:meta])* $bug:ident,)*) => {
        /// A bug that can be switched on.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Bug {
            $($(#[$meta])* $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),*];
        }
    };
}

bugs! {
    /// What was delivered is committed, done or not.
    CommitSeen,
    /// A partition that is revoked is released while its calls run.
    SkipDrain,
    /// What is said under an assignment that has ended counts for the one that followed.
    IgnoreEpoch,
    /// A record is done when its dead letter is handed to the producer.
    SettleUnwrittenDeadLetter,
    /// A record is done when its reply is handed to the producer.
    SettleUnwrittenReply,
    /// A record that was delivered under an epoch before is done without a call.
    DropDuplicate,
    /// A record that stops the service is done.
    AdvanceOverFailed,
    /// A transaction of unknown outcome counts as aborted, without looking.
    UnknownIsAborted,
    /// A transaction of unknown outcome counts as committed, without looking.
    UnknownIsCommitted,
    /// The producer of a transaction of unknown outcome is used for the next one.
    ReuseProducer,
    /// Offsets are committed beside the transaction, and not in it.
    OffsetsOutside,
    /// What waits for its call when the service ends is committed.
    LoseLastBatch,
    /// Records of a key are called with at once.
    TwoCallsOfAKey,
    /// A call that failed is made again at once.
    RetryAtOnce,
    /// What a call publishes is published while it runs, also when it fails then.
    PublishOfFailed,
    /// The results of a transaction that was aborted are forgotten.
    ForgetAborted,
    /// The results of a batch are published when its first record is done.
    TearBatch,
}

#[cfg(not(feature = "planted"))]
mod off {
    use super::Bug;
    use milena_core::record::{Epoch, TopicPartition};
    use std::sync::Arc;

    /// Whether this bug is switched on: there are none.
    pub(crate) const fn planted(_: Bug) -> bool {
        false
    }

    /// Whether the reader had this record before.
    pub(crate) fn had_before<T>(
        _: &Arc<T>,
        _: (&TopicPartition, Epoch),
        _: impl FnOnce() -> i64,
    ) -> bool {
        false
    }
}

#[cfg(not(feature = "planted"))]
pub(crate) use off::{had_before, planted};

#[cfg(feature = "planted")]
mod on {
    use super::Bug;
    use milena_core::record::{Epoch, TopicPartition};
    use std::{
        any::Any,
        cell::{Cell, RefCell},
        collections::HashMap,
        marker::PhantomData,
        sync::Arc,
    };

    /// Somebody who reads. It is kept, so that no other can have its place in memory.
    type Reader = Arc<dyn Any + Send + Sync>;

    /// A record as one reader has it.
    type Delivered = (usize, TopicPartition, i64);

    thread_local! {
        static BUG: Cell<Option<Bug>> = const { Cell::new(None) };
        static STRUCK: Cell<usize> = const { Cell::new(0) };
        static READERS: RefCell<Vec<Reader>> = RefCell::default();
        static DELIVERED: RefCell<HashMap<Delivered, Epoch>> = RefCell::default();
    }

    impl Bug {
        /// What it is called: `CommitSeen`.
        pub fn name(self) -> String {
            format!("{self:?}")
        }
    }

    /// A bug that is switched on, until this is dropped.
    #[derive(Debug)]
    #[must_use]
    pub struct Planted(Option<Bug>, PhantomData<*const ()>);

    impl Drop for Planted {
        fn drop(&mut self) {
            BUG.set(self.0);
        }
    }

    /// Switches a bug on for all services that run on this thread, and counts anew how often it strikes.
    ///
    /// Services on a runtime of several threads do not see it.
    pub fn plant(bug: Bug) -> Planted {
        STRUCK.set(0);
        drop((DELIVERED.take(), READERS.take()));
        Planted(BUG.replace(Some(bug)), PhantomData)
    }

    /// The same while `run` runs.
    pub fn with<T>(bug: Bug, run: impl FnOnce() -> T) -> T {
        let _planted = plant(bug);
        run()
    }

    /// How often the code of the bug was run since it was switched on, on this thread.
    pub fn struck() -> usize {
        STRUCK.get()
    }

    /// Whether this bug is switched on.
    pub(crate) fn planted(bug: Bug) -> bool {
        let is_on = BUG.get() == Some(bug);
        STRUCK.set(STRUCK.get() + usize::from(is_on));
        is_on
    }

    /// Whether the reader had this record before, under another epoch.
    pub(crate) fn had_before<T: Any + Send + Sync>(
        reader: &Arc<T>,
        (place, epoch): (&TopicPartition, Epoch),
        offset: impl FnOnce() -> i64,
    ) -> bool {
        if BUG.get() != Some(Bug::DropDuplicate) {
            return false;
        }
        let record = (number(reader.clone()), place.clone(), offset());
        let first = DELIVERED.with_borrow_mut(|it| *it.entry(record).or_insert(epoch));
        first != epoch && planted(Bug::DropDuplicate)
    }

    fn number(reader: Reader) -> usize {
        READERS.with_borrow_mut(|readers| {
            let known = readers.iter().position(|it| Arc::ptr_eq(it, &reader));
            known.unwrap_or_else(|| {
                readers.push(reader);
                readers.len() - 1
            })
        })
    }
}

#[cfg(feature = "planted")]
pub use on::{Planted, plant, struck, with};
#[cfg(feature = "planted")]
pub(crate) use on::{had_before, planted};
