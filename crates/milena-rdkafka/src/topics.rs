use crate::{
    error::{error, refused},
    offload::offload,
    options::Options,
};
use milena_core::{
    error::{Error, ErrorKind},
    transport::NewTopic,
};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic as Topic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode as Code},
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long the broker may take to answer.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the brokers may take to tell each other of a topic.
const SPREAD: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(50);

type Admin = AdminClient<DefaultClientContext>;

/// Creates the topics that do not exist, and waits until the broker tells of them.
pub(crate) async fn create(
    options: &Options,
    brokers: &str,
    topics: Vec<NewTopic>,
) -> Result<(), Error> {
    if topics.is_empty() {
        return Ok(());
    }
    let admin: Admin = options.admin(brokers)?.create().map_err(|error| refused(&error))?;
    let asked: Vec<_> = topics.iter().map(asked).collect();
    let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
    let answers = admin.create_topics(&asked, &options).await;
    // The client ends there, too, because that blocks.
    offload("kafka-admin", move || {
        for answer in answers.map_err(|error| failed(&error))? {
            if let Err((name, code)) = answer
                && code != Code::TopicAlreadyExists
            {
                return Err(error(&format!("create topic `{name}`"), code));
            }
        }
        wait_for(&admin, &topics);
        Ok(())
    })
    .await
    .unwrap_or_else(|| {
        Err(Error::new(ErrorKind::Driver, "could not create topics: there is no thread for it"))
    })
}

fn asked(topic: &NewTopic) -> Topic<'_> {
    Topic::new(&topic.name, topic.partitions.unwrap_or(-1), TopicReplication::Fixed(-1))
}

fn failed(failure: &KafkaError) -> Error {
    match failure {
        KafkaError::AdminOpCreation(cause) => {
            Error::new(ErrorKind::Config, format!("could not create topics: {cause}"))
        }
        failure => error("create topics", failure.rdkafka_error_code().unwrap_or(Code::Unknown)),
    }
}

fn wait_for(admin: &Admin, topics: &[NewTopic]) {
    let until = Instant::now() + SPREAD;
    for topic in topics {
        while !is_there(admin, &topic.name) {
            if Instant::now() > until {
                tracing::warn!(
                    topic = &*topic.name,
                    "a topic was created, and the broker does not tell of it yet"
                );
                return;
            }
            thread::sleep(STEP);
        }
    }
}

fn is_there(admin: &Admin, name: &str) -> bool {
    let Ok(metadata) = admin.inner().fetch_metadata(Some(name), SPREAD) else { return false };
    metadata.topics().iter().any(|topic| {
        let partitions = topic.partitions();
        topic.error().is_none()
            && !partitions.is_empty()
            && partitions.iter().all(|partition| partition.leader() >= 0)
    })
}
