use super::{
    service::{until, valued, write},
    view::View,
};
use crate::{
    keyed::Worker,
    kit::{kafka, topic, unique},
};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;

/// A member that is stopped for longer than its session, and goes on behind that.
#[tokio::test]
async fn a_process_that_sleeps_through_its_session_loses_nothing_and_sets_nothing_back() {
    let Some(kafka) = kafka() else { return };
    for (name, options) in [
        ("classic", &[("session.timeout.ms", "3000"), ("heartbeat.interval.ms", "500")][..]),
        ("consumer", &[("group.protocol", "consumer")]),
    ] {
        let (view, source) = (View::shared(), topic(&kafka, "zombie", 4).await);
        let group = unique("zombie");
        if name == "consumer" {
            view.alter_group(&group, "consumer.session.timeout.ms", "3000").await;
        }
        let dir = std::env::temp_dir().join(&*unique("zombie-calls"));
        std::fs::create_dir_all(&dir).unwrap();
        let start = |log: &str| Worker::start(&group, &source, options, &dir.join(log));
        let one = start("one");
        let values: Vec<_> = (0..500).map(|it| it.to_string()).collect();
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        for partition in 0..4 {
            write(&kafka, valued(&source, partition, &values)).await;
        }
        until("the first works", async || one.has_called(200)).await;
        one.signal(Signal::SIGSTOP);
        let two = start("two");
        let ends = vec![Some(500); 4];
        until("the second has all", async || {
            view.committed(&group, &source, 4).await == ends && two.has_called(1)
        })
        .await;
        one.signal(Signal::SIGCONT);
        // The zombie ends its calls, tries to commit them, and joins again.
        for partition in 0..4 {
            write(&kafka, valued(&source, partition, &["more"])).await;
        }
        let ends = vec![Some(501); 4];
        until("all is done", async || view.committed(&group, &source, 4).await == ends).await;
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let committed = view.committed(&group, &source, 4).await;
        let logs =
            tokio::task::spawn_blocking(|| [one.terminate(), two.terminate()]).await.unwrap();

        assert_eq!(committed, ends, "{name}: nothing is set back");
        let calls = crate::keyed::read(&logs);
        let ended: BTreeSet<_> =
            calls.iter().filter(|it| it.end.is_some()).map(|it| it.at).collect();
        assert_eq!(ended.len(), 4 * 501, "{name}: nothing is lost");
        let again = calls.len() - ended.len();
        println!("{name}: {} calls, {again} of them again after the sleep", calls.len());
        assert!(again > 0, "{name}: the fault did not happen");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
