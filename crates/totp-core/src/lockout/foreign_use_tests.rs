//! How much of the foreign budget is used, as doctor reads it.

use super::budget::{ForeignBudget, YEAR};
use super::{Guesses, RiskRules};

const NOW: u64 = 1_700_000_000;
const RISK: RiskRules = RiskRules::DEFAULT;

fn after(tries: u64) -> Guesses {
    let mut budget = ForeignBudget::new(RISK.yearly_risk, NOW);
    for _ in 0..tries {
        budget.charge(3_000, true);
    }
    Guesses { budget: Some(budget), ..Guesses::default() }
}

#[test]
fn what_is_used_is_told_in_percent_of_what_can_be_used_at_once() {
    assert_eq!(Guesses::default().foreign_used_percent(&RISK, NOW), 0);
    // 400,000 units are 133 tries of 3,000.
    for (tries, percent) in [(0, 0), (1, 1), (66, 50), (100, 75), (133, 100), (200, 100)] {
        assert_eq!(after(tries).foreign_used_percent(&RISK, NOW), percent, "{tries} tries");
    }
}

#[test]
fn what_came_back_since_is_no_longer_used() {
    let guesses = after(100);
    assert_eq!(guesses.foreign_used_percent(&RISK, NOW + YEAR / 4), 38);
    assert_eq!(guesses.foreign_used_percent(&RISK, NOW + YEAR), 0);
    assert_eq!(guesses, after(100));
}

#[test]
fn a_smaller_risk_makes_the_same_tries_more() {
    let half = RiskRules { yearly_risk: RISK.yearly_risk / 2, ..RISK };
    assert_eq!(after(60).foreign_used_percent(&half, NOW), 90);
}

#[test]
fn a_budget_that_is_days_ahead_of_the_clock_stands_still() {
    assert_eq!(Guesses::default().stands_still_until(NOW), None);
    assert_eq!(after(1).stands_still_until(NOW - 86400), None);
    assert_eq!(after(1).stands_still_until(NOW - 86401), Some(NOW));
}
