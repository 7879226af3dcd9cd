//! The limit on wrong codes: how many attempts in what time, and the locks that follow (NIST SP 800-63B section 5.2.2).
//!
//! [`Failures`] are the wrong codes of one source. [`guesses`] has those of all sources of an account, [`source`] says what a source is,
//! [`budget`] how much guessing is judged within a year, and `charging` the steps of one try.

pub mod budget;
#[cfg(test)]
mod budget_tests;
mod charging;
pub mod guesses;
#[cfg(test)]
mod guesses_tests;
pub mod report;
pub(crate) mod row;
pub mod source;
#[cfg(test)]
mod source_tests;
mod warning;

pub use budget::{MOST_SAVED_TRIES, RiskRules};
pub use guesses::Guesses;
pub use report::{BudgetReport, ForeignReport, GuessReport, NextTry, Paid, ReportInput, RowReport};
pub use source::{CountedIn, Place, RowKind, Source, SourceRules};
pub use warning::Warning;

use crate::time::Seconds;

/// The most attempts within [`Limit::per`] that a ledger can count.
pub const MOST_ATTEMPTS: usize = 16;

/// The longest [`Limit::per`].
pub const LONGEST_WINDOW: Seconds = Seconds(31 * 86400);

/// The `[limit]` section of the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Wrong codes that are judged within `per`, 1 to [`MOST_ATTEMPTS`].
    pub attempts: usize,
    /// The length of that window.
    pub per: Seconds,
    /// Wrong codes in a row that start a lock.
    pub lock_after: u32,
    /// The first lock; each further wrong code doubles it.
    pub lock_for: Seconds,
    /// The longest lock.
    pub lock_max: Seconds,
    /// Wrong codes in a row after which only a recovery code or an administrator can unlock a source. Of foreign sources, those since the
    /// last accepted answer from anywhere count, so such an answer unlocks them too.
    pub disable_after: u32,
}

/// The wrong codes of one source, as the ledger keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failures {
    /// When the latest wrong codes were given, seconds since 1970, oldest first, at most [`MOST_ATTEMPTS`].
    pub(crate) recent: Vec<u64>,
    /// Wrong codes since the last right one.
    pub(crate) consecutive: u32,
    /// When the lock started, seconds since 1970.
    pub(crate) locked_at: u64,
    /// Until when no code that can be guessed is judged, seconds since 1970; zero: no lock.
    pub(crate) locked_until: u64,
}

/// Whether a code that can be guessed would be judged now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// It would be judged.
    Open,
    /// Too many attempts in the window; wait this long.
    Limited(Seconds),
    /// Locked for this time.
    Locked(Seconds),
    /// Disabled, as [`Limit::disable_after`] says.
    Disabled,
    /// The year's budget for guessing is used up: no code that can be guessed is looked at.
    OverBudget,
}

impl Limit {
    /// The state at `now` (seconds since 1970).
    #[must_use]
    pub fn state(&self, failures: &Failures, now: u64) -> LockState {
        if failures.consecutive >= self.disable_after {
            return LockState::Disabled;
        }
        self.pace(failures, now)
    }

    /// The same without [`Limit::disable_after`].
    fn pace(&self, failures: &Failures, now: u64) -> LockState {
        if failures.locked_until > now {
            return LockState::Locked(Seconds(failures.locked_until.saturating_sub(now)));
        }
        let recent: Vec<u64> = self.within(failures, now).collect();
        let waiting = recent.len().checked_sub(self.attempts).and_then(|at| recent.get(at));
        match waiting {
            Some(oldest) => {
                LockState::Limited(Seconds(oldest.saturating_add(self.per.0).saturating_sub(now)))
            }
            None => LockState::Open,
        }
    }

    /// Counts one wrong code. Returns the length of the lock that it started, if it did.
    pub(crate) fn charge(&self, failures: &mut Failures, now: u64) -> Option<Seconds> {
        // Old timestamps are kept, because another service may count over a longer time.
        failures.recent.push(now);
        let surplus = failures.recent.len().saturating_sub(MOST_ATTEMPTS);
        failures.recent.drain(..surplus);
        failures.consecutive = failures.consecutive.saturating_add(1);
        if failures.consecutive < self.lock_after {
            return None;
        }
        let length = self.lock_length(failures.consecutive);
        failures.locked_at = now;
        failures.locked_until = now.saturating_add(length.0);
        Some(length)
    }

    /// The timestamps that still count, none later than `now`.
    fn within<'a>(&self, failures: &'a Failures, now: u64) -> impl Iterator<Item = u64> + 'a {
        let per = self.per.0;
        failures
            .recent
            .iter()
            .map(move |&timestamp| timestamp.min(now))
            .filter(move |&timestamp| now.saturating_sub(timestamp) < per)
    }

    fn lock_length(&self, consecutive: u32) -> Seconds {
        let doublings = consecutive.saturating_sub(self.lock_after);
        let length = 1u64.checked_shl(doublings).and_then(|factor| self.lock_for.0.checked_mul(factor));
        Seconds(length.unwrap_or(u64::MAX).min(self.lock_max.0))
    }
}

impl Failures {
    /// Moves timestamps from the future back to `now`: a clock that was set back neither frees anybody early nor
    /// extends a lock. Returns whether there were any. They must then be recorded; otherwise they would be moved at
    /// every attempt and never expire.
    pub(crate) fn pull_back(&mut self, now: u64) -> bool {
        let before = self.clone();
        for timestamp in &mut self.recent {
            *timestamp = (*timestamp).min(now);
        }
        if self.locked_at > now {
            self.locked_until = now.saturating_add(self.locked_until.saturating_sub(self.locked_at));
            self.locked_at = now;
        }
        *self != before
    }

    /// A right code ends the row of wrong ones and lifts a lock (NIST SP 800-63B section 5.2.2). The window keeps its
    /// timestamps, so that it still limits someone who guesses while the owner logs in often; the log says at each
    /// login how many wrong codes came before it.
    pub(crate) fn succeed(&mut self) {
        self.consecutive = 0;
        (self.locked_at, self.locked_until) = (0, 0);
    }

    /// Adds those of another source, with their lock.
    pub(crate) fn absorb(&mut self, Self { recent, consecutive, locked_at, locked_until }: Self) {
        self.recent.extend(recent);
        self.recent.sort_unstable();
        self.recent.drain(..self.recent.len().saturating_sub(MOST_ATTEMPTS));
        self.consecutive = self.consecutive.saturating_add(consecutive);
        if locked_until > self.locked_until {
            (self.locked_at, self.locked_until) = (locked_at, locked_until);
        }
    }

    /// Forgives everything, for an administrator's `unlock`.
    pub(crate) fn forgive(&mut self) {
        *self = Self::default();
    }

    /// Wrong codes since the last right one.
    #[must_use]
    pub fn consecutive(&self) -> u32 {
        self.consecutive
    }
}

#[cfg(test)]
mod foreign_use_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: Limit = Limit {
        attempts: 5,
        per: Seconds(60),
        lock_after: 10,
        lock_for: Seconds(60),
        lock_max: Seconds(86400),
        disable_after: 100,
    };

    fn after(wrong: u32, at: u64) -> (Failures, Option<Seconds>) {
        let mut failures = Failures::default();
        let mut lock = None;
        for _ in 0..wrong {
            lock = LIMIT.charge(&mut failures, at);
        }
        (failures, lock)
    }

    #[test]
    fn the_fifth_wrong_code_of_a_minute_is_the_last_that_is_judged() {
        assert_eq!(LIMIT.state(&after(4, 1000).0, 1000), LockState::Open);
        let (failures, _) = after(5, 1000);
        assert_eq!(LIMIT.state(&failures, 1000), LockState::Limited(Seconds(60)));
        assert_eq!(LIMIT.state(&failures, 1059), LockState::Limited(Seconds(1)));
        assert_eq!(LIMIT.state(&failures, 1060), LockState::Open);
    }

    #[test]
    fn the_window_slides() {
        let mut failures = Failures::default();
        for at in [0, 10, 20, 30, 40] {
            LIMIT.charge(&mut failures, 1000 + at);
        }
        assert_eq!(LIMIT.state(&failures, 1050), LockState::Limited(Seconds(10)));
        assert_eq!(LIMIT.state(&failures, 1060), LockState::Open);
        LIMIT.charge(&mut failures, 1060);
        assert_eq!(LIMIT.state(&failures, 1060), LockState::Limited(Seconds(10)));
    }

    #[test]
    fn the_tenth_wrong_code_in_a_row_locks_and_each_further_one_doubles_it() {
        assert_eq!(after(9, 1000).1, None);
        assert_eq!(after(10, 1000).1, Some(Seconds(60)));
        assert_eq!(after(11, 1000).1, Some(Seconds(120)));
        assert_eq!(after(20, 1000).1, Some(Seconds(61440)));
        assert_eq!(after(21, 1000).1, Some(Seconds(86400)));
        assert_eq!(after(99, 1000).1, Some(Seconds(86400)));
        assert_eq!(LIMIT.state(&after(10, 1000).0, 1059), LockState::Locked(Seconds(1)));
    }

    #[test]
    fn the_hundredth_disables_for_good() {
        let (failures, _) = after(100, 1000);
        assert_eq!(LIMIT.state(&failures, u64::MAX), LockState::Disabled);
        assert_ne!(LIMIT.state(&after(99, 1000).0, 1000), LockState::Disabled);
    }

    #[test]
    fn a_right_code_ends_the_row_but_not_the_window() {
        let (mut failures, _) = after(12, 1000);
        failures.succeed();
        assert_eq!(failures.consecutive(), 0);
        assert_eq!(LIMIT.state(&failures, 1000), LockState::Limited(Seconds(60)));
        failures.forgive();
        assert_eq!(LIMIT.state(&failures, 1000), LockState::Open);
    }

    #[test]
    fn a_clock_set_back_locks_nobody_for_longer_than_the_rule() {
        for (wrong, barred) in [(10, LockState::Locked(Seconds(60))), (5, LockState::Limited(Seconds(60)))] {
            let (mut failures, _) = after(wrong, 1_000_000);
            assert!(failures.pull_back(1000));
            assert_eq!(LIMIT.state(&failures, 1000), barred);
            assert!(!failures.pull_back(1059));
            assert_ne!(LIMIT.state(&failures, 1059), LockState::Open);
            assert_eq!(LIMIT.state(&failures, 1060), LockState::Open);
        }
    }

    #[test]
    fn a_lax_service_does_not_shorten_the_lock_of_a_strict_one() {
        let lax = Limit { lock_for: Seconds(1), lock_max: Seconds(5), ..LIMIT };
        let (mut failures, _) = after(12, 1000);
        assert!(!failures.pull_back(1100));
        assert_eq!(lax.state(&failures, 1100), LockState::Locked(Seconds(140)));
    }

    #[test]
    fn a_service_with_a_longer_window_still_sees_what_another_charged_over() {
        let hour = Limit { attempts: 3, per: Seconds(3600), ..LIMIT };
        let (mut failures, _) = after(3, 1000);
        assert_eq!(hour.state(&failures, 2000), LockState::Limited(Seconds(2600)));
        LIMIT.charge(&mut failures, 2000);
        assert_ne!(hour.state(&failures, 2000), LockState::Open);
    }

    proptest! {
        #[test]
        fn no_minute_judges_more_than_its_limit(gaps in proptest::collection::vec(0u64..30, 1..200)) {
            let mut failures = Failures::default();
            let mut now = 1_000_000;
            let mut judged: Vec<u64> = Vec::new();
            for gap in gaps {
                now += gap;
                if LIMIT.state(&failures, now) == LockState::Open {
                    LIMIT.charge(&mut failures, now);
                    judged.push(now);
                    let in_window = judged.iter().filter(|&&at| now - at < 60).count();
                    prop_assert!(in_window <= 5);
                }
            }
        }
    }
}
