//! The wrong codes of one account: a row for each source that is known, one for all others, and what guessing costs each of them.
//!
//! | row | its tries are paid by | a success there | forgets by itself |
//! |---|---|---|---|
//! | a known source | its own budget once it is settled; before, and when that is empty, the foreign budget | clears it | no |
//! | the account's own uid | its own budget | clears it | no |
//! | a known SSH key at an unknown address | the foreign budget | leaves it | one failure a day |
//! | everything else | the foreign budget | leaves it | one failure a day |

use super::budget::{ForeignBudget, RiskRules, TryBudget};
use super::row::{Row, drop_old, forget, minutes};
use super::source::{CountedIn, Identity, Mark, RowKind};
use super::warning::Warning;
use super::{Failures, Limit, LockState};
use crate::time::Seconds;

/// The most rows of a ledger, besides the one for everything else.
pub(crate) const MOST_ROWS: usize = 24;
/// The most of them that have failures.
pub(crate) const MOST_FAILING_ROWS: usize = 12;

/// What has happened since the last accepted answer from anywhere, and what was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SinceAccepted {
    /// Wrong codes from all sources.
    pub(crate) wrong: u32,
    /// Those from sources that are not known.
    pub(crate) foreign: u32,
    /// The groups of the places that those came from ([`Identity::place`]), a bit for each.
    pub(crate) places: u64,
}

/// The wrong codes of one account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guesses {
    /// Of everything that has no row.
    pub(crate) foreign: Failures,
    pub(crate) rows: Vec<Row>,
    pub(crate) since_accepted: SinceAccepted,
    /// `None`: the ledger was last written before budgets existed, or nothing has happened.
    pub(crate) budget: Option<ForeignBudget>,
    /// From when the foreign row forgets its next failure, in seconds since 1970.
    pub(crate) forgets_from: u64,
    /// The quarters of the foreign budget that the owner was told of.
    pub(crate) told_quarters: u8,
}

/// The row that a try is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seat {
    Row(usize),
    Foreign,
}

/// What pays for a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payer {
    /// The row's own budget.
    Own(usize),
    Foreign,
}

/// A try before its code is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Try<'a> {
    pub(crate) identity: &'a Identity,
    /// Whether a first factor is known to have passed.
    pub(crate) is_proven: bool,
    pub(crate) risk: &'a RiskRules,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

/// What the charge of a try leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charged {
    /// The row that it is counted in.
    pub(crate) row: CountedIn,
    /// The length of the lock that it starts.
    pub(crate) lock: Option<Seconds>,
    /// It uses up another quarter of the foreign budget.
    pub(crate) warning: Option<Warning>,
}

impl Guesses {
    /// Moves timestamps from the future back to `now`, as [`Failures::pull_back`] does; returns whether there were any.
    pub(crate) fn pull_back(&mut self, now: u64) -> bool {
        let mut was_ahead = self.foreign.pull_back(now);
        for row in &mut self.rows {
            was_ahead |= row.failures.pull_back(now);
        }
        was_ahead
    }

    /// Brings it up to now: budgets leak, failures are forgotten, sources that were not seen for long are no longer known. `try_units`:
    /// the probability of a guess, for the failures of a ledger that has no budget yet.
    pub(crate) fn bring_up_to(&mut self, risk: &RiskRules, try_units: impl FnOnce() -> u64, now: u64) {
        let mut budget = match self.budget {
            Some(budget) => budget,
            None => self.begin_budget(risk, try_units, now),
        };
        budget.leak(risk.yearly_risk, now);
        self.told_quarters = self.told_quarters.min(budget.quarters().saturating_add(1));
        self.budget = Some(budget);
        self.forgets_from = forget(&mut self.foreign, self.forgets_from, now);
        drop_old(&mut self.foreign, now);
        for row in &mut self.rows {
            match row.kind {
                // The field of its budget says from when it forgets.
                RowKind::KeyElsewhere => {
                    let from = u64::from(row.budget.leaked_until).saturating_mul(60);
                    row.budget.leaked_until = minutes(forget(&mut row.failures, from, now));
                }
                RowKind::Address | RowKind::KeyAtAddress | RowKind::LocalUid | RowKind::Own => {
                    row.budget.leak(risk.known_tries_per_year, minutes(now));
                }
            }
            drop_old(&mut row.failures, now);
        }
        while let Some(at) = self.rows.iter().position(|row| !row.is_known(risk, minutes(now))) {
            self.dismiss(at);
        }
    }

    /// The budget of a ledger that has none. The failures of a ledger from before there were sources hold wherever a try comes from.
    fn begin_budget(&mut self, risk: &RiskRules, try_units: impl FnOnce() -> u64, now: u64) -> ForeignBudget {
        let mut budget = ForeignBudget::new(risk.yearly_risk, now);
        let before = self.foreign.consecutive;
        if self.foreign != Failures::default() {
            let mut own = Row::new(RowKind::Own, Mark::OWN, now);
            own.failures = self.foreign.clone();
            self.rows.push(own);
            let wrong = SinceAccepted { wrong: before, foreign: before, places: 0 };
            self.since_accepted = wrong;
            self.forgets_from = now;
            let used = try_units().saturating_mul(before.into()).min(budget.capacity());
            budget.charge(used, true);
        }
        budget
    }

    /// How many wrong codes came from all sources since the last accepted answer from anywhere.
    #[must_use]
    pub fn wrong_codes(&self) -> u32 {
        self.since_accepted.wrong
    }

    /// Whether a code that can be guessed would be looked at, but for the budget.
    pub(crate) fn state(&self, identity: &Identity, limit: &Limit, now: u64) -> LockState {
        let seat = self.seat(identity);
        if self.is_foreign(seat) && self.since_accepted.foreign >= limit.disable_after {
            return LockState::Disabled;
        }
        match self.is_foreign(seat) {
            // Failures from before the last accepted answer count towards a lock, but no longer towards disabling.
            true => limit.pace(self.failures_at(seat), now),
            false => limit.state(self.failures_at(seat), now),
        }
    }

    /// Which budget pays for a try of this probability (units of 10⁻⁹); `None`: none has room, so it is not judged.
    pub(crate) fn payer(&self, tried: &Try<'_>, units: u64) -> Option<Payer> {
        if let Seat::Row(at) = self.seat(tried.identity)
            && let Some(row) = self.rows.get(at)
            && row.is_settled()
        {
            if row.budget.has_room(tried.risk.known_tries_per_year) {
                return Some(Payer::Own(at));
            }
            if row.kind == RowKind::Own {
                return None;
            }
        }
        let budget = self.budget.unwrap_or_else(|| ForeignBudget::new(tried.risk.yearly_risk, tried.now));
        budget.has_room(units, tried.is_proven).then_some(Payer::Foreign)
    }

    /// Charges a try of this probability as a wrong code.
    pub(crate) fn charge(&mut self, tried: &Try<'_>, payer: Payer, units: u64, limit: &Limit) -> Charged {
        let now = tried.now;
        let seat = self.seat(tried.identity);
        match payer {
            Payer::Own(at) => {
                if let Some(row) = self.rows.get_mut(at) {
                    row.budget.charge();
                }
            }
            Payer::Foreign => {
                if let Some(budget) = &mut self.budget {
                    budget.charge(units, tried.is_proven);
                }
            }
        }
        self.since_accepted.wrong = self.since_accepted.wrong.saturating_add(1);
        if self.is_foreign(seat) {
            self.since_accepted.foreign = self.since_accepted.foreign.saturating_add(1);
            self.since_accepted.places |= 1u64.checked_shl(tried.identity.place.into()).unwrap_or(1);
        }
        let row = self.counted_in(tried.identity);
        let lock = match seat {
            Seat::Foreign => {
                if self.foreign.consecutive == 0 {
                    self.forgets_from = now;
                }
                limit.charge(&mut self.foreign, now)
            }
            Seat::Row(at) => self.rows.get_mut(at).and_then(|row| {
                if row.kind == RowKind::KeyElsewhere && row.failures.consecutive == 0 {
                    row.budget.leaked_until = minutes(now);
                }
                limit.charge(&mut row.failures, now)
            }),
        };
        if let Seat::Row(at) = seat {
            self.make_space_for_failures(at);
        }
        Charged { row, lock, warning: self.warning(units) }
    }

    /// What the owner is told after a try of this probability.
    fn warning(&mut self, units: u64) -> Option<Warning> {
        // What is left may be too little for another try.
        let quarters = self.budget.map_or(0, |budget| match budget.has_room(units, true) {
            true => budget.quarters(),
            false => 4,
        });
        let SinceAccepted { foreign, places, .. } = self.since_accepted;
        if quarters <= self.told_quarters || foreign == 0 {
            return None;
        }
        self.told_quarters = quarters;
        let used_percent = quarters.saturating_mul(25);
        Some(Warning { wrong: foreign, places: places.count_ones(), used_percent, since: None })
    }

    /// A right code: ends the failures of its own source. If the login is known to be the owner's, its source is known from now on.
    /// Returns whether it was not known before.
    pub(crate) fn accept(&mut self, tried: &Try<'_>) -> bool {
        if let Seat::Row(at) = self.seat(tried.identity)
            && let Some(row) = self.rows.get_mut(at).filter(|row| row.kind != RowKind::KeyElsewhere)
        {
            row.failures.succeed();
        }
        self.since_accepted = SinceAccepted::default();
        tried.is_proven && self.know(tried.identity, tried.now)
    }

    /// A recovery code: ends the failures and the lock of its own source and of the foreign ones. It refills no budget.
    /// Returns what [`Guesses::accept`] does.
    pub(crate) fn recover(&mut self, tried: &Try<'_>) -> bool {
        let is_new_source = self.accept(tried);
        let seat = self.seat(tried.identity);
        self.foreign.forgive();
        for (at, row) in self.rows.iter_mut().enumerate() {
            if seat == Seat::Row(at) || row.kind == RowKind::KeyElsewhere {
                row.failures.forgive();
            }
        }
        is_new_source
    }

    /// The source is the owner's: it is known from now on. Returns whether it was not known before.
    pub(crate) fn know(&mut self, identity: &Identity, now: u64) -> bool {
        let Some((kind, mark)) = identity.own else { return false };
        let is_new = kind != RowKind::Own && self.place_of(kind, mark).is_none();
        let key = identity.key.map(|key| (RowKind::KeyElsewhere, key));
        for (kind, mark) in [Some((kind, mark)), key].into_iter().flatten() {
            let at = match self.place_of(kind, mark) {
                Some(at) => at,
                None if kind == RowKind::Own => continue,
                None => {
                    self.rows.push(Row::new(kind, mark, now));
                    self.rows.len().saturating_sub(1)
                }
            };
            if let Some(row) = self.rows.get_mut(at) {
                row.seen(now);
            }
        }
        // One is kept free for the account's own uid, whose row appears with its first wrong code.
        while self.rows.iter().filter(|row| row.kind != RowKind::Own).count() >= MOST_ROWS {
            let keep = [Some(mark), identity.key];
            let Some(at) = self.oldest(|row| !keep.contains(&Some(row.mark))) else { break };
            self.dismiss(at);
        }
        is_new
    }

    /// Whether it is known, and was seen on the day of `now`.
    pub(crate) fn is_seen_on_this_day(&self, identity: &Identity, now: u64) -> bool {
        let row = identity.own.and_then(|(kind, mark)| self.rows.get(self.place_of(kind, mark)?));
        row.is_some_and(|row| row.days > 0 && !row.is_new_day(now))
    }

    /// Lifts every lock and forgets every failure, for an administrator's `unlock`; the budgets stay as they are.
    /// If the clock ran ahead, they come back from now on.
    pub(crate) fn forgive(&mut self, now: u64) {
        self.foreign.forgive();
        for row in &mut self.rows {
            row.failures.forgive();
            row.set_back(now);
        }
        if let Some(budget) = &mut self.budget {
            budget.leaked_until = budget.leaked_until.min(now);
        }
        self.since_accepted = SinceAccepted::default();
    }

    /// Refills all budgets, under the risk of the config.
    pub(crate) fn refill(&mut self, risk: &RiskRules, now: u64) {
        self.budget = Some(ForeignBudget::new(risk.yearly_risk, now));
        self.told_quarters = 0;
        for row in self.rows.iter_mut().filter(|row| row.kind != RowKind::KeyElsewhere) {
            row.set_back(now);
            row.budget = TryBudget { used: 0, leaked_until: minutes(now) };
        }
    }

    /// What stays when the account is enrolled anew: its secrets are new, but the budget is for the year.
    pub(crate) fn carried_over(&self) -> Self {
        Self { budget: self.budget, told_quarters: self.told_quarters, ..Self::default() }
    }

    fn seat(&self, identity: &Identity) -> Seat {
        let own = identity.own.and_then(|(kind, mark)| self.place_of(kind, mark));
        let key = || identity.key.and_then(|key| self.place_of(RowKind::KeyElsewhere, key));
        own.or_else(key).map_or(Seat::Foreign, Seat::Row)
    }

    /// The row of the account's own uid is always there.
    pub(crate) fn with_own_row(&mut self, identity: &Identity, now: u64) {
        if let Some((RowKind::Own, mark)) = identity.own
            && self.place_of(RowKind::Own, mark).is_none()
        {
            self.rows.push(Row::new(RowKind::Own, mark, now));
        }
    }

    fn place_of(&self, kind: RowKind, mark: Mark) -> Option<usize> {
        self.rows.iter().position(|row| row.kind == kind && row.mark == mark)
    }

    /// The row that its tries are counted in, to show it.
    pub(crate) fn row_of(&self, identity: &Identity) -> Option<&Row> {
        match self.seat(identity) {
            Seat::Row(at) => self.rows.get(at),
            Seat::Foreign => None,
        }
    }

    /// The row that its tries are counted in.
    pub(crate) fn counted_in(&self, identity: &Identity) -> CountedIn {
        self.row_of(identity).map_or(CountedIn::Foreign, |row| CountedIn::Row(row.kind))
    }

    fn failures_at(&self, seat: Seat) -> &Failures {
        match seat {
            Seat::Row(at) => self.rows.get(at).map_or(&self.foreign, |row| &row.failures),
            Seat::Foreign => &self.foreign,
        }
    }

    /// Whether its failures are those of a source that is not known.
    fn is_foreign(&self, seat: Seat) -> bool {
        match seat {
            Seat::Row(at) => self.rows.get(at).is_none_or(|row| row.kind == RowKind::KeyElsewhere),
            Seat::Foreign => true,
        }
    }

    /// Of the rows that may leave, an unsettled one before a settled one, then the one that was seen longest ago.
    fn oldest(&self, may_leave: impl Fn(&Row) -> bool) -> Option<usize> {
        let leaving = |row: &Row| row.kind != RowKind::Own && may_leave(row);
        let rows = self.rows.iter().enumerate().filter(|(_, row)| leaving(row));
        rows.min_by_key(|(_, row)| (row.is_settled(), row.last_seen)).map(|(at, _)| at)
    }

    fn make_space_for_failures(&mut self, at: usize) {
        let has_failures = |row: &Row| row.failures != Failures::default();
        let Some(mark) = self.rows.get(at).map(|row| row.mark) else { return };
        while self.rows.iter().filter(|row| has_failures(row)).count() > MOST_FAILING_ROWS {
            let others = |row: &Row| row.mark != mark && has_failures(row);
            // Where a success came after them, the source stays known.
            let ended = self.oldest(|row| others(row) && row.failures.consecutive == 0);
            if let Some(row) = ended.and_then(|at| self.rows.get_mut(at)) {
                self.foreign.absorb(std::mem::take(&mut row.failures));
            } else if let Some(at) = self.oldest(others) {
                self.dismiss(at);
            } else {
                return;
            }
        }
    }

    /// Removes a row. Its failures go to those of everything else.
    fn dismiss(&mut self, at: usize) {
        let Row { failures, .. } = self.rows.remove(at);
        self.foreign.absorb(failures);
    }
}
