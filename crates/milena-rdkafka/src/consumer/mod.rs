//! A consumer: a thread that polls librdkafka, and the handle the runtime has of it.

mod bell;
mod calls;
mod close;
mod commit;
mod errands;
mod fetches;
mod follow;
mod generation;
mod lookup;
mod mailbox;
mod member;
mod offsets;
mod origin;
mod partitions;
mod query;
mod read;
mod rebalance;
mod records;
mod resets;
mod settings;
mod starts;
mod statistics;
mod step;
mod topics;
mod trouble;
mod worker;

pub(crate) use self::commit::list as list_of_offsets;

use self::{lookup::Lookups, mailbox::Mailbox, member::Member, settings::Settings, worker::Worker};
use crate::{native::Client, options::Options};
use milena_core::{
    error::Error,
    transport::{Consumer, Membership},
};
use std::sync::Arc;

/// Begins to read.
pub(crate) fn join(
    options: &Options,
    brokers: &str,
    membership: Membership,
) -> Result<Box<dyn Consumer>, Error> {
    let (mut settings, config) = Settings::new(options, brokers, membership)?;
    let mailbox = Arc::new(Mailbox::default());
    let bell = mailbox.clone();
    let client = Arc::new(Client::consumer(&config, move || bell.bell.ring())?);
    settings.identity.enroll(&client)?;
    let lookups = Lookups::new(&client, mailbox.clone(), settings.group.is_some());
    Worker::start(client, mailbox.clone(), settings)?;
    Ok(Box::new(Member::new(mailbox, lookups)))
}
