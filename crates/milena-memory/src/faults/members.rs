use super::Faults;
use crate::group::GroupId;
use milena_core::transport::Fetch;
use std::sync::Arc;

/// What befalls the members of a group.
impl Faults {
    /// Takes their partitions from all members of the group. Each is told that they are lost and
    /// then joins anew.
    pub fn lose_partitions(&self, group: impl Into<Arc<str>>) {
        self.lose(group.into(), |_| true);
    }

    /// Takes its partitions from one member of the group, counted from 0 in the order of joining.
    /// The others get them at once; when it has been told that they are lost it joins anew.
    pub fn lose_member(&self, group: impl Into<Arc<str>>, member: usize) {
        self.lose(group.into(), |index| index == member);
    }

    /// Moves the generation of the group: it rebalances, which may change nothing, and the next
    /// commit of each member is refused with an error of kind `Rebalancing`; in a transaction, of kind `Aborted`.
    pub fn move_generation(&self, group: impl Into<Arc<str>>) {
        let group = GroupId::Named(group.into());
        self.0.with(|broker| broker.in_group(&group, |group, _| group.move_generation()));
    }

    /// Tells the members of the group how their fetches go: each what is said of partitions that are
    /// its own, under the epochs of its own. There is no clock here, so nobody tells else.
    ///
    /// ```
    /// # use milena_core::{record::{Epoch, TopicPartition}, transport::Fetch};
    /// # use milena_memory::Memory;
    /// # use std::time::Duration;
    /// # let memory = Memory::new();
    /// memory.faults().report_fetches("billing", [Fetch {
    ///     partition: TopicPartition::new("orders", 0),
    ///     epoch: Epoch::default(),
    ///     asked: Some(Duration::from_secs(1)),
    ///     answered: Some(Duration::from_mins(5)),
    ///     end: Some(17),
    /// }]);
    /// ```
    pub fn report_fetches(
        &self,
        group: impl Into<Arc<str>>,
        fetches: impl IntoIterator<Item = Fetch>,
    ) {
        let fetches: Vec<Fetch> = fetches.into_iter().collect();
        let group = GroupId::Named(group.into());
        self.0.with(|broker| {
            let told = broker.in_group(&group, |group, _| group.report_fetches(&fetches));
            broker.asked.fired.fetches_reported += told;
            broker.wake_group(&group);
        });
    }

    fn lose(&self, group: Arc<str>, which: impl Fn(usize) -> bool) {
        self.0.with(|broker| {
            let lost = broker.in_group(&GroupId::Named(group), |group, _| {
                let members = group.members().into_iter().enumerate();
                let lost: Vec<_> = members.filter(|(index, _)| which(*index)).collect();
                lost.iter().filter(|(_, id)| group.fence(*id)).count()
            });
            broker.asked.fired.members_lost += lost;
        });
    }
}
