//! What can be said of a router only when it is whole.

use super::{Group, Options, Router, Subscription, Topics, TransactionalIds, names};
use crate::subscriber::{AckPolicy, Policy};
use milena_core::{
    error::{Error, ErrorKind},
    transport::Selection,
};
use std::borrow::Cow;

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Its groups, when everything in them goes together.
    pub(crate) fn assembled(self) -> Result<Vec<Group<S>>, Error> {
        let mut groups = self.sealed();
        // Who only has other routers in it is no group.
        let says_nothing = |own: &Group<S>| own.is_empty() && own.options == Options::default();
        if groups.len() > 1 && says_nothing(&groups[0]) {
            groups.remove(0);
        }
        for group in &groups {
            check(group).map_err(|message| Error::new(ErrorKind::Config, message))?;
        }
        Ok(groups)
    }

    /// The same for those who are told of a mistake by a panic.
    #[track_caller]
    #[expect(clippy::panic, reason = "said at assembly, where a router is written once")]
    pub(crate) fn into_groups(self) -> Vec<Group<S>> {
        match self.assembled() {
            Ok(groups) => groups,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A subscription with everything that its routers say of it.
struct Whole<'a, S> {
    subscription: &'a Subscription<S>,
    topics: Cow<'a, Topics>,
    policy: Policy,
}

fn check<S>(group: &Group<S>) -> Result<(), String> {
    let all: Vec<_> = group.subscriptions.iter().map(Whole::new).collect();
    for (place, new) in all.iter().enumerate() {
        new.check()?;
        if group.name.is_none() {
            new.check_alone()?;
        }
        for old in &all[..place] {
            new.check_beside(old, group.name())?;
        }
    }
    if group.name.is_none() && group.options.says_when_to_commit() {
        return Err(
            "a router without a group commits nothing: `.commit_interval` and `.commit_every` \
                    say nothing of it"
                .into(),
        );
    }
    if let Some(ids) = &group.options.exactly_once {
        check_transactions(group)?;
        all.iter().try_for_each(|it| it.check_transactional(ids))?;
    }
    Ok(())
}

/// Whether a group can publish exactly once.
fn check_transactions<S>(group: &Group<S>) -> Result<(), String> {
    if group.name.is_none() {
        return Err("a router without a group commits nothing: `.exactly_once` cannot be".into());
    }
    let isolation = group.options.consumer.get("isolation.level");
    if isolation.is_some_and(|level| level != "read_committed") {
        return Err(format!(
            "group `{}` is to publish exactly once with `isolation.level=read_uncommitted`: \
             a transaction that is still open would be passed over",
            group.name()
        ));
    }
    Ok(())
}

impl<'a, S> Whole<'a, S> {
    fn new(subscription: &'a Subscription<S>) -> Self {
        let scopes = &subscription.scopes;
        Self {
            subscription,
            topics: subscription.topics(scopes),
            policy: subscription.policy(scopes),
        }
    }

    fn check(&self) -> Result<(), String> {
        let (at, scopes) = (self.subscription.at, &self.subscription.scopes);
        let prefixes: Vec<_> =
            scopes.prefixed_at().map(|at| format!(", prefixed at {at}")).collect();
        let place = format!("{at}{}", prefixes.concat());
        let check_name = |topic: &str| match names::is_possible(topic) {
            true => Ok(()),
            false => Err(format!("{} (subscribed to at {place})", names::refused(topic))),
        };
        self.topics.all_names().iter().try_for_each(|topic| check_name(topic))?;
        if let Some(letters) = self.policy.failing.dead_letters() {
            for dead in self.topics.dead_letters(letters) {
                if !self.topics.has_patterns() {
                    check_name(&dead)?;
                }
                if self.topics.takes_back(letters, &dead) {
                    return Err(format!(
                        "dead letters would come back to their subscription, which takes topic `{dead}` \
                         (subscribed to at {place})"
                    ));
                }
            }
        }
        let replies = self.subscription.describe("", scopes);
        let operations = std::iter::once(&replies.operation).chain(&replies.alternatives);
        for reply in operations.flat_map(|operation| &operation.replies) {
            if !names::is_possible(&reply.topic) {
                let handler = replies.operation.handler;
                return Err(format!(
                    "{} (`{handler}` publishes to it, subscribed at {place})",
                    names::refused(&reply.topic)
                ));
            }
        }
        Ok(())
    }

    /// Whether it makes sense without a group.
    fn check_alone(&self) -> Result<(), String> {
        if self.subscription.says_ack() {
            return Err(format!(
                "a router without a group commits nothing: `.ack` says nothing of the subscription at {}",
                self.subscription.at
            ));
        }
        Ok(())
    }

    /// Whether its results can be published exactly once.
    fn check_transactional(&self, ids: &TransactionalIds) -> Result<(), String> {
        let at = self.subscription.at;
        if self.policy.ack == AckPolicy::OnReceive {
            return Err(format!(
                "what is acknowledged on receipt cannot be published exactly once: the subscription at {at}"
            ));
        }
        if ids.is_per_partition() && self.policy.batching.across_partitions {
            return Err(format!(
                "batches across partitions take one transactional id, not one for each partition: the \
                 subscription at {at}"
            ));
        }
        Ok(())
    }

    /// Whether both can be read by one consumer.
    fn check_beside(&self, old: &Self, group: &str) -> Result<(), String> {
        let (was, is) = (old.subscription.at, self.subscription.at);
        let by_partition = |it: &Self| matches!(it.topics.selection(), Selection::Partitions(_));
        if by_partition(self) != by_partition(old) {
            return Err(format!(
                "group `{group}` subscribes to topics and to certain partitions, at {was} and at {is}: \
                 that takes two routers"
            ));
        }
        let Some(topic) = old.topics.shared_with(&self.topics) else { return Ok(()) };
        let options = |it: &Self| (it.policy.ack, it.policy.concurrency);
        if options(old) != options(self) {
            let ((ack, order), (other_ack, other_order)) = (options(old), options(self));
            return Err(format!(
                "group `{group}` subscribes to topic `{topic}` twice, with options that do not go \
                 together: {ack:?} with {order:?} at {was}, and {other_ack:?} with {other_order:?} at {is}"
            ));
        }
        let is_same = was == is && self.subscription.handlers().eq(old.subscription.handlers());
        // A closure may have something else in it each time.
        let is_function = self.subscription.handlers().all(|name| !name.contains("{{closure}}"));
        if is_same && is_function {
            return Err(format!(
                "group `{group}` subscribes to topic `{topic}` twice at {is}, with the same handler: \
                 each record would be handled twice"
            ));
        }
        Ok(())
    }
}
