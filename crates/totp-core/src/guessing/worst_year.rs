//! The most that happened within any 365 days.

use crate::lockout::budget::YEAR;
use std::collections::VecDeque;

/// What was added within any 365 days. Time is that of the machine's clock, as far as it has ever been: a budget leaks once for
/// each second of it.
#[derive(Debug, Default)]
pub(super) struct WorstYear {
    within: VecDeque<(u64, u64)>,
    sum: u64,
    latest: u64,
    pub(super) worst: u64,
}

impl WorstYear {
    pub(super) fn add(&mut self, at: u64, units: u64) {
        self.latest = self.latest.max(at);
        self.within.push_back((self.latest, units));
        self.sum += units;
        while let Some(&(first, before)) = self.within.front()
            && self.latest - first > YEAR
        {
            self.within.pop_front();
            self.sum -= before;
        }
        self.worst = self.worst.max(self.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_a_year_slides_and_a_clock_set_back_does_not_stretch_it() {
        let mut year = WorstYear::default();
        for (at, units) in [(0, 5), (YEAR, 7), (YEAR - 100, 1), (YEAR + 1, 2)] {
            year.add(at, units);
        }
        assert_eq!(year.worst, 13);
        year.add(2 * YEAR + 2, 14);
        assert_eq!(year.worst, 14);
    }
}
