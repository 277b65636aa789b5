use crate::kit;
use std::{
    path::PathBuf,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A broker of the test's own, as the example's topics and its group have fixed names; or three, which can be killed
/// one by one.
pub(crate) struct Broker {
    pub(crate) address: String,
    folder: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

/// These tests keep every core busy, so they run one after the other.
static ALONE: Mutex<()> = Mutex::new(());

impl Broker {
    /// Starts one, if the tests that need a Kafka are to run.
    pub(super) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Three nodes, of which one may be away.
    pub(crate) fn start_three() -> Option<Self> {
        Self::start_with(&["--nodes", "3"])
    }

    fn start_with(options: &[&str]) -> Option<Self> {
        kit::kafka()?;
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = std::env::temp_dir().join(&*kit::unique("milena-quickstart"));
        let output = script().args(["up", "--dir"]).arg(&folder).args(options).output().unwrap();
        let exports = String::from_utf8(output.stdout).unwrap();
        let address = exports
            .lines()
            .find_map(|line| line.strip_prefix("export KAFKA_BROKERS="))
            .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        Some(Self { address: address.to_owned(), folder, _alone: alone })
    }

    /// Kills this node, and starts it again.
    pub(super) fn bounce(&self, node: usize) {
        self.kill(node);
        self.revive(node);
    }

    /// Ends this node as one is that is to come again, and starts it.
    pub(super) fn restart(&self, node: usize) {
        self.run("stop", node);
        self.revive(node);
    }

    /// SIGKILL.
    pub(crate) fn kill(&self, node: usize) {
        self.run("kill", node);
    }

    /// Starts it with the data it had.
    pub(crate) fn revive(&self, node: usize) {
        self.run("start", node);
    }

    fn run(&self, command: &str, node: usize) {
        let (node, dir) = (node.to_string(), ["--dir".as_ref(), self.folder.as_os_str()]);
        let done = script().arg(command).arg(&node).args(dir).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = script().args(["down", "--dir"]).arg(&self.folder).output();
    }
}

fn script() -> Command {
    Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/kafka"))
}
