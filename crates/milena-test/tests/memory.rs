//! The embedded broker passes the suite that every driver passes.

use milena_core::{record::TopicPartition, transport::BoxFuture};
use milena_memory::Memory;
use milena_test::{
    Isolated,
    conformance::{Admin, Fixture, Guarantees},
};
use std::sync::Arc;

fn memory() -> Fixture {
    fixture(Memory::new())
}

milena_test::conformance! {
    #[tokio::test(start_paused = true)]
    memory
}

mod with_small_chunks_and_without_auto_create {
    use super::{Fixture, Guarantees, Memory, fixture};

    fn memory() -> Fixture {
        let guarantees = Guarantees { refuses_unknown_topics: true, ..super::guarantees() };
        fixture(Memory::new().max_chunk(7).without_auto_create()).guarantees(guarantees)
    }

    milena_test::conformance! {
        #[tokio::test(start_paused = true)]
        memory
    }
}

mod with_everything_revoked {
    use super::{Fixture, Guarantees, Memory, fixture};
    use milena_core::transport::ConsumerConfig;

    fn memory() -> Fixture {
        let guarantees = Guarantees { rebalances_in_part: false, ..super::guarantees() };
        let config = ConsumerConfig::new().set("partition.assignment.strategy", "range");
        fixture(Memory::new()).guarantees(guarantees).config(config)
    }

    milena_test::conformance! {
        #[tokio::test(start_paused = true)]
        memory
    }
}

mod with_names_of_its_own {
    use super::{Fixture, Isolated, Memory, isolated};

    fn memory() -> Fixture {
        // The topics are created by the driver under test, and not because they are used.
        isolated(Memory::new().without_auto_create(), |isolated| isolated)
    }

    milena_test::conformance! {
        #[tokio::test(start_paused = true)]
        memory
    }

    mod without_auto_create {
        use super::{Fixture, Isolated, Memory, isolated};
        use milena_test::conformance::Guarantees;

        fn memory() -> Fixture {
            let fixture =
                isolated(Memory::new().without_auto_create(), Isolated::without_auto_create);
            let refuses = Guarantees { refuses_unknown_topics: true, ..crate::guarantees() };
            fixture.guarantees(refuses)
        }

        milena_test::conformance! {
            #[tokio::test(start_paused = true)]
            memory
        }
    }
}

fn fixture(memory: Memory) -> Fixture {
    complete(Fixture::new(memory.clone()), memory, |name| name.into())
}

/// A driver whose topics have other names at the broker.
fn isolated(memory: Memory, with: impl Fn(Isolated) -> Isolated) -> Fixture {
    let isolated = with(Isolated::new(memory.clone()));
    let names = isolated.clone();
    complete(Fixture::new(isolated), memory, move |name| names.name_of(name))
}

fn complete(
    fixture: Fixture,
    memory: Memory,
    name: impl Fn(&str) -> Arc<str> + Clone + Send + Sync + 'static,
) -> Fixture {
    memory.faults().limit_record_bytes(Some(1_000_000));
    memory.faults().limit_room(Some(100));
    let [holes, hold, release] = [(); 3].map(|()| memory.clone());
    let admin = Renaming { memory, name: Box::new(name.clone()) };
    fixture
        .with_admin(admin)
        .guarantees(guarantees())
        .hole(move |TopicPartition { topic, partition }| {
            holes.skip_offsets(&name(&topic), partition, 2);
            Box::pin(std::future::ready(()))
        })
        .hold_deliveries(
            move || hold.faults().hold_deliveries(),
            move || release.faults().release_deliveries(),
        )
}

/// Who knows what the broker calls a topic.
struct Renaming {
    memory: Memory,
    name: Name,
}

type Name = Box<dyn Fn(&str) -> Arc<str> + Send + Sync>;

impl Admin for Renaming {
    fn delete_records(&self, at: TopicPartition, before: i64) -> BoxFuture<'_, ()> {
        self.memory.delete_records(&(self.name)(&at.topic), at.partition, before);
        Box::pin(std::future::ready(()))
    }

    fn add_partitions(&self, topic: Arc<str>, total: i32) -> BoxFuture<'_, ()> {
        self.memory.add_partitions((self.name)(&topic), total);
        Box::pin(std::future::ready(()))
    }

    fn delete_topic(&self, topic: Arc<str>) -> BoxFuture<'_, ()> {
        self.memory.delete_topic((self.name)(&topic));
        Box::pin(std::future::ready(()))
    }
}

fn guarantees() -> Guarantees {
    Guarantees {
        max_record_bytes: Some(1_000_000),
        room: Some(100),
        refuses_commits_of_others: true,
        leaves_when_dropped: true,
        transactions: true,
        ..Guarantees::default()
    }
}
