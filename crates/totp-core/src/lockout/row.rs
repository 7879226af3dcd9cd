//! A row of a source: its failures and its own budget.

use super::budget::{RiskRules, TryBudget};
use super::source::{Mark, RowKind};
use super::{Failures, LONGEST_WINDOW};

/// The days with an accepted answer after which a source is settled.
pub(crate) const SETTLED_DAYS: u8 = 3;
const DAY: u64 = 86400;

/// A row of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: RowKind,
    pub(crate) mark: Mark,
    /// On how many days it had an accepted answer, counted to 255.
    pub(crate) days: u8,
    /// The last of them, in days since 1970, cut to 16 bits.
    pub(crate) last_day: u16,
    /// When it became known, and its last accepted answer, in minutes since 1970.
    pub(crate) first_seen: u32,
    pub(crate) last_seen: u32,
    pub(crate) budget: TryBudget,
    pub(crate) failures: Failures,
}

impl Row {
    pub(super) fn new(kind: RowKind, mark: Mark, now: u64) -> Self {
        let failures = Failures::default();
        let first_seen = minutes(now);
        // It leaks from now on: from 1970 on, its first charge would leak away at the next look.
        let budget = TryBudget { used: 0, leaked_until: first_seen };
        Self { kind, mark, days: 0, last_day: 0, first_seen, last_seen: first_seen, budget, failures }
    }

    /// Whether its tries have a budget of their own.
    pub(crate) fn is_settled(&self) -> bool {
        match self.kind {
            RowKind::Own => true,
            RowKind::Address | RowKind::KeyAtAddress | RowKind::LocalUid => self.days >= SETTLED_DAYS,
            RowKind::KeyElsewhere => false,
        }
    }

    /// Whether it still counts at `now`, in minutes.
    pub(super) fn is_known(&self, risk: &RiskRules, now: u32) -> bool {
        let length = u32::try_from(risk.known_for.0.div_ceil(60)).unwrap_or(u32::MAX);
        self.kind == RowKind::Own || self.last_seen.saturating_add(length) > now
    }

    /// An own row that says nothing need not be stored.
    pub(crate) fn is_blank(&self) -> bool {
        self.kind == RowKind::Own && self.failures == Failures::default() && self.budget.used == 0
    }

    pub(super) fn seen(&mut self, now: u64) {
        self.last_seen = self.last_seen.max(minutes(now));
        if self.days == 0 || self.is_new_day(now) {
            self.days = self.days.saturating_add(1);
            self.last_day = day(now);
        }
    }

    /// Takes back that it was seen in the future, by a clock that ran ahead: until then no day would count, and it could not settle.
    pub(super) fn set_back(&mut self, now: u64) {
        if self.last_seen > minutes(now) {
            (self.last_seen, self.last_day) = (minutes(now), day(now));
        }
        self.budget.leaked_until = self.budget.leaked_until.min(minutes(now));
    }

    /// Whether `now` is on a later day than the last accepted answer. A clock that goes back and forth makes no new days.
    pub(super) fn is_new_day(&self, now: u64) -> bool {
        (1..=u16::MAX / 2).contains(&day(now).wrapping_sub(self.last_day))
    }
}

/// Forgets one failure for each whole day since `from` (seconds since 1970); returns from when the next one counts.
pub(super) fn forget(failures: &mut Failures, from: u64, now: u64) -> u64 {
    let from = from.min(now);
    let days = now.saturating_sub(from) / DAY;
    failures.consecutive = failures.consecutive.saturating_sub(u32::try_from(days).unwrap_or(u32::MAX));
    from.saturating_add(days.saturating_mul(DAY))
}

/// Days since 1970, cut to 16 bits: they are only compared with those of the last months.
fn day(now: u64) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "cut")]
    let day = (now / DAY) as u16;
    day
}

/// Drops the times of failures that no limit looks at any more.
pub(super) fn drop_old(failures: &mut Failures, now: u64) {
    if failures.consecutive == 0 && failures.locked_until <= now {
        failures.recent.retain(|at| now.saturating_sub(*at) < LONGEST_WINDOW.0);
        (failures.locked_at, failures.locked_until) = (0, 0);
    }
}

/// Minutes since 1970 of seconds since 1970.
pub(super) fn minutes(seconds: u64) -> u32 {
    u32::try_from(seconds / 60).unwrap_or(u32::MAX)
}
