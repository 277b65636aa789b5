use crate::subscriber::Breaker;
use std::collections::BTreeSet;

/// The places of records that failed, among all in the order in which they were read.
///
/// What succeeded is not counted: it is what lies between. So a success costs nothing.
#[derive(Debug, Default)]
pub(super) struct Failures(BTreeSet<u64>);

/// Too many failures.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum TooMany {
    /// So many in a row.
    InARow(usize),
    /// So many of the last so many.
    OfLast(usize, usize),
}

impl Failures {
    /// One more, and whether they are too many with it.
    pub(super) fn add(&mut self, place: u64, breaker: &Breaker) -> Option<TooMany> {
        self.0.insert(place);
        // Older ones than these cannot matter any more, but where one partition is far behind the others.
        if self.0.len() > 4 * breaker.of_last.max(breaker.in_a_row) {
            self.0.pop_first();
        }
        let in_a_row = self.in_a_row(place, breaker.in_a_row);
        if in_a_row >= breaker.in_a_row {
            return Some(TooMany::InARow(in_a_row));
        }
        let failed = self.most_among(place, breaker.of_last as u64);
        (failed >= breaker.failed).then_some(TooMany::OfLast(failed, breaker.of_last))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// How many without a success between them end or begin at this place, up to a number.
    fn in_a_row(&self, place: u64, most: usize) -> usize {
        let before = self.0.range(..place).rev().zip((0..place).rev());
        let behind = self.0.range(place + 1..).zip(place + 1..);
        let before = before.take_while(|(failed, next)| *failed == next).take(most).count();
        let behind = behind.take_while(|(failed, next)| *failed == next).take(most).count();
        before + 1 + behind
    }

    /// How many there are at most among so many records one of which is at this place. Records end in
    /// another order than they were read in, so those behind it may have ended before.
    fn most_among(&self, place: u64, records: u64) -> usize {
        let (first, last) = (place.saturating_sub(records - 1), place.saturating_add(records));
        let near: Vec<_> = self.0.range(first..last).copied().collect();
        let until = |start: u64| near.partition_point(|failed| *failed < start + records);
        let from = near.iter().enumerate().take_while(|(_, failed)| **failed <= place);
        from.map(|(i, failed)| until(*failed) - i).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(failures: &mut Failures, breaker: &Breaker, places: &[u64]) -> Vec<Option<TooMany>> {
        places.iter().map(|place| failures.add(*place, breaker)).collect()
    }

    #[test]
    fn a_success_between_them_breaks_a_row() {
        let breaker = Breaker::default().in_a_row(3).share(1.0, 100);

        let row = add(&mut Failures::default(), &breaker, &[0, 1, 3, 4, 6, 7, 8]);

        assert_eq!(row[..6], [const { None }; 6]);
        assert_eq!(row[6], Some(TooMany::InARow(3)));
    }

    #[test]
    fn a_row_is_one_in_whatever_order_its_records_end() {
        let breaker = Breaker::default().in_a_row(5).share(1.0, 100);

        let row = add(&mut Failures::default(), &breaker, &[14, 10, 11, 13, 12]);

        assert_eq!(row[..4], [const { None }; 4]);
        assert_eq!(row[4], Some(TooMany::InARow(5)));
    }

    #[test]
    fn a_share_is_one_of_the_last_records_and_not_of_all() {
        let breaker = Breaker::default().in_a_row(100).share(0.5, 10);

        let four_of_ten = add(&mut Failures::default(), &breaker, &[0, 3, 6, 9, 12, 15, 18, 21]);
        let five_of_ten = add(&mut Failures::default(), &breaker, &[0, 9, 11, 13, 15, 17]);

        assert!(four_of_ten.iter().all(Option::is_none));
        assert_eq!(five_of_ten[..5], [const { None }; 5]);
        assert_eq!(five_of_ten[5], Some(TooMany::OfLast(5, 10)));
    }

    #[test]
    fn a_share_counts_what_ended_earlier_though_it_was_read_later() {
        let breaker = Breaker::default().in_a_row(100).share(0.5, 10);

        let share = add(&mut Failures::default(), &breaker, &[18, 16, 14, 12, 10]);

        assert_eq!(share[4], Some(TooMany::OfLast(5, 10)));
    }

    #[test]
    fn old_failures_are_forgotten() {
        let breaker = Breaker::default().in_a_row(10).share(1.0, 10);
        let mut failures = Failures::default();

        (0..10_000).for_each(|i| assert_eq!(failures.add(i * 2, &breaker), None));

        assert!(failures.0.len() <= 40);
    }
}
