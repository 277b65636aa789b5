use super::{
    attempt::{Part, look_up},
    outputs::{Span, Together},
    plan::{Plan, Source},
};
use crate::runtime::{Note, conductor::Conductor, partition::Partition};
use milena_core::record::{Epoch, TopicPartition};
use std::time::Duration;
use tokio::{sync::oneshot, time::sleep};

/// How long a member whose id went to another waits until it has heard which partitions it has.
const MOMENT: Duration = Duration::from_secs(1);

/// What is read again, because it cannot be published as it is.
impl Conductor {
    /// The id of these partitions went to another member, with which the partitions may have gone. What is still ours
    /// in a moment is read again from what is committed.
    pub(super) fn begin_anew(&mut self, key: Option<i32>, parts: Vec<Part>) {
        let mut ours = Vec::new();
        for Part { place, epoch, .. } in parts {
            if let Some(partition) = self.partition(&place, epoch) {
                partition.plan = Plan { is_torn: true, ..Plan::default() };
                ours.push((place, epoch));
            }
        }
        let Some(once) = &mut self.once else { return };
        let (lookup, note, group) = (once.lookup.clone(), once.note.clone(), self.group.clone());
        once.tasks.spawn(async move {
            sleep(MOMENT).await;
            let places: Vec<_> = ours.iter().map(|(place, _)| place.clone()).collect();
            let committed = look_up(&*lookup, &group, places).await;
            let anew = ours.into_iter().zip(committed).map(|((at, epoch), to)| (at, epoch, to));
            // Nobody listens any more only when the group has ended.
            let _ = note.send(Note::Anew(key, anew.collect()));
        });
    }

    /// These partitions begin anew, as far as they are still ours.
    pub(crate) fn anew(
        &mut self,
        key: Option<i32>,
        committed: Vec<(TopicPartition, Epoch, Option<i64>)>,
    ) {
        let mut is_ours = false;
        for (place, epoch, committed) in committed {
            let Some(partition) = self.partition(&place, epoch) else { continue };
            let Some(to) = committed.or(partition.offsets.last_committed()) else { continue };
            is_ours = true;
            let (reply, _) = oneshot::channel();
            self.seek(place, to, reply);
        }
        if is_ours {
            self.once.iter_mut().for_each(|once| once.open(key));
        }
    }

    /// What has a result together with records that are another member's now is read again: that member publishes
    /// its part anew.
    pub(crate) fn read_torn_again(&mut self) {
        if self.once.is_none() {
            return;
        }
        let ours = |span: &Span| {
            let partition = self.partitions.get(&span.place);
            partition.is_some_and(|it| it.assignment.epoch == span.epoch)
        };
        let torn = |batch: &Together| !batch.spans.iter().all(ours);
        let is_torn = |partition: &Partition| {
            let planned = partition.plan.results.iter().any(|planned| match &planned.of {
                Source::Batch(batch, _) => torn(batch),
                Source::Chunk(_) => false,
            });
            !partition.plan.is_torn
                && (planned || partition.offsets.batches().any(|batch| torn(&batch)))
        };
        let places: Vec<_> = self
            .partitions
            .iter()
            .filter(|(_, it)| is_torn(it))
            .map(|(at, _)| at.clone())
            .collect();
        for place in places {
            let Some(partition) = self.partitions.get_mut(&place) else { continue };
            partition.plan = Plan { is_torn: true, ..Plan::default() };
            let Some(from) = partition.offsets.last_committed() else { continue };
            tracing::warn!(group = %self.group, partition = %place, from, "batches with records of a partition that was given up are read again");
            let (reply, _) = oneshot::channel();
            self.seek(place, from, reply);
        }
    }
}
