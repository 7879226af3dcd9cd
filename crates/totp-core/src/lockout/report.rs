//! What is shown of an account's guesses: its rows, its budgets, and what would become of the next try.

use super::budget::{ForeignBudget, RiskRules};
use super::guesses::{Guesses, Payer, Try};
use super::row::Row;
use super::source::{Identity, Mark, RowKind, Source};
use super::{Limit, LockState};
use crate::credential::Credential;
use crate::factor::Windows;
use crate::keyring::{Keyring, OpenError};
use crate::time::Seconds;
use crate::user::Account;

/// How far ahead of the clock a budget may have come back, in seconds: its leak is not missed within a day.
const UNNOTICED: u64 = 86400;

impl Guesses {
    /// How much of the foreign budget is used at `now` (seconds since 1970), in percent, rounded up.
    #[must_use]
    pub fn foreign_used_percent(&self, risk: &RiskRules, now: u64) -> u8 {
        let Some(mut budget) = self.budget else { return 0 };
        budget.leak(risk.yearly_risk, now);
        let used = budget.used_units().saturating_mul(100);
        match budget.capacity() {
            0 => 100,
            capacity => u8::try_from(used.div_ceil(capacity)).unwrap_or(100).min(100),
        }
    }

    /// Whether a smaller yearly risk than this one is in force.
    #[must_use]
    pub fn is_stricter_than(&self, risk: &RiskRules) -> bool {
        self.budget.is_some_and(|budget| budget.risk < risk.yearly_risk)
    }

    /// Up to when the budgets have leaked, in seconds since 1970, if that is so far ahead that nothing comes back for days: the clock ran
    /// ahead, or was set back.
    #[must_use]
    pub fn stands_still_until(&self, now: u64) -> Option<u64> {
        let of_rows = self.rows.iter().map(|row| u64::from(row.budget.leaked_until).saturating_mul(60));
        let leaked_until = of_rows.chain(self.budget.map(|budget| budget.leaked_until)).max()?;
        (leaked_until > now.saturating_add(UNNOTICED)).then_some(leaked_until)
    }
}

/// What the guesses are looked at with: the enrolment, the rules and the time.
#[derive(Clone, Copy)]
pub struct ReportInput<'a> {
    /// The enrolment.
    pub credential: &'a Credential,
    /// How far the windows of the factors reach.
    pub windows: &'a Windows,
    /// The limit on attempts.
    pub limit: &'a Limit,
    /// How much guessing is allowed within a year.
    pub risk: &'a RiskRules,
    /// Seconds since 1970.
    pub now: u64,
}

/// The guesses of an account as the next login would see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuessReport {
    /// The rows, that of the account's own uid first, then by their last accepted answer.
    pub rows: Vec<RowReport>,
    /// Everything that has no row.
    pub foreign: ForeignReport,
    /// What pays for tries from sources that have no budget of their own.
    pub budget: BudgetReport,
    /// Wrong codes from all sources since the last accepted answer.
    pub wrong_since_accepted: u32,
    /// The chance of all guesses of a year from settled sources together, in units of 10⁻⁹. The account's own uid is not counted.
    pub settled_risk: u64,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowReport {
    /// What it is.
    pub kind: RowKind,
    /// The uid, of a row of a uid.
    pub uid: Option<u32>,
    /// When it became known, in seconds since 1970.
    pub first_seen: u64,
    /// When it had its last accepted answer, in seconds since 1970.
    pub last_seen: u64,
    /// On how many days it had an accepted answer, counted to 255.
    pub days: u8,
    /// Whether its tries have a budget of their own.
    pub is_settled: bool,
    /// Tries left of its own budget; `None`: it has none.
    pub tries_left: Option<u32>,
    /// Wrong codes in a row.
    pub wrong: u32,
    /// Whether a code from there would be judged.
    pub state: LockState,
    /// The time until one would be; `None`: never by itself.
    pub wait: Option<Seconds>,
}

/// The row of everything that has no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignReport {
    /// Wrong codes in a row.
    pub wrong: u32,
    /// Wrong codes since the last accepted answer from anywhere.
    pub wrong_since_accepted: u32,
    /// From at least so many places.
    pub places: u32,
    /// Whether a code from there would be judged after a first factor.
    pub state: LockState,
    /// The time until one would be; `None`: never by itself.
    pub wait: Option<Seconds>,
}

/// The budget of foreign sources, in units of 10⁻⁹.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetReport {
    /// What is used.
    pub used: u64,
    /// What can be used at once.
    pub capacity: u64,
    /// What one try of this enrolment uses.
    pub charge: u64,
    /// How many tries that leaves.
    pub tries_left: u64,
    /// The time until there is room for a try; `None`: there never is.
    pub wait: Option<Seconds>,
    /// How many tries are left before which no first factor is known to have passed.
    pub unproven_tries_left: u64,
    /// The time until there is room for one of those; `None`: there never is.
    pub unproven_wait: Option<Seconds>,
    /// The yearly risk that is in force.
    pub yearly_risk: u64,
    /// That of the config. A greater one waits for an administrator's `unlock --budget`.
    pub configured_risk: u64,
}

/// What would become of a code from one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextTry {
    /// The row that it would be counted in; `None`: that of everything that has no other.
    pub row: Option<RowKind>,
    /// Whether the source has tries of its own.
    pub is_settled: bool,
    /// Whether it would be judged.
    pub state: LockState,
    /// The time until it would be; `None`: never by itself.
    pub wait: Option<Seconds>,
    /// What would pay for it; `None`: nothing has room for it.
    pub payer: Option<Paid>,
    /// Tries left there.
    pub tries_left: u64,
}

/// What pays for a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paid {
    /// The source's own budget.
    Own,
    /// The budget of all foreign sources.
    Foreign,
}

impl Guesses {
    /// The guesses as the next login would see them.
    #[must_use]
    pub fn report(&self, input: &ReportInput<'_>) -> GuessReport {
        let view = View::of(self, input);
        let mut rows: Vec<RowReport> = view.guesses.rows.iter().map(|row| view.row(row)).collect();
        rows.sort_by_key(|row| (row.kind != RowKind::Own, u64::MAX.saturating_sub(row.last_seen)));
        let settled = rows.iter().filter(|row| row.is_settled && row.kind != RowKind::Own).count();
        let since = view.guesses.since_accepted;
        let foreign = ForeignReport {
            wrong: view.guesses.foreign.consecutive(),
            wrong_since_accepted: since.foreign,
            places: since.places.count_ones(),
            state: view.state(&Identity::FOREIGN, true),
            wait: view.wait(&Identity::FOREIGN, true),
        };
        let of_one = u64::from(input.risk.known_tries_per_year).saturating_mul(view.charge);
        GuessReport {
            foreign,
            budget: view.budget(),
            wrong_since_accepted: view.guesses.wrong_codes(),
            settled_risk: of_one.saturating_mul(settled as u64),
            rows,
        }
    }

    /// What would become of a code from `source`, after a first factor or not.
    ///
    /// # Errors
    /// [`OpenError`]: the first secret of the enrolment does not open, without which no remote source is known.
    pub fn next_try(
        &self,
        input: &ReportInput<'_>,
        account: &Account,
        (source, has_first_factor): (&Source, bool),
        keyring: &Keyring,
    ) -> Result<NextTry, OpenError> {
        let credential = input.credential;
        let secret = match (source, credential.authenticators().first()) {
            (Source::Remote { .. }, Some(first)) => Some(credential.open(first, keyring)?),
            (Source::Remote { .. }, None) | (Source::Local(_) | Source::Foreign, _) => None,
        };
        let owner = credential.owner();
        let identity = source.identity(account.uid, owner.id, secret.as_ref());
        let view = View::of(self, input);
        let row = view.guesses.row_of(&identity);
        let payer = view.payer(&identity, has_first_factor);
        let tries_left = match (payer, row) {
            (Some(Payer::Own(_)), Some(row)) => row.budget.left(input.risk.known_tries_per_year).into(),
            (Some(Payer::Own(_)), None) | (None, _) => 0,
            (Some(Payer::Foreign), _) => view.foreign_budget().tries_left(view.charge, has_first_factor),
        };
        Ok(NextTry {
            row: row.map(|row| row.kind),
            is_settled: row.is_some_and(Row::is_settled),
            state: view.state(&identity, has_first_factor),
            wait: view.wait(&identity, has_first_factor),
            payer: payer.map(|payer| match payer {
                Payer::Own(_) => Paid::Own,
                Payer::Foreign => Paid::Foreign,
            }),
            tries_left,
        })
    }
}

impl GuessReport {
    /// Whether an administrator's `unlock` would lift or forget anything.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        let is_clear = |wrong: u32, state: LockState| {
            wrong == 0 && matches!(state, LockState::Open | LockState::OverBudget)
        };
        self.wrong_since_accepted == 0
            && is_clear(self.foreign.wrong, self.foreign.state)
            && self.rows.iter().all(|row| is_clear(row.wrong, row.state))
    }
}

impl BudgetReport {
    /// How much of it is used, in percent, rounded up.
    #[must_use]
    pub fn used_percent(&self) -> u8 {
        let percent = self.used.saturating_mul(100).div_ceil(self.capacity.max(1));
        u8::try_from(percent.min(100)).unwrap_or(100)
    }

    /// How many tries of this enrolment it has room for when nothing of it is used.
    #[must_use]
    pub fn tries(&self) -> u64 {
        self.capacity.checked_div(self.charge).unwrap_or(0)
    }

    /// What refilling adds to the guesses that this year allows.
    #[must_use]
    pub fn added_by_refill(&self) -> u64 {
        let full = ForeignBudget::new(self.configured_risk, 0).capacity();
        full.saturating_sub(self.capacity.saturating_sub(self.used))
    }
}

/// A copy of the guesses that was brought up to now.
struct View<'a> {
    guesses: Guesses,
    input: &'a ReportInput<'a>,
    /// The probability of one try of this enrolment, in units of 10⁻⁹.
    charge: u64,
}

impl<'a> View<'a> {
    fn of(held: &Guesses, input: &'a ReportInput<'a>) -> Self {
        let ReportInput { credential, windows, risk, now, .. } = *input;
        let charge = credential.guess_units(windows);
        let mut guesses = held.clone();
        guesses.pull_back(now);
        guesses.bring_up_to(risk, || charge, now);
        if credential.owner().uid.is_some() {
            guesses
                .with_own_row(&Identity { own: Some((RowKind::Own, Mark::OWN)), ..Identity::FOREIGN }, now);
        }
        Self { guesses, input, charge }
    }

    fn payer(&self, identity: &Identity, is_proven: bool) -> Option<Payer> {
        let ReportInput { risk, now, .. } = *self.input;
        self.guesses.payer(&Try { identity, is_proven, risk, now }, self.charge)
    }

    fn state(&self, identity: &Identity, is_proven: bool) -> LockState {
        match self.guesses.state(identity, self.input.limit, self.input.now) {
            LockState::Open if self.payer(identity, is_proven).is_none() => LockState::OverBudget,
            state @ (LockState::Open
            | LockState::Limited(_)
            | LockState::Locked(_)
            | LockState::Disabled
            | LockState::OverBudget) => state,
        }
    }

    fn wait(&self, identity: &Identity, is_proven: bool) -> Option<Seconds> {
        match self.state(identity, is_proven) {
            LockState::Open => Some(Seconds(0)),
            LockState::Limited(wait) | LockState::Locked(wait) => Some(wait),
            LockState::Disabled => None,
            LockState::OverBudget => {
                let row = self.guesses.row_of(identity);
                let settled = row.filter(|row| row.is_settled());
                let own = settled.and_then(|row| row.budget.wait(self.input.risk.known_tries_per_year));
                match row.map(|row| row.kind) {
                    Some(RowKind::Own) => own,
                    Some(_) | None => own.into_iter().chain(self.foreign_wait(is_proven)).min(),
                }
            }
        }
    }

    fn foreign_wait(&self, is_proven: bool) -> Option<Seconds> {
        let budget = self.foreign_budget();
        let Seconds(wait) = budget.wait(self.charge, is_proven)?;
        // A clock that was set back stops the leak until it is where it was.
        let pause = budget.leaked_until.saturating_sub(self.input.now);
        Some(Seconds(if wait == 0 { 0 } else { wait.saturating_add(pause) }))
    }

    fn row(&self, row: &Row) -> RowReport {
        let (kind, mark) = (row.kind, row.mark);
        let identity = match kind {
            RowKind::KeyElsewhere => Identity { key: Some(mark), ..Identity::FOREIGN },
            RowKind::Address | RowKind::KeyAtAddress | RowKind::LocalUid | RowKind::Own => {
                Identity { own: Some((kind, mark)), ..Identity::FOREIGN }
            }
        };
        RowReport {
            kind,
            uid: match kind {
                RowKind::LocalUid => Some(mark.uid()),
                RowKind::Own => self.input.credential.owner().uid,
                RowKind::Address | RowKind::KeyAtAddress | RowKind::KeyElsewhere => None,
            },
            first_seen: u64::from(row.first_seen).saturating_mul(60),
            last_seen: u64::from(row.last_seen).saturating_mul(60),
            days: row.days,
            is_settled: row.is_settled(),
            tries_left: row.is_settled().then(|| row.budget.left(self.input.risk.known_tries_per_year)),
            wrong: row.failures.consecutive(),
            // A source is known only after a first factor.
            state: self.state(&identity, true),
            wait: self.wait(&identity, true),
        }
    }

    fn foreign_budget(&self) -> ForeignBudget {
        let new = || ForeignBudget::new(self.input.risk.yearly_risk, self.input.now);
        self.guesses.budget.unwrap_or_else(new)
    }

    fn budget(&self) -> BudgetReport {
        let (budget, charge) = (self.foreign_budget(), self.charge);
        BudgetReport {
            used: budget.used_units(),
            capacity: budget.capacity(),
            charge,
            tries_left: budget.tries_left(charge, true),
            wait: self.foreign_wait(true),
            unproven_tries_left: budget.tries_left(charge, false),
            unproven_wait: self.foreign_wait(false),
            yearly_risk: budget.risk,
            configured_risk: self.input.risk.yearly_risk,
        }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
