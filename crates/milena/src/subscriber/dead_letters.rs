use std::sync::Arc;

/// What the topics of dead letters end with, if nothing else is said.
const SUFFIX: &str = ".dead";

/// Where the dead letters of a subscription go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DeadLetters {
    /// To the topic of the record, with `.dead` behind its name.
    BesideEach,
    /// To this topic.
    To(Arc<str>),
}

impl DeadLetters {
    /// The topic that the dead letters of records of `topic` go to.
    pub(crate) fn of(&self, topic: &Arc<str>) -> Arc<str> {
        match self {
            Self::BesideEach => format!("{topic}{SUFFIX}").into(),
            Self::To(dead) => dead.clone(),
        }
    }

    /// Whether dead letters of a subscription that `takes` these topics go to `topic`.
    pub(crate) fn go_to(&self, topic: &str, takes: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::BesideEach => topic.strip_suffix(SUFFIX).is_some_and(takes),
            Self::To(dead) => **dead == *topic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_go_beside_the_topic_or_to_the_one_that_is_named() {
        let topic = "orders".into();

        assert_eq!(&*DeadLetters::BesideEach.of(&topic), "orders.dead");
        assert_eq!(&*DeadLetters::To("graves".into()).of(&topic), "graves");
    }

    #[test]
    fn a_topic_is_one_of_dead_letters_if_its_source_is_taken() {
        let takes = |topic: &str| topic.starts_with("orders");
        let beside = DeadLetters::BesideEach;

        assert!(beside.go_to("orders.eu.dead", takes));
        assert!(!beside.go_to("orders.eu", takes));
        assert!(!beside.go_to("invoices.dead", takes), "its source is not taken");
        assert!(DeadLetters::To("graves".into()).go_to("graves", takes));
        assert!(!DeadLetters::To("graves".into()).go_to("orders.dead", takes));
    }
}
