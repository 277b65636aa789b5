//! What an administrator does: topics are created, and described.

mod compare;
mod create;
mod ears;

use self::ears::Heard;
use crate::{
    error::{error, refused},
    offload::offload,
    options::Options,
    security::Identity,
};
use milena_core::{
    error::{Error, ErrorKind},
    transport::{Creation, NewTopic, TopicDescription},
};
use rdkafka::{
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode as Code},
    metadata::MetadataTopic,
};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// How long the broker may take to answer.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the brokers may take to tell each other of a topic.
const SPREAD: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(50);

/// Creates the topics that do not exist, and waits until the broker tells of them.
pub(crate) async fn create(
    options: &Options,
    brokers: &str,
    topics: Vec<NewTopic>,
) -> Result<Vec<Creation>, Error> {
    create::check(&topics)?;
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let admin = Admin::new(options, brokers)?;
    admin.heard.unless_refused(create::create(&admin, &topics)).await
}

/// Describes the topics that exist.
pub(crate) async fn describe(
    options: &Options,
    brokers: &str,
    topics: Vec<Arc<str>>,
) -> Result<Vec<Option<TopicDescription>>, Error> {
    topics.iter().try_for_each(|name| NewTopic::new(name.clone()).validate())?;
    let admin = Admin::new(options, brokers)?;
    let look = admin.each(topics, |client, name| look(client, name, Instant::now() + SPREAD));
    admin.heard.unless_refused(look).await
}

pub(crate) type Client = AdminClient<DefaultClientContext>;

/// A client that ends on a thread of its own, because that blocks.
struct Admin {
    client: Arc<Client>,
    heard: Arc<Heard>,
}

impl Admin {
    fn new(options: &Options, brokers: &str) -> Result<Self, Error> {
        let config = options.admin(brokers)?;
        let client: Client = config.create().map_err(|error| refused(&error))?;
        let (client, heard) = (Arc::new(client), Arc::<Heard>::default());
        let mut identity = Identity::new(&options.security, &config);
        identity.enroll(&client)?;
        heard.listen(client.clone(), identity);
        Ok(Self { client, heard })
    }

    fn options() -> AdminOptions {
        AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER))
    }

    /// Asks for each topic on a thread, because asking blocks.
    async fn each<T: Send + 'static>(
        &self,
        topics: Vec<Arc<str>>,
        ask: impl Fn(&Client, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<Vec<T>, Error> {
        let client = self.client.clone();
        let asked = offload("kafka-admin", move || {
            topics.iter().map(|name| ask(&client, name)).collect::<Result<Vec<_>, _>>()
        });
        asked.await.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Driver,
                "could not describe topics: there is no thread for it",
            ))
        })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.heard.end();
        let client = self.client.clone();
        drop(offload("kafka-admin", move || drop(client)));
    }
}

/// What the broker says of a topic, as soon as it knows all of it.
fn look(client: &Client, name: &str, until: Instant) -> Result<Option<TopicDescription>, Error> {
    loop {
        match look_once(client, name) {
            Ok(description) => return Ok(Some(description)),
            Err(Code::UnknownTopic | Code::UnknownTopicOrPartition) => return Ok(None),
            Err(Code::LeaderNotAvailable) if Instant::now() < until => thread::sleep(STEP),
            Err(code) => return Err(error(&format!("describe topic `{name}`"), code)),
        }
    }
}

fn look_once(client: &Client, name: &str) -> Result<TopicDescription, Code> {
    let metadata =
        client.inner().fetch_metadata(Some(name), ANSWER).map_err(|error| code(&error))?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
    let topic = topic.ok_or(Code::UnknownTopicOrPartition)?;
    match topic.error() {
        Some(error) => Err(error.into()),
        None => describe_one(topic),
    }
}

fn describe_one(topic: &MetadataTopic) -> Result<TopicDescription, Code> {
    let partitions = topic.partitions();
    let replication = partitions.iter().map(|it| it.replicas().len()).min();
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    match replication {
        Some(replication) if partitions.iter().all(|it| it.leader() >= 0) => Ok(TopicDescription {
            name: topic.name().into(),
            partitions: count(partitions.len()),
            replication: count(replication),
        }),
        _ => Err(Code::LeaderNotAvailable),
    }
}

fn code(error: &KafkaError) -> Code {
    match error {
        KafkaError::AdminOp(code) => *code,
        error => error.rdkafka_error_code().unwrap_or(Code::Unknown),
    }
}
