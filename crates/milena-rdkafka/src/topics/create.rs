use super::{Admin, Client, SPREAD, STEP, code, compare, look};
use crate::{
    error::{config, error},
    offload::offload,
};
use milena_core::{
    error::Error,
    transport::{Creation, NewTopic, TopicDescription},
};
use rdkafka::{
    admin::{NewTopic as Asked, TopicReplication},
    error::{KafkaError, RDKafkaErrorCode as Code},
};
use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

/// For how long a cluster that cannot create topics now is asked again.
const AGAIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

pub(super) fn check(topics: &[NewTopic]) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    for topic in topics {
        topic.validate()?;
        if !names.insert(&topic.name) {
            return Err(config(format!(
                "could not create topic `{}`: it is named twice",
                topic.name
            )));
        }
    }
    Ok(())
}

pub(super) async fn create(admin: &Admin, topics: &[NewTopic]) -> Result<Vec<Creation>, Error> {
    let existed = ask(admin, topics).await?;
    let names = topics.iter().map(|topic| topic.name.clone()).collect();
    let known = admin.each(names, |client, name| Ok(known(client, name))).await?;
    let found: Vec<_> = topics
        .iter()
        .zip(known)
        .filter(|(topic, _)| existed.contains(&*topic.name))
        .map(|(topic, known)| known.map(|description| (topic, description)))
        .collect::<Result<_, _>>()?;
    let differences = compare::differences(admin, &found).await?;
    Ok(topics
        .iter()
        .map(|topic| match differences.get(&*topic.name) {
            None => Creation::Created,
            Some(None) => Creation::Existed,
            Some(Some(differs)) => {
                tracing::warn!(
                    topic = &*topic.name,
                    "a topic is not as it was asked for: {differs}"
                );
                Creation::Differs(differs.clone())
            }
        })
        .collect())
}

/// Has the topics created, and says which of them existed.
async fn ask<'a>(admin: &Admin, topics: &'a [NewTopic]) -> Result<BTreeSet<&'a str>, Error> {
    let (until, mut existed) = (Instant::now() + AGAIN, BTreeSet::new());
    let mut open: Vec<&NewTopic> = topics.iter().collect();
    loop {
        let asked: Vec<_> = open.iter().map(|topic| asked(topic)).collect();
        let answers = admin.client.create_topics(&asked, &Admin::options()).await;
        let answers = answers.or_else(|error| all_failed(&error, &open))?;
        let mut again = Vec::new();
        for (topic, answer) in open.iter().zip(answers) {
            match answer {
                Ok(_) => {}
                Err((_, Code::TopicAlreadyExists)) => drop(existed.insert(&*topic.name)),
                Err((_, code)) if passes(code) && Instant::now() < until => again.push(*topic),
                Err((_, code)) => {
                    return Err(error(&format!("create topic `{}`", topic.name), code));
                }
            }
        }
        if again.is_empty() {
            return Ok(existed);
        }
        open = again;
        offload("kafka-admin", || thread::sleep(PAUSE)).await;
    }
}

type Answer = Result<String, (String, Code)>;

fn all_failed(failure: &KafkaError, open: &[&NewTopic]) -> Result<Vec<Answer>, Error> {
    match failure {
        KafkaError::AdminOpCreation(cause) => {
            Err(config(format!("could not create topics: {cause}")))
        }
        KafkaError::Nul(_) => Err(config(
            "could not create topics: the configuration of one has a null character".into(),
        )),
        failure => {
            Ok(open.iter().map(|topic| Err((topic.name.to_string(), code(failure)))).collect())
        }
    }
}

/// Whether the cluster is only between two states, and the same can work soon.
fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::NotController
            | Code::LeaderNotAvailable
            | Code::BrokerNotAvailable
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::BrokerTransportFailure
            | Code::ThrottlingQuotaExceeded
    )
}

fn asked(topic: &NewTopic) -> Asked<'_> {
    let replication = TopicReplication::Fixed(topic.replication.unwrap_or(-1));
    let asked = Asked::new(&topic.name, topic.partitions.unwrap_or(-1), replication);
    topic.config.iter().fold(asked, |asked, (option, value)| asked.set(option, value))
}

/// What the broker says of a topic that is there, as soon as it does.
fn known(client: &Client, name: &str) -> Result<TopicDescription, Error> {
    let until = Instant::now() + SPREAD;
    let failed = loop {
        match look(client, name, until) {
            Ok(Some(description)) => return Ok(description),
            Ok(None) if Instant::now() < until => thread::sleep(STEP),
            Ok(None) => {
                break error(&format!("describe topic `{name}`"), Code::UnknownTopicOrPartition);
            }
            Err(failed) => break failed,
        }
    };
    tracing::warn!(topic = name, error = %failed, "a topic is there, and the broker does not tell of it yet");
    Err(failed)
}
