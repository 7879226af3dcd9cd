//! The tables of `docs/security-model.md`: how likely guessing succeeds within a year.

use super::account::{Account, RULES, Shape, authenticator};
use super::attacker::{STRATEGIES, Timing};
use super::chance::Chance;
use super::figures::percent;
use super::history::History;
use super::owner::{HABITS, Habit, Sources};
use crate::lockout::budget::ForeignBudget;
use crate::lockout::{Failures, LockState, MOST_SAVED_TRIES};
use std::fmt::Write;

const DAY: u64 = 86400;
const DAYS: u64 = 365;

/// The tables as they stand in the document.
#[must_use]
pub fn table() -> String {
    let mut text = String::from(
        "| authenticators | logins of the owner a day | a success clears all failures | with sources and a budget |\n|---|---|---|---|\n",
    );
    for (authenticators, logins) in [(1, 5), (4, 5), (1, 20), (4, 20)] {
        let (before, now) = (before(authenticators, logins), now(authenticators, logins));
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {authenticators} | {logins} | {before:.1} % | {} % |", percent(now));
    }
    text.push_str(
        "\n| authenticators | codes right at once | foreign tries at once | foreign tries in a year | for a settled source in a year |\n|---|---|---|---|---|\n",
    );
    let (risk, earned) = (RULES.risk.yearly_risk, u64::from(RULES.risk.known_tries_per_year));
    for authenticators in 1..=4 {
        let units = units(authenticators);
        let at_once = ForeignBudget::new(risk, 0).capacity() / units;
        let (in_a_year, settled) = (risk / units, percent(earned * units));
        let _ = writeln!(
            text,
            "| {authenticators} | {} | {at_once} | {in_a_year} | {settled} %, and {MOST_SAVED_TRIES} tries saved: {} % |",
            units / 1000,
            percent(u64::from(MOST_SAVED_TRIES) * units),
        );
    }
    text
}

fn units(authenticators: usize) -> u64 {
    of_phones(authenticators).units(Shape::Digits(6), &RULES.windows)
}

fn of_phones(authenticators: usize) -> Account {
    Account::new(vec![authenticator(6, None); authenticators], 0)
}

/// The chance of a year in percent by the rule before there were sources: one row, which each success clears. The attacker tries
/// just before each login, one try fewer than locks.
#[expect(clippy::cast_precision_loss, reason = "tries and units are far below 2⁵³")]
fn before(authenticators: usize, logins: u64) -> f64 {
    let (limit, mut row, mut tries) = (RULES.limit, Failures::default(), 0);
    for login in 0..DAYS * logins {
        let at = login * DAY / logins;
        for second in [0, 60] {
            while row.consecutive() + 1 < limit.lock_after
                && limit.state(&row, at + second) == LockState::Open
            {
                limit.charge(&mut row, at + second);
                tries += 1;
            }
        }
        row.succeed();
    }
    let chance = units(authenticators) as f64 / 1e9;
    (1.0 - (tries as f64 * (-chance).ln_1p()).exp()) * 100.0
}

/// What the same attacker is judged within a year by the present rules, in units of 10⁻⁹.
fn now(authenticators: usize, logins: u64) -> u64 {
    let hides = STRATEGIES.into_iter().find(|strategy| strategy.timing == Timing::BeforeLogins);
    let habit = Habit { logins_a_day: logins, ..HABITS[0] };
    let sources = Sources::new(false);
    History::new(of_phones(authenticators), habit, hides, &sources, Chance::new(16)).run(2 * DAYS).worst_year
}
