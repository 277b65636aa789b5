//! What has to hold, each with a history in which it does and one in which it does not.

mod bounds;
mod commits;
mod duplicates;
mod ends;
mod handover;
mod loss;
mod once;
mod order;
mod retries;

use crate::{Broken, facts::Facts};

pub(crate) type Check = fn(&Facts<'_>) -> Result<(), Broken>;

/// All of them; what tells most of a fault stands first.
pub(crate) const ALL: [Check; 13] = [
    ends::fails_loud,
    ends::stops_in_time,
    commits::commits_are_safe,
    commits::commits_are_owned,
    order::order_is_kept,
    handover::hand_over_is_quiet,
    duplicates::duplicates_are_bounded,
    retries::retries_are_kept,
    once::results_go_with_their_offsets,
    once::results_are_seen_once,
    bounds::nobody_is_missed,
    bounds::what_is_held_is_bounded,
    loss::nothing_is_lost,
];
