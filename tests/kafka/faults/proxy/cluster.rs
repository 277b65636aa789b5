//! A cluster of a test's own, each broker of which advertises the address of a proxy.

use super::{link::serve, plan::Plan};
use crate::{
    faults::view::View,
    kit::{self, unique},
};
use milena_rdkafka::Kafka;
use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
};

/// As many start and run at once, however many tests do.
static FEW: Semaphore = Semaphore::const_new(2);

/// Taken down when it is dropped.
pub(super) struct Proxied {
    dir: PathBuf,
    /// What is to go wrong, broker by broker.
    pub(super) plans: Vec<Plan>,
    /// Where clients find it.
    near: String,
    /// Where it is, past the proxies.
    far: String,
    _links: JoinSet<()>,
    _turn: SemaphorePermit<'static>,
}

impl Proxied {
    /// One broker, if the tests that need a Kafka are to run.
    pub(super) async fn start() -> Option<Self> {
        Self::start_nodes(1).await
    }

    pub(super) async fn start_nodes(nodes: usize) -> Option<Self> {
        kit::kafka()?;
        let turn = FEW.acquire().await.unwrap();
        let mut listeners = Vec::new();
        for _ in 0..nodes {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let ports = listeners.iter().map(|it| it.local_addr().unwrap().port().to_string());
        let ports: Vec<_> = ports.collect();
        let dir = std::env::temp_dir().join(&*unique("milena-proxied"));
        let mut up = script(&dir, "up");
        up.args(["--nodes", &nodes.to_string(), "--proxied", &ports.join(",")]);
        let output = tokio::task::spawn_blocking(move || up.output().unwrap()).await.unwrap();
        let near: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let far = exported(&output, "KAFKA_BROKERS");
        let (mut links, mut plans) = (JoinSet::new(), Vec::new());
        let brokers = exported(&output, "KAFKA_PROXIED");
        for (listener, broker) in listeners.into_iter().zip(brokers.split(',')) {
            let plan = Plan::new();
            links.spawn(serve(listener, broker.to_owned(), plan.clone()));
            plans.push(plan);
        }
        Some(Self { dir, plans, near: near.join(","), far, _links: links, _turn: turn })
    }

    /// The only broker's.
    pub(super) fn plan(&self) -> &Plan {
        &self.plans[0]
    }

    /// The addresses of the proxies.
    pub(super) fn near(&self) -> &str {
        &self.near
    }

    /// The cluster through the proxies.
    pub(super) fn kafka(&self) -> Kafka {
        Kafka::new(&*self.near)
    }

    /// The cluster without them.
    pub(super) fn beside(&self) -> Kafka {
        Kafka::new(&*self.far)
    }

    pub(super) fn view(&self) -> View {
        View::of(&self.far)
    }
}

impl Drop for Proxied {
    fn drop(&mut self) {
        let quiet = Stdio::null;
        let _ = script(&self.dir, "down").stdout(quiet()).stderr(quiet()).status();
    }
}

fn script(dir: &std::path::Path, command: &str) -> Command {
    let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/kafka"));
    script.arg(command).arg("--dir").arg(dir);
    script
}

/// The value that it exports under this name.
fn exported(output: &Output, name: &str) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
    value.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr))).to_owned()
}
