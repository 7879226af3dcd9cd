//! What an administrator lifts: locks, wrong codes, and what guessing has used of the budgets.

use super::{EnrolmentError, sound};
use crate::credential::Credential;
use crate::ledger::Ledger;
use crate::lockout::{GuessReport, MOST_SAVED_TRIES, ReportInput};
use crate::login::Rules;
use crate::store::Entry;
use crate::time::Now;

/// What there is to lift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToLift {
    /// The rows and the budgets.
    pub guesses: GuessReport,
    /// Whether there are codes that were used up while the clock ran ahead.
    pub frees_codes: bool,
    /// Whether budgets stand still because the clock ran ahead.
    pub restarts_budgets: bool,
    /// What refilling adds to the guesses that this year allows, in units of 10⁻⁹: of unknown places, and of each place with tries of its own.
    pub added_risk: u64,
    /// Whether anything of a budget is used, or a smaller risk than that of the config is in force.
    pub refills: bool,
}

impl ToLift {
    /// What there is to lift of an enrolment.
    ///
    /// # Errors
    /// [`EnrolmentError`] if it cannot be read.
    pub fn of<E: Entry>(entry: &E, rules: &Rules, now: Now) -> Result<Self, EnrolmentError> {
        let (credential, ledger) = sound(entry)?;
        let Rules { windows, limit, risk } = rules;
        let now_seconds = now.realtime;
        let input = ReportInput { credential: &credential, windows, limit, risk, now: now_seconds };
        let guesses = ledger.guesses().report(&input);
        let most = risk.known_tries_per_year.min(MOST_SAVED_TRIES);
        let refills = guesses.budget.used > 0
            || guesses.budget.yearly_risk < guesses.budget.configured_risk
            || guesses.rows.iter().any(|row| row.tries_left.is_some_and(|left| left < most));
        let spent = |left: u32| u64::from(most.saturating_sub(left)).saturating_mul(guesses.budget.charge);
        let of_rows: u64 = guesses.rows.iter().filter_map(|row| row.tries_left).map(spent).sum();
        let added_risk = guesses.budget.added_by_refill().saturating_add(of_rows);
        let mut freed = ledger.clone();
        free_codes(&mut freed, &credential, rules, now);
        let restarts_budgets = ledger.guesses().stands_still_until(now_seconds).is_some();
        Ok(Self { guesses, frees_codes: freed != ledger, restarts_budgets, added_risk, refills })
    }

    /// Whether `unlock` has nothing to lift.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.guesses.is_clear() && !self.frees_codes && !self.restarts_budgets
    }
}

/// Forgives all failures and lifts every lock; the budgets stay as they are. If the machine's clock ran ahead and was set back, codes that
/// were used up in that time are allowed again, except those that a login of now may have used.
///
/// # Errors
/// [`EnrolmentError`]; the ledger is then as it was.
pub fn unlock<E: Entry>(entry: E, rules: &Rules, now: Now) -> Result<(), EnrolmentError> {
    let ledger = unlocked(&entry, rules, now)?;
    Ok(entry.record(&ledger)?)
}

/// The same, and refills the budgets for guessing, under the risk of the config.
///
/// # Errors
/// [`EnrolmentError`]; the ledger is then as it was.
pub fn refill_budget<E: Entry>(entry: E, rules: &Rules, now: Now) -> Result<(), EnrolmentError> {
    let mut ledger = unlocked(&entry, rules, now)?;
    ledger.guesses.refill(&rules.risk, now.realtime);
    Ok(entry.record(&ledger)?)
}

fn unlocked<E: Entry>(entry: &E, rules: &Rules, now: Now) -> Result<Ledger, EnrolmentError> {
    let (credential, mut ledger) = sound(entry)?;
    let Rules { windows, risk, .. } = rules;
    ledger.guesses.pull_back(now.realtime);
    // Failures of a ledger from before there were budgets are charged first, so that the budget does not forget them.
    ledger.guesses.bring_up_to(risk, || credential.guess_units(windows), now.realtime);
    ledger.guesses.forgive(now.realtime);
    free_codes(&mut ledger, &credential, rules, now);
    Ok(ledger)
}

fn free_codes(ledger: &mut Ledger, credential: &Credential, rules: &Rules, now: Now) {
    for (progress, authenticator) in ledger.progress.iter_mut().zip(credential.authenticators()) {
        progress.used_up_to = authenticator.factor().freed(progress.used_up_to, &rules.windows, now);
    }
}
