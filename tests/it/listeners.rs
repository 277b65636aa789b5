use crate::kit::TestApp;
use milena::{
    Record, Router, State, each,
    error::{BoxError, ErrorKind},
    router::{Rebalance, RebalanceListener, SeekTo, on_assigned, on_lost, on_revoked},
    serve::Incident,
};
use milena_core::{ProducerRecord, TopicPartition};
use milena_memory::Memory;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::Semaphore, time::sleep};

const MS: Duration = Duration::from_millis(1);

/// What happened, in order.
#[derive(Clone, Default)]
struct Story(Arc<Mutex<Vec<String>>>);

impl Story {
    fn tell(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until there are so many lines.
    async fn wait(&self, lines: usize) -> Vec<String> {
        while self.lines().len() < lines {
            sleep(MS).await;
        }
        self.lines()
    }
}

fn broker_with(partitions: i32, records: i32) -> Memory {
    let broker = Memory::new();
    broker.create_topic("t", partitions);
    for i in 0..records {
        let record = ProducerRecord::new("t").partition(i % partitions).value(i.to_string());
        broker.produce(record).unwrap();
    }
    broker
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

async fn note(record: Record, State(story): State<Story>) {
    story.tell(format!("call {}/{}", record.partition(), record.offset()));
}

/// Tells what it hears.
#[derive(Clone)]
struct Teller {
    name: &'static str,
    story: Story,
}

impl Teller {
    fn hear(&self, moment: &str, rebalance: &Rebalance) -> Result<(), BoxError> {
        let mut partitions: Vec<_> =
            rebalance.partitions().iter().map(ToString::to_string).collect();
        partitions.sort();
        self.story.tell(format!("{}{moment} {}", self.name, partitions.join(" ")));
        Ok(())
    }
}

impl RebalanceListener for Teller {
    async fn on_partitions_revoked(&self, rebalance: Rebalance) -> Result<(), BoxError> {
        self.hear("revoked", &rebalance)
    }

    async fn on_partitions_assigned(&self, rebalance: Rebalance) -> Result<(), BoxError> {
        self.hear("assigned", &rebalance)
    }

    async fn on_partitions_lost(&self, rebalance: Rebalance) -> Result<(), BoxError> {
        self.hear("lost", &rebalance)
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_join_tells_of_a_revoke_of_nothing_and_the_end_of_a_revoke_of_all() {
    let (broker, story) = (broker_with(2, 2), Story::default());
    let app = Router::new("g")
        .subscribe("t", each(note))
        .on_rebalance(Teller { name: "", story: story.clone() })
        .with_state(story.clone());
    let test = TestApp::start_on(broker, app).await;
    test.settle().await;
    test.stop().await.unwrap();

    let lines = story.lines();
    assert_eq!(lines[..2], ["revoked ", "assigned t/0 t/1"]);
    assert_eq!(lines[4..], ["revoked t/0 t/1"]);
}

#[tokio::test(start_paused = true)]
async fn no_record_is_delivered_before_the_listener_has_returned() {
    let (broker, story) = (broker_with(1, 1), Story::default());
    let gate = Arc::new(Semaphore::new(0));
    let (passed, told) = (gate.clone(), story.clone());
    let listener = on_assigned(move |_| {
        let (gate, story) = (passed.clone(), told.clone());
        async move {
            story.tell("asked");
            drop(gate.acquire().await?);
            story.tell("returned");
            Ok(())
        }
    });
    let app = Router::new("g")
        .subscribe("t", each(note))
        .on_rebalance(listener)
        .with_state(story.clone());
    let test = TestApp::start_on(broker, app).await;
    sleep(3000 * MS).await;
    assert_eq!(story.lines(), ["asked"]);
    gate.add_permits(1);
    test.settle().await;

    assert_eq!(story.lines(), ["asked", "returned", "call 0/0"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_revoke_is_told_behind_the_last_call_and_commit_and_before_the_other_member_has_it() {
    let (broker, story) = (broker_with(1, 1), Story::default());
    let gate = Arc::new(Semaphore::new(0));
    let app = |name: &'static str| {
        let (gate, story) = (gate.clone(), story.clone());
        move |record: Record| {
            let (gate, story) = (gate.clone(), story.clone());
            async move {
                story.tell(format!("{name} begins {}", record.offset()));
                gate.acquire().await.unwrap().forget();
                story.tell(format!("{name} ends {}", record.offset()));
            }
        }
    };
    let committed = {
        let (broker, story) = (broker.clone(), story.clone());
        on_revoked(move |rebalance: Rebalance| {
            let (broker, story) = (broker.clone(), story.clone());
            async move {
                if !rebalance.partitions().is_empty() {
                    let position = rebalance.position(&at(0)).await?;
                    let committed = broker.committed("g", "t", 0);
                    story.tell(format!("revoked at {position}, committed {committed:?}"));
                    rebalance.commit().await?;
                }
                Ok(())
            }
        })
    };
    let first = Router::new("g").subscribe("t", each(app("first"))).on_rebalance(committed);
    let first = TestApp::start_on(broker.clone(), first).await;
    story.wait(1).await;
    broker.produce(ProducerRecord::new("t").value("1")).unwrap();
    sleep(10 * MS).await;
    let control = first.control("g");
    let stopping = tokio::spawn(first.stop());
    let second = Router::new("g").subscribe("t", each(app("second")));
    let second = TestApp::start_on(broker.clone(), second).await;
    sleep(1000 * MS).await;
    gate.add_permits(10);
    stopping.await.unwrap().unwrap();
    second.settle().await;

    assert_eq!(
        story.lines(),
        [
            "first begins 0",
            "first ends 0",
            "revoked at 1, committed Some(1)",
            "second begins 1",
            "second ends 1"
        ]
    );
    assert_eq!(control.status().await.unwrap_err().kind(), ErrorKind::Driver);
    second.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_sought_in_an_assignment_is_where_reading_begins() {
    let (broker, story) = (broker_with(3, 9), Story::default());
    let told = story.clone();
    let seek = on_assigned(move |rebalance: Rebalance| {
        let story = told.clone();
        async move {
            story.tell(format!("{:?}", rebalance.committed(&at(0)).await?));
            rebalance.seek(&at(0), 2).await?;
            rebalance.seek(&at(1), SeekTo::End).await?;
            story.tell(format!(
                "{} {} {}",
                rebalance.position(&at(0)).await?,
                rebalance.position(&at(1)).await?,
                rebalance.position(&at(2)).await?
            ));
            rebalance.pause(&at(2))?;
            let error = rebalance.seek(&TopicPartition::new("u", 0), 0).await.unwrap_err();
            story.tell(error.to_string());
            Ok(())
        }
    });
    let app =
        Router::new("g").subscribe("t", each(note)).on_rebalance(seek).with_state(story.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    sleep(3000 * MS).await;

    assert_eq!(
        story.lines(),
        ["None", "2 3 0", "could not seek `u/0`: it is not part of this rebalance", "call 0/2"]
    );
    assert_eq!(broker.committed("g", "t", 1), Some(3), "what was sought is committed");
    test.control("g").resume(at(2)).await.unwrap();
    test.settle().await;
    assert_eq!(story.lines()[4..], ["call 2/0", "call 2/1", "call 2/2"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_fails_panics_or_hangs_does_not_wedge_the_group() {
    async fn fail(_: Rebalance) -> Result<(), BoxError> {
        Err("no database".into())
    }
    async fn panics(_: Rebalance) -> Result<(), BoxError> {
        panic!("a bug")
    }
    async fn hang(_: Rebalance) -> Result<(), BoxError> {
        std::future::pending().await
    }
    let (broker, story) = (broker_with(1, 1), Story::default());
    let app = Router::new("g")
        .subscribe("t", each(note))
        .on_rebalance(on_assigned(fail))
        .on_rebalance(on_assigned(panics))
        .on_rebalance(on_assigned(hang).on_revoked(hang))
        .listener_timeout(1000 * MS)
        .with_state(story.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    let mut incidents = test.control("g").incidents();
    test.settle().await;
    test.stop().await.unwrap();

    assert_eq!(story.lines(), ["call 0/0"]);
    let mut failures = Vec::new();
    while let Some(incident) = incidents.next().await {
        let Incident::Listener { method, error } = incident else { continue };
        failures.push(format!("{method}: {error}"));
    }
    assert_eq!(
        failures,
        [
            "on_partitions_revoked: it took longer than 1s",
            "on_partitions_assigned: no database",
            "on_partitions_assigned: it panicked",
            "on_partitions_assigned: it took longer than 1s",
            "on_partitions_revoked: it took longer than 1s",
        ]
    );
    assert_eq!(broker.members("g"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_told_as_lost_and_cannot_be_committed() {
    let (broker, story) = (broker_with(1, 1), Story::default());
    let told = story.clone();
    let commit = on_lost(move |rebalance: Rebalance| {
        let story = told.clone();
        async move {
            let error = rebalance.commit().await.unwrap_err();
            story.tell(format!("{:?}", error.kind()));
            Ok(())
        }
    });
    broker.faults().refuse_commits(1, ErrorKind::Fenced);
    let app = Router::new("g")
        .subscribe("t", each(note))
        .on_rebalance(Teller { name: "", story: story.clone() })
        .on_rebalance(commit)
        .with_state(story.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    test.settle().await;
    test.stop().await.unwrap();

    assert_eq!(broker.faults().fired().commits_refused, 1);
    assert_eq!(
        story.lines(),
        [
            "revoked ",
            "assigned t/0",
            "call 0/0",
            "lost t/0",
            "Fenced",
            "assigned t/0",
            "call 0/0",
            "revoked t/0"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_listener_of_a_subscription_hears_of_its_topics_only() {
    let (broker, story) = (broker_with(1, 0), Story::default());
    broker.create_topic("u", 1);
    let teller = |name| Teller { name, story: story.clone() };
    let app = Router::new("g")
        .subscribe("t", each(note).on_rebalance(teller("t ")))
        .subscribe("u", each(note))
        .on_rebalance(teller("all "))
        .with_state(story.clone());
    let test = TestApp::start_on(broker, app).await;
    story.wait(4).await;
    test.stop().await.unwrap();

    let lines = story.lines();
    let of = |name: &str| lines.iter().filter(|it| it.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(of("t "), ["t revoked ", "t assigned t/0", "t revoked t/0"]);
    assert_eq!(of("all "), ["all revoked ", "all assigned t/0 u/0", "all revoked t/0 u/0"]);
}
