//! The suite that every driver passes: one function for each promise of [`milena_core::transport`].
//!
//! A driver's crate says how its broker is reached, and [`conformance!`](macro@crate::conformance)
//! makes a test of each promise:
//!
//! ```
//! use milena_memory::Memory;
//! use milena_test::conformance::Fixture;
//!
//! fn memory() -> Fixture {
//!     Fixture::new(Memory::new())
//! }
//!
//! milena_test::conformance! {
//!     #[tokio::test(start_paused = true)]
//!     memory
//! }
//! # fn main() {}
//! ```
//!
//! Not every driver can promise everything: its [`Guarantees`] say what it claims beyond the rest,
//! and a promise that is not claimed is not tested. Every topic and every group is new in each test, so
//! the tests may run at the same time and against a broker that others use, too.

mod admin;
mod alone;
mod commits;
mod drive;
mod entry;
mod fixture;
mod groups;
mod handovers;
mod inbox;
mod lookup;
mod member;
mod park;
mod produce;
mod read;
mod reset;
mod seek;
mod select;
mod start;
mod story;
mod topics;
mod transactions;

pub use self::{
    admin::Admin,
    alone::{
        a_commit_without_a_group_is_an_error, consumers_without_a_group_read_everything,
        named_partitions_are_read_by_everybody, named_partitions_need_no_group,
        other_partitions_can_be_named_later,
    },
    commits::{
        a_commit_is_answered_once, a_commit_of_what_is_another_members_is_refused,
        a_group_can_commit_past_a_trailing_hole, a_group_resumes_at_its_committed_offset,
        two_groups_read_and_commit_on_their_own,
    },
    fixture::{Fixture, Guarantees},
    groups::{
        a_closed_member_hands_everything_to_the_other, a_dropped_member_leaves_the_group,
        a_member_can_close_before_it_has_joined, a_member_gets_only_topics_it_subscribes_to,
        a_second_member_gets_some_partitions_and_the_first_keeps_the_rest,
    },
    handovers::{
        a_revoked_partition_goes_on_at_its_committed_offset,
        a_revoked_partition_stays_its_members_until_released,
        every_record_is_read_once_when_revokes_commit,
        nothing_old_arrives_when_a_partition_comes_back,
    },
    lookup::{a_lookup_finds_the_bounds, a_lookup_finds_times, a_lookup_finds_what_is_committed},
    park::{a_parked_partition_goes_on_where_it_stopped, a_parked_partition_waits_for_nobody_else},
    produce::{
        a_dropped_producer_gives_every_receipt_back, a_full_producer_has_room_later,
        a_key_decides_the_partition, a_missing_partition_is_refused_by_the_receipt,
        a_named_partition_is_respected, a_receipt_says_where_the_record_is,
        a_record_too_large_is_refused_by_the_receipt, flush_leaves_nothing_unanswered,
        records_come_back_byte_for_byte,
    },
    read::{
        a_new_group_begins_at_the_earliest_record, a_new_group_begins_at_the_latest_if_asked_to,
        a_start_offset_given_to_assign_is_used, a_waiting_member_is_woken_by_a_record,
        many_partitions_are_read_whole_and_in_order, nothing_is_read_before_assign,
        records_keep_their_order_within_a_partition,
    },
    reset::{
        a_deleted_offset_becomes_the_end, a_deleted_offset_becomes_the_oldest_record,
        a_deleted_offset_is_an_error_if_that_is_wanted, a_seek_behind_the_end_is_reset,
        a_seek_to_a_deleted_offset_is_reset,
    },
    seek::{
        a_member_reads_on_where_it_sought, a_parked_partition_moves_and_stays_parked,
        a_seek_before_the_first_record_counts, seeks_are_answered_in_their_order,
    },
    select::{
        a_pattern_takes_topics_when_they_come, a_topic_that_is_no_longer_selected_is_given_up,
        a_topic_that_is_selected_later_is_read_too, new_partitions_are_picked_up,
    },
    start::{
        a_committed_offset_goes_before_the_start, a_new_group_begins_at_a_time,
        a_new_group_begins_at_offsets, a_new_group_begins_at_the_end_when_no_record_is_so_young,
        a_new_group_begins_so_long_ago, to_have_committed_nothing_can_be_an_error,
    },
    topics::{
        a_producer_counts_the_partitions_of_a_topic,
        a_topic_has_the_partitions_it_was_created_with, a_topic_that_is_created_again_begins_anew,
        an_unknown_topic_is_named, creating_a_topic_twice_is_fine, topics_are_described,
        what_became_of_each_topic_is_said, what_differs_of_a_topic_is_said,
    },
    transactions::{
        a_member_speaks_only_for_partitions_of_its_own,
        a_new_assignment_waits_for_the_open_transaction, a_reader_waits_for_the_open_transaction,
        a_refused_record_leaves_nothing_but_to_abort,
        a_second_session_fences_the_first_and_ends_its_transaction,
        an_uncommitted_reader_reads_what_is_aborted, offsets_move_with_the_commit_alone,
        offsets_of_an_older_generation_are_refused, publishing_without_a_transaction_is_refused,
        transactions_follow_each_other, what_is_aborted_is_never_read,
        what_is_committed_is_known_when_the_transaction_ends,
        what_is_committed_together_is_read_whole,
    },
};

/// One test for each promise, of the [`Fixture`] that the function returns.
///
/// The attributes are those of the tests. The function may also return an `Option`: the tests pass
/// without a look at anything when it is `None`.
///
/// ```
/// # use milena_memory::Memory;
/// # use milena_test::conformance::Fixture;
/// fn kafka() -> Option<Fixture> {
///     let brokers = std::env::var("KAFKA_BROKERS").ok()?;
/// #   let connect = |_: &str| Memory::new();
///     Some(Fixture::new(connect(&brokers)))
/// }
///
/// milena_test::conformance! {
///     #[tokio::test]
///     kafka
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance {
    (@one [$($attributes:tt)*] $fixture:path, $promise:ident) => {
        $($attributes)*
        async fn $promise() {
            let fixture: Option<$crate::conformance::Fixture> = $fixture().into();
            if let Some(fixture) = fixture {
                $crate::conformance::$promise(&fixture).await;
            }
        }
    };
    (@each $attributes:tt $fixture:path: $($promise:ident)*) => {
        $($crate::conformance!(@one $attributes $fixture, $promise);)*
    };
    ($(#[$($attribute:tt)*])+ $fixture:path) => {
        $crate::conformance! { @each [$(#[$($attribute)*])+] $fixture:
            creating_a_topic_twice_is_fine
            a_topic_has_the_partitions_it_was_created_with
            an_unknown_topic_is_named
            what_became_of_each_topic_is_said
            what_differs_of_a_topic_is_said
            topics_are_described
            a_producer_counts_the_partitions_of_a_topic
            a_topic_that_is_created_again_begins_anew
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
            a_second_member_gets_some_partitions_and_the_first_keeps_the_rest
            a_member_gets_only_topics_it_subscribes_to
            a_closed_member_hands_everything_to_the_other
            a_member_can_close_before_it_has_joined
            a_dropped_member_leaves_the_group
            a_revoked_partition_stays_its_members_until_released
            a_revoked_partition_goes_on_at_its_committed_offset
            every_record_is_read_once_when_revokes_commit
            nothing_old_arrives_when_a_partition_comes_back
            a_member_reads_on_where_it_sought
            a_seek_before_the_first_record_counts
            seeks_are_answered_in_their_order
            a_parked_partition_moves_and_stays_parked
            a_topic_that_is_selected_later_is_read_too
            a_topic_that_is_no_longer_selected_is_given_up
            a_pattern_takes_topics_when_they_come
            new_partitions_are_picked_up
            named_partitions_are_read_by_everybody
            other_partitions_can_be_named_later
            named_partitions_need_no_group
            consumers_without_a_group_read_everything
            a_commit_without_a_group_is_an_error
            a_new_group_begins_at_a_time
            a_new_group_begins_at_the_end_when_no_record_is_so_young
            a_new_group_begins_so_long_ago
            a_new_group_begins_at_offsets
            a_committed_offset_goes_before_the_start
            to_have_committed_nothing_can_be_an_error
            a_deleted_offset_becomes_the_oldest_record
            a_deleted_offset_becomes_the_end
            a_deleted_offset_is_an_error_if_that_is_wanted
            a_seek_to_a_deleted_offset_is_reset
            a_seek_behind_the_end_is_reset
            a_lookup_finds_what_is_committed
            a_lookup_finds_the_bounds
            a_lookup_finds_times
            what_is_committed_together_is_read_whole
            what_is_aborted_is_never_read
            an_uncommitted_reader_reads_what_is_aborted
            a_reader_waits_for_the_open_transaction
            transactions_follow_each_other
            a_second_session_fences_the_first_and_ends_its_transaction
            publishing_without_a_transaction_is_refused
            a_refused_record_leaves_nothing_but_to_abort
            offsets_move_with_the_commit_alone
            what_is_committed_is_known_when_the_transaction_ends
            a_new_assignment_waits_for_the_open_transaction
            offsets_of_an_older_generation_are_refused
            a_member_speaks_only_for_partitions_of_its_own
        }
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn the_macro_knows_every_promise() {
        let promises: BTreeSet<&str> = [
            include_str!("topics.rs"),
            include_str!("produce.rs"),
            include_str!("read.rs"),
            include_str!("park.rs"),
            include_str!("commits.rs"),
            include_str!("groups.rs"),
            include_str!("handovers.rs"),
            include_str!("seek.rs"),
            include_str!("select.rs"),
            include_str!("alone.rs"),
            include_str!("start.rs"),
            include_str!("reset.rs"),
            include_str!("lookup.rs"),
            include_str!("transactions/mod.rs"),
            include_str!("transactions/offsets.rs"),
        ]
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| Some(line.strip_prefix("pub async fn ")?.split_once('(')?.0))
        .collect();

        let list = include_str!("mod.rs").split_once("$fixture:\n").unwrap().1;
        let tested: BTreeSet<&str> = list.split_once('}').unwrap().0.split_whitespace().collect();

        assert_eq!(tested, promises);
    }
}
