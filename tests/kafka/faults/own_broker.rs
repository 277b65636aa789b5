//! A broker of a test's own, which may be killed.

use super::service::until;
use crate::kit::unique;
use std::{
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU16, Ordering::SeqCst},
};

/// Takes the broker down when it is dropped, if it is up.
pub(crate) struct OwnBroker {
    dir: PathBuf,
    port: u16,
}

impl OwnBroker {
    /// One that is not up yet, with the port that it will have. Nobody listens there.
    pub(crate) fn new() -> Self {
        let dir = std::env::temp_dir().join(&*unique("milena-own-broker"));
        Self { dir, port: free_port() }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) async fn up(&self) {
        let exports = self.run(&["up", "--base-port", &self.port.to_string()]).await;
        assert!(exports.contains(&self.address()), "its port was taken: {exports}");
        assert!(self.listens());
    }

    /// SIGKILL.
    pub(crate) async fn kill(&self) {
        self.run(&["kill", "1"]).await;
        // The process has no more memory by now; its sockets go a moment later.
        until("the broker is dead", async || !self.listens()).await;
    }

    /// SIGSTOP: its connections stay open and silent.
    pub(crate) async fn pause(&self) {
        self.run(&["pause", "1"]).await;
    }

    pub(crate) async fn resume(&self) {
        self.run(&["resume", "1"]).await;
    }

    /// Starts it again after a kill, with the data it had.
    pub(crate) async fn start(&self) {
        self.run(&["start", "1"]).await;
        assert!(self.listens());
    }

    pub(crate) fn listens(&self) -> bool {
        TcpStream::connect(self.address()).is_ok()
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "kafka {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/kafka"));
        command.args(arguments).arg("--dir").arg(&self.dir);
        command
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        if self.dir.exists() {
            let quiet = Stdio::null;
            let _ = self.command(&["down"]).stdout(quiet()).stderr(quiet()).status();
        }
    }
}

/// A port with nobody there, nor at the next one, which is the broker's for talking to itself. Below those
/// that the system gives to connections, so that none of them takes it before the broker is up.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes of tests begin at different places.
    let start = u16::try_from(std::process::id() % 1000).unwrap() * 8;
    let is_free = |port: &u16| {
        [*port, port + 1].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
    };
    std::iter::repeat_with(|| 11_000 + (start + 2 * NEXT.fetch_add(1, SeqCst)) % 8_000)
        .find(is_free)
        .unwrap()
}
