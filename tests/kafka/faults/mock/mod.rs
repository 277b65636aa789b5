//! Services on librdkafka's mock cluster, which does what it is told to. These need no broker.

mod cluster;
mod commits;
mod coordinator;
mod leaders;
mod log;
mod lost;
mod replies;
mod rig;
