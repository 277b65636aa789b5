//! The apps whose ends are tested: the argument says which.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "it is for tests")]

use milena::{
    App, Memory, Router, each,
    serve::{Running, Shutdown},
};
use milena_core::ProducerRecord;
use std::{future::pending, process::ExitCode, time::Duration};

fn main() -> ExitCode {
    let app = app(&std::env::args().nth(1).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let code = runtime.block_on(app.run());
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

/// The app of this name.
fn app(name: &str) -> App {
    let (eu, us) = (Memory::new(), Memory::new());
    eu.produce(ProducerRecord::new("t").value("x")).unwrap();
    us.produce(ProducerRecord::new("t").value("x")).unwrap();
    let app = App::new("Program", "1.0.0").cluster("eu", eu).cluster("us", us);
    let done = Router::new("g").subscribe("t", each(async || {}));
    match name {
        "well" => app.router(done).background("up", up),
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
        "hanging call" => {
            app.router(Router::new("g").subscribe("t", each(hang))).background("ending", ending)
        }
        "record" => app.router(Router::new("g").subscribe("t", each(fail))),
        "task" => app.router(done).background("task", |_| async { panic!("out of cheese") }),
        "lifespan" => app.router(done).lifespan(|_| async { Err("no database") }),
        "empty" => app.router(Router::new("g")),
        other => panic!("there is no app `{other}`"),
    }
}

async fn up(_: Shutdown) {
    println!("up");
}

async fn ending(shutdown: Shutdown) {
    shutdown.begun().await;
    println!("ending");
}

async fn hang() {
    println!("up");
    pending::<()>().await;
}

async fn fail() -> Result<(), std::fmt::Error> {
    Err(std::fmt::Error)
}
