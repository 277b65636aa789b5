use super::TestApp;
use std::fmt::Write as _;

/// How many calls are told of, the last ones.
const CALLS: usize = 20;

impl TestApp {
    /// What did happen, for a person to read.
    pub(super) async fn story(&self) -> String {
        let mut story = format!("the service {:?}\n", self.running);
        for cluster in &self.clusters {
            // Writing to a text does not fail.
            let _ = writeln!(story, "cluster `{}` is {:?}", cluster.name, cluster.broker);
            for topic in cluster.broker.topics() {
                let places = cluster.broker.places(&topic).await;
                let ends: i64 = cluster.broker.ends(&places).await.iter().sum();
                let _ = writeln!(story, "  topic `{topic}` ends at {ends}");
            }
            for subscribed in &cluster.subscribed {
                let places = subscribed.places(&cluster.broker).await;
                let lags = cluster.broker.lags(&subscribed.group, &places).await;
                let behind = places.iter().zip(lags).filter(|(_, lag)| *lag > 0);
                for (at, lag) in behind {
                    let group = &subscribed.group;
                    let _ = writeln!(story, "  group `{group}` is {lag} behind in {at}");
                }
            }
        }
        self.recorder.with(|calls| {
            let _ = writeln!(story, "{} calls", calls.len());
            for call in calls.iter().skip(calls.len().saturating_sub(CALLS)) {
                let _ = writeln!(story, "  {} with {call}", call.called);
            }
        });
        story
    }
}
