//! A process that answers: this test binary, started again.

use milena::{Router, each, unordered};
use milena_rdkafka::Kafka;
use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Names what it answers, and makes this test one that does.
const TOPIC: &str = "MILENA_TEST_ANSWERS";
const GROUP: &str = "MILENA_TEST_ANSWERERS";

/// A process that answers, until this is dropped.
pub(super) struct Answerer(Child);

impl Answerer {
    pub(super) fn start(group: &str, topic: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["requests::answerer::answers_when_it_is_asked_to", "--exact", "--nocapture"])
            .env(TOPIC, topic)
            .env(GROUP, group)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// What its answers say who gave them.
    pub(super) fn name(&self) -> String {
        self.0.id().to_string()
    }

    /// SIGKILL.
    pub(super) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Takes 0 to 4 ms, and says who answers.
async fn double(number: u64) -> String {
    tokio::time::sleep(Duration::from_millis(number % 5)).await;
    format!("{} {}", number * 2, std::process::id())
}

#[test]
fn answers_when_it_is_asked_to() {
    let (Ok(topic), Ok(group)) = (std::env::var(TOPIC), std::env::var(GROUP)) else { return };
    let kafka = Kafka::from_env()
        .unwrap()
        // Who is killed is missed soon.
        .set("session.timeout.ms", "1000")
        .set("heartbeat.interval.ms", "300");
    let answering = each(async |text: String| double(text.parse().unwrap()).await);
    let router = Router::new(group).subscribe(topic, answering.answer().concurrency(unordered(64)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(milena::serve(kafka, router).into_future()).unwrap();
}
