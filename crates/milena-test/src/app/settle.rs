use super::{TestApp, cluster::Cluster, time};
use crate::broker::Broker;
use futures_util::future::select_all;
use milena_core::error::Error;
use std::time::Duration;

/// How long to wait before what no broker tells of is looked at again.
const AGAIN: Duration = Duration::from_millis(20);

/// Waiting for the service.
impl TestApp {
    /// Waits until every group has committed all there is in its topics, or the service has ended in good order.
    ///
    /// What handlers publish meanwhile counts, where the service reads it. A router without a group
    /// commits nothing: it is waited for until it is done with all there is.
    ///
    /// # Panics
    ///
    /// If the service ended because it failed; or if a minute was not enough, and in paused time if a day
    /// was not.
    pub async fn settle(&self) {
        if let Err(error) = self.try_settle().await {
            panic!("{error}");
        }
    }

    /// The same for a test that expects the service to fail.
    ///
    /// # Errors
    ///
    /// What the service ended with, because it failed.
    ///
    /// # Panics
    ///
    /// If a minute was not enough, and in paused time if a day was not.
    pub async fn try_settle(&self) -> Result<(), Error> {
        let settled = async {
            loop {
                let changed = self.changed();
                if self.running.has_ended() || self.is_settled().await {
                    return;
                }
                tokio::select! {
                    () = changed => {}
                    () = self.running.ended() => {}
                }
            }
        };
        self.in_time("everything is settled", settled).await;
        self.running.told()
    }

    /// Waits until the service has ended because it failed, and says why.
    ///
    /// # Panics
    ///
    /// If it ended in good order, or did not end in time ([`patience`](super::Builder::patience), 10 s by
    /// default).
    pub async fn failure(&self) -> Error {
        let ended = tokio::time::timeout(self.patience, self.running.ended()).await.is_ok();
        match self.running.told() {
            Err(error) => error,
            Ok(()) if ended => {
                panic!("the service ended, and did not fail\n{}", self.story().await)
            }
            Ok(()) => {
                let (patience, story) = (self.patience, self.story().await);
                panic!("waited {patience:?} in vain until the service fails\n{story}");
            }
        }
    }

    /// Waits until this is true, looking again whenever something has changed.
    ///
    /// ```
    /// # use milena::{Router, each};
    /// # use milena_test::TestApp;
    /// # async fn bill() -> &'static str { "paid" }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # let test = TestApp::start(Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"))).await;
    /// # test.publish("orders", "{}").await;
    /// test.eventually("there is an invoice", |test| test.records("invoices").len() == 1).await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not so in time ([`patience`](super::Builder::patience), 10 s by default), with what did
    /// happen; or if the service ended before because it failed.
    pub async fn eventually(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let held = async {
            loop {
                let changed = self.changed();
                let ended = self.running.has_ended();
                if holds(self) {
                    return true;
                }
                if ended {
                    return false;
                }
                tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep(AGAIN) => {}
                    () = self.running.ended() => {}
                }
            }
        };
        match tokio::time::timeout(self.patience, held).await {
            Ok(true) => {}
            Ok(false) => panic!("the service ended before {what}\n{}", self.story().await),
            Err(_) => {
                let (patience, story) = (self.patience, self.story().await);
                panic!("waited {patience:?} in vain until {what}\n{story}");
            }
        }
    }

    /// Waits until the service is set up, or has ended.
    pub(super) async fn set_up(&self, set_up: impl Future<Output = ()>) {
        let set_up = async {
            tokio::select! {
                () = set_up => {}
                () = self.running.ended() => {}
            }
        };
        self.in_time("the service is set up", set_up).await;
    }

    /// Waits until the groups have their partitions, or the service has ended.
    pub(super) async fn joined(&self) {
        let joined = async {
            for subscribed in self.clusters.iter().flat_map(|cluster| &cluster.subscribed) {
                while !self.running.has_ended() && !subscribed.has_joined().await {
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        self.in_time("all groups have joined", joined).await;
    }

    /// Waits for this, which everything of a test may take so long for.
    async fn in_time(&self, what: &str, waited: impl Future<Output = ()>) {
        let within = time::settled_within();
        if tokio::time::timeout(within, waited).await.is_err() {
            panic!("waited {within:?} in vain until {what}\n{}", self.story().await);
        }
    }

    /// Whether all is committed, and nothing came while that was looked at.
    async fn is_settled(&self) -> bool {
        for cluster in self.clusters.iter().filter(|it| matches!(it.broker, Broker::Real(_))) {
            for subscribed in &cluster.subscribed {
                subscribed.hurry().await;
            }
        }
        loop {
            let before = self.ends().await;
            for cluster in &self.clusters {
                if !cluster.is_settled().await {
                    return false;
                }
            }
            if self.ends().await == before {
                return true;
            }
        }
    }

    async fn ends(&self) -> Vec<i64> {
        let mut ends = Vec::new();
        for cluster in &self.clusters {
            ends.extend(cluster.ends().await);
        }
        ends
    }

    /// Waits until a broker has changed since this call, or until it is time to look again.
    fn changed(&self) -> impl Future<Output = ()> + use<> {
        let changed = self.clusters.iter().map(|cluster| Box::pin(cluster.broker.changed()));
        let (changed, alone) = (select_all(changed), self.clusters.iter().any(Cluster::is_silent));
        async move {
            if alone {
                let _ = tokio::time::timeout(AGAIN, changed).await;
            } else {
                changed.await;
            }
        }
    }
}
