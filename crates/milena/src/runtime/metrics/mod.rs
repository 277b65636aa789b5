//! What the runtime counts, as metrics of the `metrics` facade. Counters are summed and published from time to
//! time, so that a record costs no look at a recorder.

mod produced;
mod publish;
mod series;
pub(super) mod table;

pub(crate) use self::{produced::counted, series::Labels};
pub(super) use self::{
    publish::{Meter, PartitionGauges},
    series::Series,
    table::HANDLER_SECONDS,
};

/// How often metrics are published.
const EVERY: std::time::Duration = std::time::Duration::from_secs(1);
