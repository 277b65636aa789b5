use super::{Admin, code};
use crate::error::error;
use milena_core::{
    error::Error,
    transport::{NewTopic, TopicDescription},
};
use rdkafka::{
    admin::{ConfigResource, OwnedResourceSpecifier, ResourceSpecifier},
    error::RDKafkaErrorCode as Code,
};
use std::{collections::BTreeMap, fmt::Write as _};

/// How topics that exist differ from what was asked for, by their names; `None` where they do not.
pub(super) async fn differences<'a>(
    admin: &Admin,
    found: &[(&'a NewTopic, TopicDescription)],
) -> Result<BTreeMap<&'a str, Option<String>>, Error> {
    let configs = configs(admin, found).await?;
    let none = BTreeMap::new();
    let difference = |(topic, is): &(&'a NewTopic, TopicDescription)| {
        let config = configs.get(&*topic.name).unwrap_or(&none);
        (&*topic.name, difference(topic, is, config))
    };
    Ok(found.iter().map(difference).collect())
}

type Config = BTreeMap<String, String>;

/// The configuration of each topic that was asked to have some.
async fn configs(
    admin: &Admin,
    found: &[(&NewTopic, TopicDescription)],
) -> Result<BTreeMap<String, Config>, Error> {
    let asked = found.iter().filter(|(topic, _)| !topic.config.is_empty());
    let topics: Vec<_> = asked.map(|(topic, _)| ResourceSpecifier::Topic(&topic.name)).collect();
    if topics.is_empty() {
        return Ok(BTreeMap::new());
    }
    let failed = |code: Code| error("read the configuration of topics", code);
    let answers = admin.client.describe_configs(&topics, &Admin::options()).await;
    let answers = answers.map_err(|error| failed(code(&error)))?;
    answers.into_iter().map(|answer| answer.map(named).map_err(failed)).collect()
}

fn named(resource: ConfigResource) -> (String, Config) {
    let name = match resource.specifier {
        OwnedResourceSpecifier::Topic(name) | OwnedResourceSpecifier::Group(name) => name,
        OwnedResourceSpecifier::Broker(id) => id.to_string(),
    };
    let entries = resource.entries.into_iter();
    (name, entries.filter_map(|entry| Some((entry.name, entry.value?))).collect())
}

fn difference(topic: &NewTopic, is: &TopicDescription, config: &Config) -> Option<String> {
    let mut differs = String::new();
    let mut note = |what: &str, is: &str, asked: &str| {
        let and = if differs.is_empty() { "" } else { "; " };
        // A `String` takes whatever is written.
        let _ = write!(differs, "{and}{what}: {is}, asked for {asked}");
    };
    for (what, is, asked) in [
        ("partitions", is.partitions, topic.partitions),
        ("replication", is.replication, topic.replication),
    ] {
        if let Some(asked) = asked.filter(|asked| *asked != is) {
            note(what, &is.to_string(), &asked.to_string());
        }
    }
    for (option, asked) in &topic.config {
        match config.get(option) {
            Some(is) if same(is, asked) => {}
            is => note(option, is.map_or("not set", String::as_str), asked),
        }
    }
    (!differs.is_empty()).then_some(differs)
}

/// Whether values are the same, as lists without order where they are lists.
fn same(is: &str, asked: &str) -> bool {
    let parts = |value: &str| {
        let mut parts: Vec<_> = value.split(',').map(|part| part.trim().to_owned()).collect();
        parts.sort();
        parts
    };
    is == asked || parts(is) == parts(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: NewTopic, config: &[(&str, &str)], expected: Option<&str>) {
        let is = TopicDescription { name: asked.name.clone(), partitions: 3, replication: 1 };
        let config = config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(difference(&asked, &is, &config).as_deref(), expected);
    }

    #[test]
    fn what_was_not_asked_for_is_no_difference() {
        let topic = || NewTopic::new("t");

        check(topic(), &[("retention.ms", "1")], None);
        check(topic().partitions(3).replication(1), &[], None);
        let both = topic().compacted().deleting();
        check(both, &[("cleanup.policy", "delete, compact")], None);
    }

    #[test]
    fn all_differences_are_told() {
        let asked = NewTopic::new("t").partitions(6).replication(3).config("retention.ms", "1");

        check(
            asked.config("x", "y"),
            &[("retention.ms", "2")],
            Some(
                "partitions: 3, asked for 6; replication: 1, asked for 3; \
                 retention.ms: 2, asked for 1; x: not set, asked for y",
            ),
        );
    }
}
