//! Kafka passes the suite that every driver passes, however its groups agree.

use crate::kit::{self, STUCK, unique};
use milena_core::TopicPartition;
use milena_rdkafka::Kafka;
use milena_test::conformance::{Fixture, Guarantees};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};

mod cooperative {
    use super::{Fixture, fixture};

    fn kafka() -> Option<Fixture> {
        fixture(|kafka| kafka)
    }

    milena_test::conformance! {
        #[tokio::test]
        kafka
    }
}

mod range {
    use super::{Fixture, fixture};

    fn kafka() -> Option<Fixture> {
        fixture(|kafka| kafka.set("partition.assignment.strategy", "range"))
    }

    // Every rebalance takes everything from everybody, so four promises cannot be looked at: they want
    // a member to keep what it is not asked for.
    milena_test::conformance! {
        @each [#[tokio::test]] kafka:
            creating_a_topic_twice_is_fine
            a_topic_has_the_partitions_it_was_created_with
            an_unknown_topic_is_named
            records_come_back_byte_for_byte
            a_key_decides_the_partition
            a_named_partition_is_respected
            a_receipt_says_where_the_record_is
            a_missing_partition_is_refused_by_the_receipt
            a_record_too_large_is_refused_by_the_receipt
            flush_leaves_nothing_unanswered
            a_full_producer_has_room_later
            a_dropped_producer_gives_every_receipt_back
            records_keep_their_order_within_a_partition
            many_partitions_are_read_whole_and_in_order
            a_new_group_begins_at_the_earliest_record
            a_new_group_begins_at_the_latest_if_asked_to
            a_start_offset_given_to_assign_is_used
            nothing_is_read_before_assign
            a_waiting_member_is_woken_by_a_record
            a_parked_partition_waits_for_nobody_else
            a_parked_partition_goes_on_where_it_stopped
            a_commit_is_answered_once
            a_group_resumes_at_its_committed_offset
            two_groups_read_and_commit_on_their_own
            a_group_can_commit_past_a_trailing_hole
            a_commit_of_what_is_another_members_is_refused
            a_member_gets_only_topics_it_subscribes_to
            a_closed_member_hands_everything_to_the_other
            a_member_can_close_before_it_has_joined
            a_dropped_member_leaves_the_group
            every_record_is_read_once_when_revokes_commit
    }
}

mod by_broker {
    use super::{Fixture, fixture};
    use milena_rdkafka::GroupProtocol;

    fn kafka() -> Option<Fixture> {
        fixture(|kafka| kafka.group_protocol(GroupProtocol::Consumer))
    }

    milena_test::conformance! {
        #[tokio::test]
        kafka
    }
}

const ROOM: usize = 100;
/// What a record may have with everything that Kafka puts around it.
const MAX_RECORD_BYTES: usize = 1_048_576;

fn fixture(with: impl Fn(Kafka) -> Kafka) -> Option<Fixture> {
    let kafka = kit::kafka()?.set("queue.buffering.max.messages", ROOM.to_string());
    let guarantees = Guarantees {
        patience: STUCK,
        max_record_bytes: Some(MAX_RECORD_BYTES),
        room: Some(ROOM),
        refuses_unknown_topics: true,
        refuses_commits_of_others: true,
        leaves_when_dropped: true,
        ..Guarantees::default()
    };
    let fixture = Fixture::new(with(kafka)).guarantees(guarantees).hole(|place| {
        Box::pin(async move { tokio::task::spawn_blocking(move || hole(&place)).await.unwrap() })
    });
    Some(fixture)
}

/// Two offsets without a record that can be read: one that was taken back, and the marker that says so.
fn hole(place: &TopicPartition) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", std::env::var("KAFKA_BROKERS").unwrap());
    let producer: BaseProducer = config.set("transactional.id", &*unique("hole")).create().unwrap();
    producer.init_transactions(STUCK).unwrap();
    producer.begin_transaction().unwrap();
    let record = BaseRecord::<(), str>::to(&place.topic).partition(place.partition).payload("x");
    producer.send(record).unwrap();
    producer.flush(STUCK).unwrap();
    // Aborting wants somebody to poll.
    std::thread::scope(|scope| {
        let abort = scope.spawn(|| producer.abort_transaction(STUCK));
        while !abort.is_finished() {
            producer.poll(std::time::Duration::from_millis(10));
        }
        abort.join().unwrap().unwrap();
    });
}
