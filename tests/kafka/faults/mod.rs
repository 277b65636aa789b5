//! Services on a real Kafka when something is wrong: each test makes sure that it was.

mod breaker;
mod broker;
mod child;
mod churn;
mod dead_letters;
mod drain;
mod fencing;
mod holes;
mod idle;
mod late_answer;
mod options;
pub(crate) mod own_broker;
mod poison;
mod refused_letters;
mod replies;
mod room;
mod service;
mod shutdown;
mod silence;
mod slow_sink;
mod storm;
pub(crate) mod view;
mod watchdog;
mod zombie;
