//! Services on a real Kafka when something is wrong: each test makes sure that it was.

mod broker;
mod churn;
mod dead_letters;
mod drain;
mod fencing;
mod haste;
mod holes;
mod late_answer;
mod mock;
mod options;
pub(crate) mod own_broker;
mod refused_letters;
mod replies;
mod room;
mod service;
mod shutdown;
mod silence;
mod storm;
mod topics;
pub(crate) mod view;
mod watchdog;
mod zombie;
