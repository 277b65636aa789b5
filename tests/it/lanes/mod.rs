//! Calls side by side: by key, unordered, and by partition beside them.

mod acks;
mod ahead;
mod batches;
mod by_key;
mod fairness;
mod giving_up;
mod history;
mod model;
mod outcomes;
mod script;
mod spy;
mod unordered;
