use super::{Phase, Rebalance};
use crate::consumer::step::{Move, Notice, Step};
use milena_core::record::TopicPartition;

/// A partition that moves stays this member's, and begins an epoch.
impl Rebalance {
    /// The runtime wants to read on at these offsets. What is not live has nowhere to move.
    pub(in crate::consumer) fn seek(&mut self, to: Vec<(TopicPartition, i64)>) -> Vec<Step> {
        let moves: Vec<_> =
            to.into_iter().filter_map(|(at, offset)| self.begin_again(at, offset)).collect();
        if moves.is_empty() {
            return Vec::new();
        }
        let places = moves.iter().map(|(at, ..)| at.clone()).collect();
        let mut steps = vec![Step::Withdraw(places), Step::Move(moves.clone())];
        for moved in moves {
            self.tell_moved(moved, &mut steps);
        }
        steps
    }

    /// The offset that a partition was to go on from is not there. What was read before it is told.
    pub(in crate::consumer) fn reset(
        &mut self,
        at: TopicPartition,
        from: i64,
        to: i64,
    ) -> Vec<Step> {
        let Some(moved) = self.begin_again(at, to) else { return Vec::new() };
        let mut steps = vec![Step::Move(vec![moved.clone()])];
        self.tell(Notice::Reset(moved.0.clone(), from, to), &mut steps);
        self.tell_moved(moved, &mut steps);
        steps
    }

    fn begin_again(&mut self, at: TopicPartition, offset: i64) -> Option<Move> {
        let held = self.held.get_mut(&at).filter(|held| held.phase == Phase::Live)?;
        self.epoch.0 += 1;
        held.epoch = self.epoch;
        Some((at, self.epoch, offset))
    }

    /// From here on, what the runtime says is about this epoch only if it has seen this.
    fn tell_moved(&mut self, moved: Move, steps: &mut Vec<Step>) {
        if let Some(held) = self.held.get_mut(&moved.0) {
            held.told = self.ticket + 1;
        }
        self.tell(Notice::Moved(moved), steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::step::{Kind, Op};
    use milena_core::record::Epoch;

    fn at(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    /// A member to which these partitions were assigned in the epoch 1, as the news 1.
    fn holding(partitions: &[i32]) -> Rebalance {
        let mut rebalance = Rebalance::default();
        let partitions: Vec<_> = partitions.iter().copied().map(at).collect();
        let op = Op { kind: Kind::Assign, partitions: partitions.clone(), eager: false };
        rebalance.on(op);
        rebalance.assign(1, partitions.into_iter().map(|at| (at, None)).collect());
        rebalance
    }

    #[test]
    fn a_move_begins_an_epoch_for_each_partition() {
        let mut rebalance = holding(&[0, 1]);

        let steps = rebalance.seek(vec![(at(1), 7), (at(0), 8), (at(2), 9)]);

        let (one, two) = ((at(1), Epoch(2), 7), (at(0), Epoch(3), 8));
        assert_eq!(
            steps,
            [
                Step::Withdraw(vec![at(1), at(0)]),
                Step::Move(vec![one.clone(), two.clone()]),
                Step::Tell(2, Notice::Moved(one)),
                Step::Tell(3, Notice::Moved(two)),
            ]
        );
    }

    #[test]
    fn what_was_said_before_a_move_was_seen_is_not_about_it() {
        let mut rebalance = holding(&[0, 1]);

        rebalance.seek(vec![(at(0), 7)]);

        assert!(!rebalance.is_held_since(&at(0), 1));
        assert!(rebalance.is_held_since(&at(0), 2));
        assert!(rebalance.is_held_since(&at(1), 1));
    }

    #[test]
    fn what_is_being_given_back_does_not_move() {
        let mut rebalance = holding(&[0]);
        rebalance.on(Op { kind: Kind::Revoke, partitions: vec![at(0)], eager: false });

        assert!(rebalance.seek(vec![(at(0), 7)]).is_empty());
        assert!(rebalance.reset(at(0), 3, 7).is_empty());
        assert!(rebalance.is_held_since(&at(0), 1));
    }

    #[test]
    fn a_member_that_is_fenced_loses_what_moved_since_the_commit_was_sent() {
        let mut rebalance = holding(&[0]);
        let sent = rebalance.epoch();
        rebalance.seek(vec![(at(0), 7)]);

        let steps = rebalance.fence(sent);

        assert!(steps.contains(&Step::End(vec![at(0)])), "{steps:?}");
    }

    #[test]
    fn a_reset_is_told_before_the_move_and_takes_nothing_back() {
        let mut rebalance = holding(&[0]);

        let steps = rebalance.reset(at(0), 3, 7);

        let moved = (at(0), Epoch(2), 7);
        assert_eq!(
            steps,
            [
                Step::Move(vec![moved.clone()]),
                Step::Tell(2, Notice::Reset(at(0), 3, 7)),
                Step::Tell(3, Notice::Moved(moved)),
            ]
        );
    }
}
