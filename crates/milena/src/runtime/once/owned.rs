use crate::runtime::{conductor::Conductor, pressure::Why};
use milena_core::record::TopicPartition;

impl Conductor {
    /// A partition is ours.
    pub(crate) fn arrived(&mut self, place: &TopicPartition) {
        let Some(once) = &mut self.once else { return };
        let key = once.key(place.partition);
        if key.is_some() && !once.sessions.contains_key(&key) {
            once.open(key);
        }
        if once.holds_back {
            self.hold_back(place, Why::Kept);
        }
    }

    /// A partition is not ours any more.
    pub(crate) fn left(&mut self, place: &TopicPartition) {
        self.read_torn_again();
        let Some(once) = &mut self.once else { return };
        let key = once.key(place.partition);
        if key.is_some() && !self.partitions.keys().any(|at| once.key(at.partition) == key) {
            once.sessions.remove(&key);
        }
    }

    /// Reads on only as long as there is room for results, and else makes room.
    pub(crate) fn mind_kept(&mut self) {
        let Some(once) = &self.once else { return };
        let is_full = self.subscriptions.budget().is_full();
        if is_full == once.holds_back {
            return;
        }
        self.once.iter_mut().for_each(|once| once.holds_back = is_full);
        let places: Vec<_> = self.partitions.keys().cloned().collect();
        for place in places {
            if is_full {
                self.hold_back(&place, Why::Kept);
            } else {
                self.let_go(&place, Why::Kept);
            }
        }
        if is_full {
            self.commits.hasten();
        }
    }
}
