//! What can be seen of the example from outside: its page of metrics, and its traces.

use super::{broker::Broker, process};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

/// The page, once there is one.
pub(super) fn page(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    Some(page)
}

/// Waits until the page has these lines.
fn wait_for(address: SocketAddr, lines: &[&str]) -> String {
    let start = Instant::now();
    loop {
        let page = page(address).unwrap_or_default();
        if lines.iter().all(|line| page.lines().any(|it| it == *line)) {
            return page;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "not there: {lines:#?}\n{page}");
        thread::sleep(Duration::from_millis(200));
    }
}

/// A port that nobody listens to.
fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn an_order_in_memory_is_a_tree_of_what_was_sent_processed_and_sent_again() {
    let said = process::run(&["--feed", "100", "--trace"]);

    // The context that came with order 7 is that of its trace.
    let mut lines = said.lines().skip_while(|line| *line != format!("trace {:032x}", 7)).skip(1);
    for (begins, has) in [
        ("  send orders ", "producer"),
        ("  └─ process orders ", "outcome done"),
        ("     └─ send invoices ", "producer"),
    ] {
        let line = lines.next().unwrap_or_else(|| panic!("no `{begins}`: {said}"));
        assert!(line.starts_with(begins) && line.contains(has), "{line}");
    }
}

#[test]
fn orders_on_kafka_are_on_the_page_of_metrics_and_each_is_a_trace() {
    let Some(broker) = Broker::start() else { return };
    let (url, address) = (format!("kafka://{}", broker.address), free());
    let page = address.to_string();
    let args = ["--broker", &url, "--feed", "100", "--trace", "--metrics", &page];
    let mut child = process::program(&args).stdout(Stdio::piped()).spawn().unwrap();

    let page = wait_for(
        address,
        &[
            r#"milena_records_settled_total{cluster="default",group="billing",topic="orders",outcome="done"} 98"#,
            r#"milena_records_settled_total{cluster="default",group="billing",topic="orders",outcome="dead_lettered"} 2"#,
            r#"milena_records_produced_total{cluster="default",topic="invoices"} 97"#,
            r#"milena_handler_seconds_count{cluster="default",group="billing",topic="orders"} 102"#,
            r#"milena_partitions{cluster="default",group="billing",state="flowing"} 6"#,
        ],
    );
    assert!(page.contains("# TYPE milena_handler_seconds histogram"), "{page}");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");

    let tree = said.lines().skip_while(|line| !line.starts_with("trace ")).take(4);
    println!("{}", tree.collect::<Vec<_>>().join("\n"));
    for line in ["  send orders ", "  └─ process orders ", "     └─ send invoices "] {
        assert!(said.lines().filter(|it| it.starts_with(line)).count() >= 8, "{said}");
    }
}
