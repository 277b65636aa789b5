//! Apps as whole programs: what they exit with.
#![allow(clippy::unwrap_used, missing_docs, reason = "these are tests")]

use nix::{
    sys::signal::{
        Signal::{self, SIGINT, SIGTERM},
        kill,
    },
    unistd::Pid,
};
use std::{
    io::{BufRead as _, BufReader, Lines, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
};

#[test]
fn a_signal_ends_an_app_with_0() {
    let mut app = Program::start("well", None);
    app.says("up");
    app.signal(SIGTERM);
    app.exits_with(0, "");
}

#[test]
fn ctrl_c_ends_an_app_with_0() {
    let mut app = Program::start("well", None);
    app.says("up");
    app.signal(SIGINT);
    app.exits_with(0, "");
}

#[test]
fn a_signal_ends_an_app_whose_lifespan_hangs_with_0() {
    let mut app = Program::start("hanging lifespan", None);
    app.says("up");
    app.signal(SIGTERM);
    app.exits_with(0, "");
}

#[test]
fn a_second_signal_waits_for_no_call_and_ends_an_app_with_3() {
    let mut app = Program::start("hanging call", None);
    app.says("up");
    app.signal(SIGTERM);
    // Two that come at the same time are one.
    app.says("ending");
    app.signal(SIGTERM);
    let said = "before the second signal: calls have not ended with the records t/0/0";
    app.exits_with(3, said);
}

#[test]
fn a_record_that_fails_ends_an_app_with_1() {
    Program::start("record", None).exits_with(1, "could not process record t/0/0");
}

#[test]
fn a_task_that_panics_ends_an_app_with_1() {
    let said = "background task `task`: it panicked: out of cheese";
    Program::start("task", None).exits_with(1, said);
}

#[test]
fn a_lifespan_that_fails_ends_an_app_with_1() {
    Program::start("lifespan", None).exits_with(1, "could not set up lifespan");
}

#[test]
fn an_app_without_a_topic_ends_with_2() {
    Program::start("empty", None).exits_with(2, "it subscribes to no topic");
}

#[test]
fn an_unknown_cluster_in_the_environment_ends_an_app_with_2() {
    let said = "could not use cluster `mars` of MILENA_CLUSTER: the app has no such cluster; it has `eu`, `us`";
    Program::start("well", Some("mars")).exits_with(2, said);
}

#[test]
fn the_environment_chooses_the_default_cluster() {
    for (cluster, default) in [(None, "default: eu"), (Some("us"), "default: us")] {
        let mut app = Program::start("chosen cluster", cluster);
        app.says(default);
        app.says("up");
        app.signal(SIGTERM);
        app.exits_with(0, "");
    }
}

/// An app of `program.rs`, in a process of its own.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(app: &str, cluster: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exiting-app"));
        command.arg(app).env_remove("MILENA_CLUSTER");
        if let Some(cluster) = cluster {
            command.env("MILENA_CLUSTER", cluster);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for the next line that it prints, which is this.
    fn says(&mut self, line: &str) {
        assert_eq!(self.lines.next().unwrap().unwrap(), line);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for its end: the code, and what is on the standard error.
    fn exits_with(mut self, code: i32, said: &str) {
        let mut error = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{error}");
        assert!(error.contains(said), "{error}");
        assert_eq!(error.is_empty(), code == 0, "{error}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
