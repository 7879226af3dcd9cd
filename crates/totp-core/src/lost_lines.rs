//! Lines about an account that the log did not take: counted in its ledger, until the line of a later login has said how many.
//!
//! The log is best effort: every account that may write to its socket can fill it. The count tells an administrator that lines are missing.

/// How many seconds pass between two counts of lines about refusals that charge nothing.
const PAUSE: u64 = 60;

/// The count in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LostLines {
    /// How many, at least.
    pub(crate) count: u32,
    /// When the last one was counted, seconds since 1970.
    pub(crate) counted_at: u64,
}

/// Which lost lines are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Every one: the login has been charged, or was accepted.
    Each,
    /// One a minute: a refusal that charges nothing can be had any number of times, and shall not cost a write each time.
    OneAMinute,
}

/// What is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewCount {
    /// How many more lines were lost.
    pub lost: u32,
    /// How many lost lines the log has been told of since.
    pub told: u32,
    /// Which of those that were lost are counted.
    pub pace: Pace,
}

impl LostLines {
    /// The count after `new` at `now`, and whether that counts what was lost.
    pub(crate) fn after(self, NewCount { lost, told, pace }: NewCount, now: u64) -> (Self, bool) {
        let is_paused =
            self.count > 0 && (self.counted_at..self.counted_at.saturating_add(PAUSE)).contains(&now);
        let is_counted = pace == Pace::Each || !is_paused;
        let counted = if is_counted { lost } else { 0 };
        let left = self.count.saturating_sub(told).saturating_add(counted);
        let counted_at = match left {
            0 => 0,
            _ if counted > 0 => now,
            _ => self.counted_at,
        };
        (Self { count: left, counted_at }, is_counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: NewCount = NewCount { lost: 1, told: 0, pace: Pace::Each };
    const ONE_A_MINUTE: NewCount = NewCount { pace: Pace::OneAMinute, ..EACH };

    fn told(told: u32) -> NewCount {
        NewCount { lost: 0, told, pace: Pace::Each }
    }

    fn after(counts: &[(NewCount, u64)]) -> u32 {
        let counted = |before: LostLines, (new, now): &(NewCount, u64)| before.after(*new, *now).0;
        counts.iter().fold(LostLines::default(), counted).count
    }

    #[test]
    fn each_line_about_a_charged_try_is_counted() {
        assert_eq!(after(&[(EACH, 5), (EACH, 5), (NewCount { lost: 2, ..EACH }, 6)]), 4);
        assert_eq!(after(&[(NewCount { lost: u32::MAX, ..EACH }, 5), (EACH, 5)]), u32::MAX);
    }

    #[test]
    fn lines_about_refusals_that_charge_nothing_are_counted_once_a_minute() {
        let times = [100, 101, 159, 160, 219, 220].map(|now| (ONE_A_MINUTE, now));
        assert_eq!(after(&times), 3);
        assert_eq!(
            after(&[(ONE_A_MINUTE, 100), (ONE_A_MINUTE, 50)]),
            2,
            "a clock that was set back ends the pause"
        );
        let one = LostLines { count: 1, counted_at: 100 };
        assert_eq!(one.after(ONE_A_MINUTE, 101), (one, false));
    }

    #[test]
    fn what_the_log_was_told_is_forgotten_and_the_rest_is_not() {
        assert_eq!(after(&[(EACH, 5), (EACH, 5), (told(1), 6)]), 1);
        assert_eq!(after(&[(EACH, 5), (told(9), 6)]), 0);
        assert_eq!(LostLines::default().after(told(1), 6).0, LostLines::default());
        let all_told = LostLines { count: 2, counted_at: 5 }.after(told(2), 6);
        assert_eq!(all_told.0, LostLines::default());
    }
}
