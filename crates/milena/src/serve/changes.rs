use crate::{
    control::{Ask, Control},
    router::{Router, Scope},
};
use milena_core::error::{Error, ErrorKind};
use std::sync::Arc;

impl Control {
    /// Adds the subscriptions of `router`, which is of the same group, while the group runs. They have the
    /// prefix, the layers and all else that is said of `router`, and outside of that what is said of the
    /// app, or of the router that is served, as if `router` had been added to it beforehand.
    ///
    /// Records that were delivered before are not delivered again: a subscription to a topic that is
    /// read already begins with what comes next.
    ///
    /// # Errors
    ///
    /// The router is of another group, what is in it does not go together, or the service does not run.
    pub async fn add(&self, router: Router) -> Result<(), Error> {
        let outer = self.ask(Ask::Outer).await?;
        let router = match outer.downcast_ref::<Scope>() {
            Some(outer) => router.within(outer),
            None => router,
        };
        let mut offered = Vec::new();
        for group in router.assembled()? {
            if group.name() != self.group() {
                let message = format!(
                    "could not add subscriptions of group `{}` to group `{}`",
                    group.name(),
                    self.group(),
                );
                return Err(Error::new(ErrorKind::Config, message));
            }
            if let Some(publisher) = group.publishers().first() {
                let message = format!(
                    "could not add a router with publishers to group `{}` while it runs: the one to `{}`, \
                     declared at {}, has to be that of a router or an app before it is served",
                    self.group(),
                    publisher.target().topic(),
                    publisher.at,
                );
                return Err(Error::new(ErrorKind::Config, message));
            }
            offered.extend(group.offered());
        }
        self.ask(|reply| Ask::Add(offered, reply)).await?
    }

    /// Takes these topics, or patterns as they were written, out of all subscriptions of the group.
    ///
    /// What runs may end, and what is done is committed.
    ///
    /// # Errors
    ///
    /// The group subscribes to none of them, or the service does not run.
    pub async fn remove<T: Into<Arc<str>>>(
        &self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let topics = topics.into_iter().map(Into::into).collect();
        self.ask(|reply| Ask::Remove(topics, reply)).await?
    }
}
