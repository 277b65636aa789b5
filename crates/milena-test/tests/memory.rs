//! The embedded broker passes the suite that every driver passes.

use milena_core::record::TopicPartition;
use milena_memory::Memory;
use milena_test::conformance::{Fixture, Guarantees};

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

fn fixture(memory: Memory) -> Fixture {
    memory.faults().limit_record_bytes(Some(1_000_000));
    memory.faults().limit_room(Some(100));
    let [holes, hold, release, admin] = [(); 4].map(|()| memory.clone());
    Fixture::new(memory)
        .with_admin(admin)
        .guarantees(guarantees())
        .hole(move |TopicPartition { topic, partition }| {
            holes.skip_offsets(&topic, partition, 2);
            Box::pin(std::future::ready(()))
        })
        .hold_deliveries(
            move || hold.faults().hold_deliveries(),
            move || release.faults().release_deliveries(),
        )
}

fn guarantees() -> Guarantees {
    Guarantees {
        max_record_bytes: Some(1_000_000),
        room: Some(100),
        refuses_commits_of_others: true,
        leaves_when_dropped: true,
        ..Guarantees::default()
    }
}
