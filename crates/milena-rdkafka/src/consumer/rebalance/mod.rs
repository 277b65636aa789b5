mod held;
mod moves;

use self::held::{Held, Offer, Phase, Revoke};
use super::step::{Call, FENCED, Kind, LOST, Notice, Op, SUPERSEDED, Step, Ticket};
use milena_core::record::{Epoch, TopicPartition};
use std::collections::HashMap;

/// What this member holds, and which rebalances wait for an answer.
///
/// It decides and does nothing: each call gives the steps that follow from it, in order.
#[derive(Debug, Default)]
pub(super) struct Rebalance {
    held: HashMap<TopicPartition, Held>,
    /// Assignments that the runtime has not answered.
    offers: Vec<Offer>,
    /// Revokes that librdkafka waits for, in the order in which they came.
    revokes: Vec<Revoke>,
    epoch: Epoch,
    ticket: Ticket,
    /// Whether there was an assignment.
    has_heard: bool,
    closing: bool,
}

impl Rebalance {
    /// librdkafka asked for something.
    pub(super) fn on(&mut self, op: Op) -> Vec<Step> {
        let mut steps = Vec::new();
        match op.kind {
            Kind::Assign => self.on_assign(op, &mut steps),
            Kind::Revoke | Kind::Lose => self.on_revoke(op, &mut steps),
        }
        steps
    }

    /// The runtime answered an assignment.
    pub(super) fn assign(
        &mut self,
        seen: Ticket,
        starts: Vec<(TopicPartition, Option<i64>)>,
    ) -> Vec<Step> {
        let offsets: HashMap<_, _> = starts.into_iter().collect();
        let answers = |offer: &Offer| {
            offer.told <= seen && offer.partitions.iter().any(|at| offsets.contains_key(at))
        };
        let (answered, open) = std::mem::take(&mut self.offers).into_iter().partition(answers);
        self.offers = open;
        let begin = |offer| self.begin(offer, &offsets);
        answered.into_iter().map(begin).collect()
    }

    /// The runtime released partitions that it was told to.
    pub(super) fn release(&mut self, seen: Ticket, partitions: Vec<TopicPartition>) -> Vec<Step> {
        let released: Vec<_> = partitions
            .into_iter()
            .filter(|at| self.phase(at).is_some_and(|phase| phase.is_revoking_since(seen)))
            .collect();
        if released.is_empty() {
            return Vec::new();
        }
        released.iter().for_each(|at| self.set(at, Phase::Ended));
        let mut steps = vec![Step::End(released)];
        self.answer_revokes(&mut steps);
        steps
    }

    /// The group went on without this member, of whose assignments this was the latest.
    pub(super) fn fence(&mut self, latest: Epoch) -> Vec<Step> {
        let mut steps = Vec::new();
        let (fenced, open) =
            std::mem::take(&mut self.offers).into_iter().partition(|offer: &Offer| {
                offer
                    .partitions
                    .iter()
                    .all(|at| self.held.get(at).is_some_and(|held| held.assigned <= latest))
            });
        self.offers = open;
        for offer in fenced {
            steps.push(self.begin(offer, &HashMap::new()));
        }
        let lost: Vec<_> = self
            .held
            .iter()
            .filter(|(_, held)| held.assigned <= latest && held.phase != Phase::Ended)
            .map(|(at, _)| at.clone())
            .collect();
        self.lose(lost, FENCED, &mut steps);
        self.answer_revokes(&mut steps);
        steps
    }

    /// From now on everything is answered at once, and the runtime is told nothing more.
    pub(super) fn close(&mut self) -> Vec<Step> {
        self.closing = true;
        let offers = std::mem::take(&mut self.offers);
        let mut steps: Vec<_> =
            offers.into_iter().map(|offer| self.begin(offer, &HashMap::new())).collect();
        let ended: Vec<_> = self.held.keys().cloned().collect();
        ended.iter().for_each(|at| self.set(at, Phase::Ended));
        steps.push(Step::End(ended));
        self.answer_revokes(&mut steps);
        steps
    }

    /// The partitions that were given to this member and not taken back.
    pub(super) fn held(&self) -> impl Iterator<Item = &TopicPartition> {
        self.held.keys()
    }

    /// Whether the partition is one of them.
    pub(super) fn has(&self, at: &TopicPartition) -> bool {
        self.held.contains_key(at)
    }

    /// Whether the partition is this member's, until it is released.
    pub(super) fn is_held(&self, at: &TopicPartition) -> bool {
        self.held.get(at).is_some_and(Held::is_owned)
    }

    /// Whether what was said when `seen` was the last news is about this epoch of the partition.
    pub(super) fn is_held_since(&self, at: &TopicPartition, seen: Ticket) -> bool {
        self.held.get(at).is_some_and(|held| held.is_owned() && held.told <= seen)
    }

    /// The latest assignment, or move.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether librdkafka waits for partitions that it revoked.
    pub(super) fn is_revoking(&self) -> bool {
        !self.revokes.is_empty()
    }

    /// Whether nobody waits for an answer, librdkafka or this member.
    pub(super) fn is_settled(&self) -> bool {
        self.revokes.is_empty() && self.offers.is_empty()
    }

    /// Whether everything is answered at once.
    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Whether librdkafka reads something, or is to be answered.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.revokes.is_empty() && self.offers.is_empty()
    }

    fn on_assign(&mut self, op: Op, steps: &mut Vec<Step>) {
        self.supersede(&op, steps);
        self.epoch.0 += 1;
        let offer = Offer { told: self.ticket + 1, partitions: op.partitions, eager: op.eager };
        for at in &offer.partitions {
            self.held.insert(at.clone(), Held::offered(self.epoch, offer.told));
        }
        let is_first = !std::mem::replace(&mut self.has_heard, true);
        if self.closing || offer.partitions.is_empty() {
            let tells = !self.closing && (is_first || offer.eager);
            steps.push(self.begin(offer, &HashMap::new()));
            // A member without partitions is to know that it has none.
            if tells {
                self.tell(Notice::Assigned(Vec::new()), steps);
            }
            return;
        }
        let assigned = offer.partitions.iter().map(|at| (at.clone(), self.epoch)).collect();
        self.offers.push(offer);
        self.tell(Notice::Assigned(assigned), steps);
    }

    /// Ends what an assignment takes the place of. Others may own what was being revoked already.
    fn supersede(&mut self, op: &Op, steps: &mut Vec<Step>) {
        let replaced = |at: &TopicPartition, held: &Held| {
            matches!(held.phase, Phase::Revoking(_)) || op.eager || op.partitions.contains(at)
        };
        let lost: Vec<_> = self
            .held
            .iter()
            .filter(|(at, held)| held.phase != Phase::Ended && replaced(at, held))
            .map(|(at, _)| at.clone())
            .collect();
        self.lose(lost, SUPERSEDED, steps);
        self.answer_revokes(steps);
        if op.eager {
            self.held.clear();
        }
        let conflicts: Vec<_> =
            op.partitions.iter().filter(|at| self.held.contains_key(*at)).cloned().collect();
        if !conflicts.is_empty() {
            let revoke = Revoke { partitions: conflicts, eager: false };
            let call = self.unassign(&revoke);
            steps.push(Step::Call(call));
        }
    }

    fn on_revoke(&mut self, op: Op, steps: &mut Vec<Step>) {
        let (mut lost, mut revoked) = (Vec::new(), Vec::new());
        for at in &op.partitions {
            match self.phase(at) {
                Some(Phase::Offered) => lost.push(at.clone()),
                Some(Phase::Live) if op.kind == Kind::Revoke => revoked.push(at.clone()),
                Some(Phase::Live | Phase::Revoking(_)) if op.kind == Kind::Lose => {
                    lost.push(at.clone());
                }
                _ => {}
            }
        }
        self.lose(lost, LOST, steps);
        for at in &revoked {
            let phase = if self.closing { Phase::Ended } else { Phase::Revoking(self.ticket + 1) };
            self.set(at, phase);
        }
        if !self.closing && !revoked.is_empty() {
            self.tell(Notice::Revoked(revoked), steps);
        }
        self.revokes.push(Revoke { partitions: op.partitions, eager: op.eager });
        self.answer_revokes(steps);
    }

    /// Ends these for the runtime. What librdkafka does not read yet is forgotten.
    fn lose(&mut self, lost: Vec<TopicPartition>, why: &'static str, steps: &mut Vec<Step>) {
        if lost.is_empty() {
            return;
        }
        for at in &lost {
            if self.phase(at) == Some(Phase::Offered) {
                self.held.remove(at);
            } else {
                self.set(at, Phase::Ended);
            }
        }
        let held = &self.held;
        for offer in &mut self.offers {
            offer.partitions.retain(|at| held.contains_key(at));
        }
        self.offers.retain(|offer| !offer.partitions.is_empty());
        steps.push(Step::End(lost.clone()));
        if !self.closing {
            self.tell(Notice::Lost(lost, why), steps);
        }
    }

    /// Gives librdkafka back what it revoked, as soon as the runtime released all of it.
    fn answer_revokes(&mut self, steps: &mut Vec<Step>) {
        if self.held.values().any(|held| matches!(held.phase, Phase::Revoking(_))) {
            return;
        }
        for revoke in std::mem::take(&mut self.revokes) {
            let call = self.unassign(&revoke);
            steps.push(Step::Call(call));
        }
    }

    fn begin(&mut self, offer: Offer, offsets: &HashMap<TopicPartition, Option<i64>>) -> Step {
        let phase = if self.closing { Phase::Ended } else { Phase::Live };
        let mut partitions = Vec::with_capacity(offer.partitions.len());
        for at in offer.partitions {
            let offset = offsets.get(&at).copied().flatten();
            if let Some(held) = self.held.get_mut(&at) {
                held.phase = phase;
                partitions.push((at, held.epoch, offset));
            }
        }
        Step::Call(Call::Assign { partitions, eager: offer.eager })
    }

    fn unassign(&mut self, revoke: &Revoke) -> Call {
        if revoke.eager {
            self.held.retain(|_, held| held.phase == Phase::Offered);
            return Call::UnassignAll;
        }
        // librdkafka refuses the whole list when it does not read one of it.
        let reads = |at: &&TopicPartition| {
            self.held.get(*at).is_some_and(|held| held.phase != Phase::Offered)
        };
        let partitions: Vec<_> = revoke.partitions.iter().filter(reads).cloned().collect();
        for at in &partitions {
            self.held.remove(at);
        }
        Call::Unassign(partitions)
    }

    fn tell(&mut self, notice: Notice, steps: &mut Vec<Step>) {
        self.ticket += 1;
        steps.push(Step::Tell(self.ticket, notice));
    }

    fn phase(&self, at: &TopicPartition) -> Option<Phase> {
        self.held.get(at).map(|held| held.phase)
    }

    fn set(&mut self, at: &TopicPartition, phase: Phase) {
        if let Some(held) = self.held.get_mut(at) {
            held.phase = phase;
        }
    }
}
