//! An account that is judged by the rules of the program. A code is not a code here but its probability.

use crate::factor::totp::{Algorithm, Drift, Parameters, Totp, Window};
use crate::factor::{Factor, Windows, guess_units, hotp};
use crate::ledger::Ledger;
use crate::lockout::guesses::Try;
use crate::lockout::source::Identity;
use crate::lockout::{Guesses, Limit, LockState, RiskRules};
use crate::login::Rules;
use crate::recovery::SCRATCH_DIGITS;
use crate::store::Charging;
use crate::time::Seconds;

/// What is taken out of the rules, to see that the simulation notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// No try is charged to a budget.
    NoCharge,
    /// An accepted answer refills the budgets.
    SuccessRefills,
}

/// What an answer turns out to be, once it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Right,
    Wrong,
    /// Right, but used before.
    Replayed,
    /// The login is killed between the charge and the result.
    Killed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Accepted,
    Wrong,
    Replayed,
    Refused(LockState),
}

/// The result of a try.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    pub(super) answered: Answered,
    /// Whether the foreign budget paid.
    pub(super) is_foreign: bool,
    /// If it is refused: when the foreign budget has room for it.
    pub(super) wait: Option<Seconds>,
}

/// Which codes an answer can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Of this many digits.
    Digits(u8),
    /// The last digits of a longer answer, so of any authenticator.
    Trailing,
}

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) guesses: Guesses,
    pub(super) authenticators: Vec<Factor>,
    /// Unused scratch codes.
    pub(super) scratch: u64,
    pub(super) fault: Fault,
    pub(super) charging: Charging,
}

/// Who tries, where and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct From<'a> {
    pub(super) identity: &'a Identity,
    pub(super) is_proven: bool,
    pub(super) rules: &'a Rules,
    pub(super) now: u64,
}

impl<'a> From<'a> {
    fn this_try(&self) -> Try<'a> {
        Try { identity: self.identity, is_proven: self.is_proven, risk: &self.rules.risk, now: self.now }
    }
}

impl Account {
    pub(super) fn new(authenticators: Vec<Factor>, scratch: u64) -> Self {
        Self {
            guesses: Guesses::default(),
            authenticators,
            scratch,
            fault: Fault::None,
            charging: Charging::BeforeLook,
        }
    }

    /// The probability that a guess of this shape is right, in units of 10⁻⁹, as a login computes it.
    pub(super) fn units(&self, shape: Shape, windows: &Windows) -> u64 {
        let fits = |digits: u8| match shape {
            Shape::Digits(typed) => typed == digits,
            Shape::Trailing => true,
        };
        let factors = self.authenticators.iter().filter(|factor| fits(factor.digits()));
        let scratch = if fits(SCRATCH_DIGITS) { guess_units(SCRATCH_DIGITS, self.scratch) } else { 0 };
        factors.map(|factor| factor.guess_units(windows)).sum::<u64>() + scratch
    }

    /// The state as the next try finds it, and whether that is to be recorded.
    fn before(&self, from: &From<'_>) -> (Guesses, bool) {
        let mut before = self.guesses.clone();
        let of_all = || self.authenticators.iter().map(|one| one.guess_units(&from.rules.windows)).sum();
        let is_settled = before.at_moment(from.identity, &from.rules.risk, of_all, from.now);
        (before, is_settled)
    }

    /// One try. `look` says what a look would find.
    pub(super) fn judge(&mut self, from: &From<'_>, units: u64, look: Look) -> Judged {
        let (before, is_settled) = self.before(from);
        let mut next = before.clone();
        if let Err(state) = next.begin(&from.this_try(), units, &from.rules.limit) {
            let wait = before.budget.and_then(|budget| budget.wait(units, from.is_proven));
            if is_settled {
                self.guesses = before;
            }
            return Judged { answered: Answered::Refused(state), is_foreign: false, wait };
        }
        let used = |guesses: &Guesses| guesses.budget.map(|budget| budget.used);
        let is_foreign = used(&next) > used(&before);
        let answered = self.look(from, before, next, look, is_settled);
        Judged { answered, is_foreign, wait: None }
    }

    /// The result of a look, after the charge.
    fn look(
        &mut self,
        from: &From<'_>,
        mut before: Guesses,
        mut charged: Guesses,
        look: Look,
        is_settled: bool,
    ) -> Answered {
        if self.fault == Fault::NoCharge {
            charged.budget = before.budget;
            charged.rows.iter_mut().zip(&before.rows).for_each(|(row, before)| row.budget = before.budget);
        }
        match look {
            Look::Wrong | Look::Killed => {
                self.guesses = charged;
                Answered::Wrong
            }
            Look::Replayed => {
                // Without a charge on the disk there is nothing to give back.
                if self.charging == Charging::BeforeLook || is_settled {
                    self.guesses = before;
                }
                Answered::Replayed
            }
            Look::Right => {
                before.accept(&from.this_try());
                if self.fault == Fault::SuccessRefills {
                    before.refill(&from.rules.risk, from.now);
                }
                self.guesses = before;
                Answered::Accepted
            }
        }
    }

    /// A recovery code is always judged.
    pub(super) fn recover(&mut self, from: &From<'_>) {
        let (mut before, _) = self.before(from);
        before.recover(&from.this_try());
        self.guesses = before;
    }

    /// What a code would be answered but for the budget.
    pub(super) fn state(&self, from: &From<'_>) -> LockState {
        self.before(from).0.state(from.identity, &from.rules.limit, from.now)
    }

    /// What a store gives back of it.
    pub(super) fn stored(&self) -> Guesses {
        let ledger = Ledger { guesses: self.guesses.clone(), ..Ledger::default() };
        Ledger::from_sparse(&ledger.to_sparse()).map(|ledger| ledger.guesses).unwrap_or_default()
    }
}

/// An authenticator with so many digits, which accepts so many steps each side.
pub(super) fn authenticator(digits: u8, drift: Option<u64>) -> Factor {
    let drift = drift.and_then(|steps| Drift::new(steps).ok());
    let parameters = Parameters::new(Algorithm::Sha1, digits, 30).unwrap_or(Parameters::EVERY_APP);
    Factor::from(Totp::new(parameters).with_drift(drift))
}

/// The rules of a config that sets nothing.
pub(super) const RULES: Rules = Rules {
    windows: Windows {
        totp: Window { drift_steps: 1, greatest_drift_steps: 4 },
        hotp: hotp::Window::DEFAULT,
    },
    limit: Limit {
        attempts: 5,
        per: Seconds(60),
        lock_after: 10,
        lock_for: Seconds(60),
        lock_max: Seconds(86400),
        disable_after: 100,
    },
    risk: RiskRules::DEFAULT,
};
