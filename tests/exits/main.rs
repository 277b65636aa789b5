//! Apps as whole programs: what they exit with. This program is its own child.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "these are tests"
)]

use milena::{App, Memory, Router, each, serve::Running};
use milena_core::ProducerRecord;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    future::pending,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

/// Makes this program an app, and says which.
const APP: &str = "MILENA_TEST_APP";

/// What it is told, what it gets when it is up, and what it exits with and says.
type Case = (&'static str, &'static str, &'static [Signal], i32, &'static str);

/// The name of the test, the app, the signals, the code, and what is on the standard error.
const CASES: [Case; 9] = [
    ("a_signal_ends_an_app_with_0", "well", &[Signal::SIGTERM], 0, ""),
    ("ctrl_c_ends_an_app_with_0", "well", &[Signal::SIGINT], 0, ""),
    (
        "a_signal_ends_an_app_whose_lifespan_hangs_with_0",
        "hanging lifespan",
        &[Signal::SIGTERM],
        0,
        "",
    ),
    (
        "a_second_signal_waits_for_no_call_and_ends_an_app_with_3",
        "hanging call",
        &[Signal::SIGTERM, Signal::SIGTERM],
        3,
        "before the second signal: calls have not ended with the records t/0/0",
    ),
    ("a_record_that_fails_ends_an_app_with_1", "record", &[], 1, "could not process record t/0/0"),
    (
        "a_task_that_panics_ends_an_app_with_1",
        "task",
        &[],
        1,
        "background task `task`: it panicked: out of cheese",
    ),
    ("a_lifespan_that_fails_ends_an_app_with_1", "lifespan", &[], 1, "could not set up lifespan"),
    ("an_app_without_a_topic_ends_with_2", "empty", &[], 2, "it subscribes to no topic"),
    (
        "an_unknown_cluster_in_the_environment_ends_an_app_with_2",
        "unknown cluster",
        &[],
        2,
        "could not use cluster `mars` of MILENA_CLUSTER: the app has no such cluster; it has `eu`, `us`",
    ),
];

fn main() -> ExitCode {
    if let Ok(app) = std::env::var(APP) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let code = runtime.block_on(program(&app).run());
        runtime.shutdown_timeout(Duration::from_secs(1));
        return code;
    }
    let wanted: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for (name, app, signals, code, said) in CASES {
        if wanted.is_empty() || wanted.iter().any(|it| name.contains(&**it)) {
            exits(app, signals, code, said);
            println!("test {name} ... ok");
        }
    }
    the_environment_chooses_the_default_cluster();
    println!("test the_environment_chooses_the_default_cluster ... ok");
    ExitCode::SUCCESS
}

/// The app of this name.
fn program(name: &str) -> App {
    let (eu, us) = (Memory::new(), Memory::new());
    eu.produce(ProducerRecord::new("t").value("x")).unwrap();
    us.produce(ProducerRecord::new("t").value("x")).unwrap();
    let app = App::new("Program", "1.0.0").cluster("eu", eu).cluster("us", us);
    let done = Router::new("g").subscribe("t", each(async || {}));
    match name {
        "well" | "unknown cluster" => app.router(done).background("up", up),
        "chosen cluster" => {
            let app = app.router(done);
            let default = app.clusters().find(|it| it.is_default).map(|it| it.name.to_owned());
            println!("default: {}", default.unwrap());
            app.background("up", up)
        }
        "hanging lifespan" => app.router(done).lifespan(async |_: Running| {
            println!("up");
            pending::<()>().await;
        }),
        "hanging call" => app.router(Router::new("g").subscribe("t", each(hang))),
        "record" => app.router(Router::new("g").subscribe("t", each(fail))),
        "task" => app.router(done).background("task", |_| async { panic!("out of cheese") }),
        "lifespan" => app.router(done).lifespan(|_| async { Err("no database") }),
        "empty" => app.router(Router::new("g")),
        other => panic!("there is no app `{other}`"),
    }
}

async fn up(_: milena::serve::Shutdown) {
    println!("up");
}

async fn hang() {
    println!("up");
    pending::<()>().await;
}

async fn fail() -> Result<(), std::fmt::Error> {
    Err(std::fmt::Error)
}

fn start(app: &str, cluster: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(APP, app).env_remove("MILENA_CLUSTER");
    if let Some(cluster) = cluster {
        command.env("MILENA_CLUSTER", cluster);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends the signals, the first as soon as the program is up, and looks at its end.
fn exits(app: &str, signals: &[Signal], code: i32, said: &str) {
    let mut child = start(app, (app == "unknown cluster").then_some("mars"));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    if !signals.is_empty() {
        assert_eq!(lines.next().unwrap().unwrap(), "up", "{app}");
    }
    for signal in signals {
        kill(Pid::from_raw(child.id().cast_signed()), *signal).unwrap();
        // Two that come at the same time are one.
        std::thread::sleep(Duration::from_millis(300));
    }
    let mut error = String::new();
    let asked = Instant::now();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(code), "{app}: {error}");
    assert!(error.contains(said), "{app}: {error}");
    assert_eq!(error.is_empty(), code == 0, "{app}: {error}");
    assert!(asked.elapsed() < Duration::from_secs(60), "{app} is stuck");
}

fn the_environment_chooses_the_default_cluster() {
    for (cluster, default) in [(None, "default: eu"), (Some("us"), "default: us")] {
        let mut child = start("chosen cluster", cluster);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), default);
        assert_eq!(lines.next().unwrap().unwrap(), "up");
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
