use super::Calls;
use milena_core::extract::FromRecord;
use std::fmt::Debug;

/// Asserts, which tell what did happen where it is something else.
impl Calls {
    /// Checks that there was exactly one call.
    ///
    /// # Panics
    ///
    /// If there was none, or more.
    #[track_caller]
    pub fn assert_called_once(&self) {
        assert_eq!(self.count(), 1, "\nexpected one call\n{self:?}");
    }

    /// Checks that there was no call.
    ///
    /// # Panics
    ///
    /// If there was one.
    #[track_caller]
    pub fn assert_not_called(&self) {
        assert_eq!(self.count(), 0, "\nexpected no call\n{self:?}");
    }

    /// Checks that one of the calls was with this.
    ///
    /// # Panics
    ///
    /// If there was none such.
    #[track_caller]
    pub fn assert_called_with<T: FromRecord<()> + PartialEq + Debug>(&self, arguments: T) {
        let calls = self.arguments::<T>();
        let found = calls.contains(&arguments);
        assert!(
            found,
            "\nexpected a call with {arguments:?}\nand those were with {calls:?}\n{self:?}"
        );
        drop(arguments);
    }

    /// Checks that there was exactly one call, and that it was with this.
    ///
    /// # Panics
    ///
    /// If there was none, more, or one with something else.
    #[track_caller]
    pub fn assert_called_once_with<T: FromRecord<()> + PartialEq + Debug>(&self, arguments: T) {
        self.assert_called_once();
        self.assert_called_with(arguments);
    }

    /// Waits until there were so many calls, and they have ended.
    ///
    /// # Panics
    ///
    /// If that is not so in time: [`patience`](crate::Builder::patience), 10 s by default.
    pub async fn wait_for(&self, count: usize) {
        let enough = || {
            self.with(|calls| calls.iter().filter(|call| call.ending.is_some()).count()) >= count
        };
        self.wait_until(&format!("{count} calls have ended"), enough).await;
    }

    /// Waits until so many calls have begun, whether or not they have ended.
    ///
    /// # Panics
    ///
    /// If that is not so in time: [`patience`](crate::Builder::patience), 10 s by default.
    pub async fn wait_for_begun(&self, count: usize) {
        self.wait_until(&format!("{count} calls have begun"), || self.count() >= count).await;
    }

    /// Waits for a call with this.
    ///
    /// # Panics
    ///
    /// If there is none in time: [`patience`](crate::Builder::patience), 10 s by default.
    pub async fn wait_for_call_with<T: FromRecord<()> + PartialEq + Debug>(&self, arguments: T) {
        let what = format!("there is a call with {arguments:?}");
        self.wait_until(&what, || self.arguments::<T>().contains(&arguments)).await;
    }

    async fn wait_until(&self, what: &str, enough: impl Fn() -> bool) {
        let waited = async {
            loop {
                let changed = self.recorder.changed();
                if enough() {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(self.patience, waited).await.is_err() {
            panic!("waited {:?} in vain until {what}\n{self:?}", self.patience);
        }
    }
}
