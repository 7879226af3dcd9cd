//! What the rows of an account promise: which leave, what they leave behind, and what is remembered of a ledger without a budget.

use super::guesses::{Guesses, MOST_FAILING_ROWS, MOST_ROWS, Payer, Try};
use super::source::{Identity, Mark, RowKind};
use super::{Failures, Limit, LockState, RiskRules};
use crate::ledger::Ledger;
use crate::time::Seconds;
use proptest::prelude::*;

const NOON: u64 = 1_800_000_000;
const DAY: u64 = 86400;
const RISK: RiskRules = RiskRules::DEFAULT;
const LIMIT: Limit = Limit {
    attempts: 5,
    per: Seconds(60),
    lock_after: 10,
    lock_for: Seconds(60),
    lock_max: Seconds(86400),
    disable_after: 100,
};
const UNITS: u64 = 3000;

fn address(number: u8) -> Identity {
    let mark = Mark([number; 12]);
    Identity { own: Some((RowKind::Address, mark)), key: None, place: number % 64 }
}

fn with_key(number: u8, key: u8) -> Identity {
    let own = Some((RowKind::KeyAtAddress, Mark([number; 12])));
    Identity { own, key: Some(Mark([key; 12])), place: number % 64 }
}

const OWN: Identity = Identity { own: Some((RowKind::Own, Mark::OWN)), ..Identity::FOREIGN };

/// An account, and the clock.
#[derive(Default)]
struct Account(Guesses);

impl Account {
    fn moment(&mut self, identity: &Identity, now: u64) {
        self.0.at_moment(identity, &RISK, || UNITS, now);
    }

    fn wrong(&mut self, identity: &Identity, now: u64) -> Result<(), LockState> {
        self.moment(identity, now);
        let tried = Try { identity, is_proven: true, risk: &RISK, now };
        self.0.begin(&tried, UNITS, &LIMIT).map(|_| ())
    }

    fn right(&mut self, identity: &Identity, now: u64) {
        self.moment(identity, now);
        self.0.accept(&Try { identity, is_proven: true, risk: &RISK, now });
    }

    fn settle(&mut self, identity: &Identity, from: u64) {
        (0..3).for_each(|day| self.right(identity, from + day * DAY));
    }

    fn payer(&self, identity: &Identity, now: u64) -> Option<Payer> {
        self.0.payer(&Try { identity, is_proven: true, risk: &RISK, now }, UNITS)
    }

    fn has(&self, identity: &Identity) -> bool {
        self.0.rows.iter().any(|row| Some((row.kind, row.mark)) == identity.own)
    }

    /// As a store gives it back.
    fn stored(&self) -> Guesses {
        let ledger = Ledger { guesses: self.0.clone(), ..Ledger::default() };
        Ledger::from_sparse(&ledger.to_sparse()).expect("it was written by this version").guesses
    }
}

#[test]
fn a_wrong_code_at_the_own_uid_is_stored_beside_any_number_of_sources() {
    let mut account = Account::default();
    (0..60).for_each(|number| account.right(&address(number), NOON));
    account.wrong(&OWN, NOON).unwrap();
    let stored = account.stored();
    assert_eq!(stored, account.0);
    assert_eq!(stored.rows.len(), MOST_ROWS);
    assert_eq!(stored.row_of(&OWN).map(|row| row.failures.consecutive()), Some(1));
}

#[test]
fn a_source_is_settled_on_the_third_different_day() {
    let mut account = Account::default();
    for _ in 0..5 {
        account.right(&address(1), NOON);
    }
    account.right(&address(1), NOON + DAY);
    assert_eq!(account.payer(&address(1), NOON + DAY), Some(Payer::Foreign));
    account.right(&address(1), NOON + 2 * DAY);
    assert_eq!(account.payer(&address(1), NOON + 2 * DAY), Some(Payer::Own(0)));
    assert_eq!(account.payer(&address(2), NOON + 2 * DAY), Some(Payer::Foreign));
}

#[test]
fn a_source_that_was_not_seen_for_ninety_days_is_not_known() {
    let mut account = Account::default();
    account.settle(&address(1), NOON);
    let last = NOON + 2 * DAY;
    account.moment(&address(1), last + 90 * DAY - 60);
    assert!(account.has(&address(1)));
    account.moment(&address(1), last + 90 * DAY + 60);
    assert!(!account.has(&address(1)));
}

#[test]
fn an_unsettled_source_leaves_first_and_then_the_one_seen_longest_ago() {
    let mut account = Account::default();
    for number in 0..12 {
        account.settle(&address(number), NOON + u64::from(number));
    }
    let later = NOON + 4 * DAY;
    for number in 100..=111 {
        account.right(&address(number), later + u64::from(number) * 60);
    }
    // The last but one place is kept for the own uid.
    assert!(!account.has(&address(100)) && account.has(&address(101)));
    assert!((0..12).all(|number| account.has(&address(number))));
    for number in 101..=111 {
        account.settle(&address(number), later + DAY + u64::from(number) * 60);
    }
    account.right(&address(200), later + 10 * DAY);
    assert!(!account.has(&address(0)) && account.has(&address(1)) && account.has(&address(200)));
}

#[test]
fn the_failures_and_the_lock_of_a_leaving_row_go_to_the_foreign_one() {
    let mut account = Account::default();
    account.right(&address(1), NOON);
    for minute in 0..10 {
        account.wrong(&address(1), NOON + minute * 60).unwrap();
    }
    let failures = account.0.row_of(&address(1)).unwrap().failures.clone();
    for number in 2..=60 {
        account.right(&address(number), NOON + 3600);
    }
    assert!(!account.has(&address(1)));
    assert_eq!(account.0.foreign, failures);
}

#[test]
fn at_most_twelve_rows_have_failures() {
    let mut account = Account::default();
    for number in 0..20 {
        account.settle(&address(number), NOON + u64::from(number) * 60);
    }
    for number in 0..20 {
        account.wrong(&address(number), NOON + 3 * DAY).unwrap();
    }
    let failing = account.0.rows.iter().filter(|row| row.failures != Failures::default()).count();
    assert_eq!(failing, MOST_FAILING_ROWS);
    assert_eq!(account.0.foreign.consecutive(), 8);
}

#[test]
fn a_place_whose_failures_ended_with_a_success_stays_known() {
    let mut account = Account::default();
    for number in 0..20 {
        account.settle(&address(number), NOON + u64::from(number) * 60);
    }
    for number in 0..20 {
        account.wrong(&address(number), NOON + 3 * DAY).unwrap();
        account.right(&address(number), NOON + 3 * DAY);
    }
    assert!((0..20).all(|number| account.has(&address(number))));
    let failing = account.0.rows.iter().filter(|row| row.failures != Failures::default()).count();
    assert_eq!((failing, account.0.foreign.recent.len()), (MOST_FAILING_ROWS, 8));
    assert_eq!(account.stored(), account.0);
}

#[test]
fn a_strangers_lock_is_not_the_owners_and_a_success_does_not_lift_it() {
    let mut account = Account::default();
    account.settle(&address(1), NOON);
    let now = NOON + 3 * DAY;
    for minute in 0..10 {
        account.wrong(&address(2), now + minute * 60).unwrap();
    }
    let locked = now + 9 * 60 + 1;
    assert!(matches!(account.wrong(&address(3), locked), Err(LockState::Locked(_))));
    account.right(&address(1), locked);
    assert!(matches!(account.wrong(&address(3), locked), Err(LockState::Locked(_))));
    account.wrong(&address(1), locked).unwrap();
}

#[test]
fn foreign_rows_forget_one_failure_a_day() {
    let mut account = Account::default();
    account.right(&with_key(1, 9), NOON);
    let elsewhere = with_key(2, 9);
    for minute in 0..5 {
        account.wrong(&address(2), NOON + minute * 60).unwrap();
        account.wrong(&elsewhere, NOON + minute * 60).unwrap();
    }
    let left = |account: &mut Account, now| {
        account.moment(&elsewhere, now);
        let key = account.0.row_of(&elsewhere).map(|row| row.failures.consecutive());
        (account.0.foreign.consecutive(), key)
    };
    assert_eq!(left(&mut account, NOON + DAY - 60), (5, Some(5)));
    assert_eq!(left(&mut account, NOON + DAY + 60), (4, Some(4)));
    assert_eq!(left(&mut account, NOON + DAY + 120), (4, Some(4)));
    assert_eq!(left(&mut account, NOON + 9 * DAY), (0, Some(0)));
}

#[test]
fn a_recovery_code_lifts_the_foreign_lock_and_refills_nothing() {
    let mut account = Account::default();
    for minute in 0..10 {
        account.wrong(&address(2), NOON + minute * 60).unwrap();
    }
    let (now, budget) = (NOON + 9 * 60 + 1, account.0.budget);
    let here = address(3);
    account.0.recover(&Try { identity: &here, is_proven: true, risk: &RISK, now });
    assert_eq!(account.0.budget, budget);
    assert!(account.has(&here));
    assert_eq!([here, address(2)].map(|from| account.wrong(&from, now)), [Ok(()), Ok(())]);
}

#[test]
fn a_place_is_settled_by_recovery_codes_on_three_days_while_the_budget_is_empty() {
    let mut account = Account::default();
    let here = address(3);
    for day in 0..3 {
        let now = NOON + day * DAY;
        account.moment(&here, now);
        if let Some(budget) = &mut account.0.budget {
            budget.used = budget.capacity() * super::budget::YEAR;
        }
        assert_eq!(account.wrong(&here, now), Err(LockState::OverBudget));
        account.0.recover(&Try { identity: &here, is_proven: true, risk: &RISK, now });
    }
    assert_eq!(account.wrong(&here, NOON + 2 * DAY), Ok(()));
}

/// A ledger from before there were budgets.
fn converted(wrong: u32) -> Account {
    let mut guesses = Guesses::default();
    for at in 0..u64::from(wrong) {
        LIMIT.charge(&mut guesses.foreign, NOON + at * DAY);
    }
    Account(guesses)
}

#[test]
fn an_upgrade_forgets_nothing_and_lifts_no_lock() {
    for wrong in [1, 5, 10, 20, 99, 100, 120] {
        let now = NOON + u64::from(wrong - 1) * DAY + 1;
        let before = LIMIT.state(&converted(wrong).0.foreign, now);
        for identity in [OWN, address(1), with_key(1, 2), Identity::FOREIGN] {
            let mut account = converted(wrong);
            account.moment(&identity, now);
            assert_eq!(account.0.state(&identity, &LIMIT, now), before, "{wrong} {identity:?}");
            assert_eq!(account.0.wrong_codes(), wrong);
            let used = account.0.budget.unwrap().used_units();
            assert!(used >= (u64::from(wrong) * UNITS - 100).min(399_900), "{used}");
            assert_eq!(account.stored(), account.0);
        }
    }
}

proptest! {
    #[test]
    fn a_right_code_gets_back_its_own_charge_and_no_other(
        tries in proptest::collection::vec((0u8..4, 0u64..90_000, any::<bool>()), 1..80),
    ) {
        let mut account = Account::default();
        let mut now = NOON;
        for (number, gap, is_right) in tries {
            now += gap;
            let identity = address(number);
            account.moment(&identity, now);
            let before = (account.0.budget, account.0.rows.iter().map(|row| row.budget).collect::<Vec<_>>());
            if is_right {
                account.right(&identity, now);
                let rows: Vec<_> = account.0.rows.iter().map(|row| row.budget).take(before.1.len()).collect();
                prop_assert_eq!((account.0.budget, rows), before);
            } else if let (Some(payer), Ok(())) = (account.payer(&identity, now), account.wrong(&identity, now)) {
                let foreign = before.0.map_or(0, |budget| budget.used);
                let after = account.0.budget.map_or(0, |budget| budget.used);
                let charge = if payer == Payer::Foreign { UNITS * super::budget::YEAR } else { 0 };
                prop_assert_eq!(after - foreign, charge);
            }
        }
    }

    #[test]
    fn what_is_stored_is_what_was_decided(
        tries in proptest::collection::vec((0u8..60, 0u64..DAY * 3, 0u8..4), 1..300),
    ) {
        let mut account = Account::default();
        let mut now = NOON;
        for (number, gap, kind) in tries {
            now += gap;
            let identity = match kind {
                0 => OWN,
                1 => with_key(number, number % 3),
                _ => address(number),
            };
            if gap % 3 == 0 { let _ = account.wrong(&identity, now); } else { account.right(&identity, now); }
            let mut kept = account.0.clone();
            kept.rows.retain(|row| !row.is_blank());
            prop_assert_eq!(account.stored(), kept);
            prop_assert!(account.0.rows.len() <= MOST_ROWS);
        }
    }
}

#[test]
fn a_clock_that_goes_to_and_fro_makes_no_third_day() {
    let mut guesses = Guesses::default();
    for at in [NOON, NOON + DAY, NOON, NOON + DAY, NOON] {
        guesses.know(&address(1), at);
    }
    assert_eq!(guesses.rows[0].days, 2);
    guesses.know(&address(1), NOON + 2 * DAY);
    assert_eq!(guesses.rows[0].days, 3);
}

#[test]
fn a_typing_error_of_long_ago_evicts_no_place() {
    let mut account = Account::default();
    for number in 1..=13 {
        account.0.know(&address(number), NOON);
    }
    for number in 1..=13 {
        let now = NOON + u64::from(number) * 10 * DAY;
        let (place, limit) = (address(number), LIMIT);
        account.0.know(&place, now);
        account.0.at_moment(&place, &RISK, || UNITS, now);
        let tried = Try { identity: &place, is_proven: true, risk: &RISK, now };
        account.0.begin(&tried, UNITS, &limit).unwrap();
        account.0.accept(&tried);
        for other in 1..=13 {
            account.0.know(&address(other), now);
        }
    }
    assert_eq!(account.0.rows.len(), 13);
    assert_eq!(account.0.foreign, Failures::default());
}

#[test]
fn a_place_of_a_clock_that_ran_ahead_settles_after_a_refill() {
    let mut account = Account::default();
    account.right(&address(1), NOON + 3000 * DAY);
    account.moment(&address(1), NOON);
    account.0.refill(&RISK, NOON);
    (1..=2).for_each(|day| account.right(&address(1), NOON + day * DAY));
    assert_eq!(account.payer(&address(1), NOON + 2 * DAY), Some(Payer::Own(0)));
}
