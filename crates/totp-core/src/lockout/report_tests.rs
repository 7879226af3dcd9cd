use super::*;
use crate::code::Answer;
use crate::enrolment::{ToLift, refill_budget, unlock};
use crate::fixture::{Fixture, NOON, PHONE, alice, at, code, rules, word};
use crate::lockout::{Place, SourceRules};
use crate::login::Rules;
use crate::store::Held;
use crate::store::memory::{Comparing, Memory};

const DAY: u64 = 86400;
/// The codes of one phone that are right at one time are three of a million.
const CHARGE: u64 = 3000;

type Alice = Fixture<Memory<Comparing>>;

fn enrolled() -> Alice {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    fixture
}

fn from(address: &str) -> Source {
    Source::Remote { key: None, place: Place::of(address, &SourceRules::default()).unwrap() }
}

fn types(fixture: &Alice, source: &Source, typed: &[u8], now: u64) -> String {
    let answer = Answer::recognise(typed).unwrap();
    word(fixture.login_from(&fixture.store, &alice(), &answer, (source, true), at(now)))
}

fn logs_in(fixture: &Alice, source: &Source, now: u64) {
    assert_eq!(types(fixture, source, &code(PHONE, now), now), "accepted phone");
}

fn guesses(fixture: &Alice, source: &Source, count: usize, now: u64) {
    for _ in 0..count {
        assert!(types(fixture, source, b"000000", now).starts_with("wrong"));
    }
}

fn with_input<T>(
    fixture: &Alice,
    rules: &Rules,
    now: u64,
    act: impl FnOnce(&Guesses, &ReportInput<'_>) -> T,
) -> T {
    let (held, Rules { windows, limit, risk }) = (fixture.held(), rules);
    act(held.ledger().guesses(), &ReportInput { credential: held.credential(), windows, limit, risk, now })
}

fn report(fixture: &Alice, now: u64) -> GuessReport {
    with_input(fixture, &rules(), now, Guesses::report)
}

fn next(fixture: &Alice, source: &Source, has_first_factor: bool, now: u64) -> NextTry {
    with_input(fixture, &rules(), now, |guesses, input| {
        guesses.next_try(input, &alice(), (source, has_first_factor), &fixture.keyring).unwrap()
    })
}

#[test]
fn of_an_enrolment_without_a_login_there_is_its_own_uid() {
    let report = report(&enrolled(), NOON);
    let [own] = report.rows.as_slice() else { panic!("{report:?}") };
    assert_eq!((own.kind, own.uid, own.days, own.tries_left), (RowKind::Own, Some(1001), 0, Some(40)));
    assert_eq!((report.budget.tries(), report.budget.tries_left), (133, 133));
    assert_eq!((report.budget.unproven_tries_left, report.budget.wait), (66, Some(Seconds(0))));
    assert!(report.is_clear() && report.settled_risk == 0);
}

#[test]
fn a_row_is_shown_with_its_days_and_its_tries() {
    let (fixture, home) = (enrolled(), from("192.0.2.7"));
    for day in 0..3 {
        logs_in(&fixture, &home, NOON + day * DAY);
    }
    let now = NOON + 2 * DAY + 60;
    guesses(&fixture, &home, 2, now);
    let report = report(&fixture, now);
    let row = report.rows.iter().find(|row| row.kind == RowKind::Address).unwrap();
    assert_eq!((row.first_seen, row.last_seen, row.days), (NOON, NOON + 2 * DAY, 3));
    assert_eq!((row.is_settled, row.tries_left, row.wrong, row.uid), (true, Some(38), 2, None));
    assert_eq!((report.budget.used, report.wrong_since_accepted), (0, 2));
    assert_eq!(report.settled_risk, 400 * CHARGE);
    assert_eq!((report.foreign.wrong, report.foreign.wrong_since_accepted, report.foreign.places), (0, 0, 0));
}

#[test]
fn wrong_codes_from_elsewhere_use_the_budget_of_all() {
    let fixture = enrolled();
    guesses(&fixture, &from("192.0.2.7"), 2, NOON);
    guesses(&fixture, &from("198.51.100.1"), 3, NOON);
    let report = report(&fixture, NOON);
    assert_eq!((report.foreign.wrong, report.foreign.places), (5, 2));
    assert_eq!(report.foreign.state, LockState::Limited(Seconds(60)));
    assert_eq!(
        (report.budget.used, report.budget.used_percent(), report.budget.tries_left),
        (5 * CHARGE, 4, 128)
    );
    assert!(!report.is_clear());
}

#[test]
fn what_is_shown_was_brought_up_to_now() {
    let fixture = enrolled();
    guesses(&fixture, &from("192.0.2.7"), 2, NOON);
    let report = report(&fixture, NOON + 365 * DAY);
    assert_eq!((report.budget.used, report.foreign.wrong, report.foreign.wrong_since_accepted), (0, 0, 2));
}

#[test]
fn a_used_up_budget_says_when_there_is_room_again() {
    let fixture = enrolled();
    let strict = Rules { risk: RiskRules { yearly_risk: 10_000, ..RiskRules::DEFAULT }, ..rules() };
    with_input(&fixture, &strict, NOON, |guesses, input| {
        let mut guesses = guesses.clone();
        let tried = Try { identity: &Identity::FOREIGN, is_proven: true, risk: input.risk, now: NOON };
        guesses.bring_up_to(input.risk, || 0, NOON);
        guesses.charge(&tried, Payer::Foreign, CHARGE, input.limit);
        let report = guesses.report(input);
        assert_eq!(report.foreign.state, LockState::OverBudget);
        let wait = report.budget.wait.unwrap().0;
        assert_eq!(report.foreign.wait, report.budget.wait);
        assert!((DAY..365 * DAY).contains(&wait), "{wait}");
        for (later, state) in [(wait - 1, LockState::OverBudget), (wait, LockState::Open)] {
            let report = guesses.report(&ReportInput { now: NOON + later, ..*input });
            assert_eq!(report.foreign.state, state, "{later}");
        }
    });
}

#[test]
fn a_stricter_config_holds_until_the_budget_is_refilled() {
    let mut fixture = enrolled();
    let strict = Rules { risk: RiskRules { yearly_risk: 100_000, ..RiskRules::DEFAULT }, ..rules() };
    fixture.change(NOON, |entry, _| refill_budget(entry, &strict, at(NOON)).unwrap());
    let before = report(&fixture, NOON);
    assert_eq!((before.budget.yearly_risk, before.budget.configured_risk), (100_000, 1_000_000));
    assert_eq!(before.budget.added_by_refill(), 360_000);
    assert!(ToLift::of(&fixture.entry(), &rules(), at(NOON)).unwrap().refills);
    fixture.change(NOON, |entry, _| refill_budget(entry, &rules(), at(NOON)).unwrap());
    assert_eq!(report(&fixture, NOON).budget.yearly_risk, 1_000_000);
    assert!(!ToLift::of(&fixture.entry(), &rules(), at(NOON)).unwrap().refills);
}

#[test]
fn the_next_code_is_paid_by_a_settled_source_or_by_all_others() {
    let (fixture, home) = (enrolled(), from("192.0.2.7"));
    logs_in(&fixture, &home, NOON);
    let unsettled = next(&fixture, &home, true, NOON);
    assert_eq!((unsettled.row, unsettled.is_settled), (Some(RowKind::Address), false));
    assert_eq!((unsettled.payer, unsettled.tries_left), (Some(Paid::Foreign), 133));
    for day in 1..3 {
        logs_in(&fixture, &home, NOON + day * DAY);
    }
    let now = NOON + 2 * DAY;
    let settled = next(&fixture, &home, true, now);
    assert_eq!((settled.is_settled, settled.payer, settled.tries_left), (true, Some(Paid::Own), 40));
    let elsewhere = next(&fixture, &from("198.51.100.1"), false, now);
    assert_eq!((elsewhere.row, elsewhere.payer, elsewhere.tries_left), (None, Some(Paid::Foreign), 66));
    let own = next(&fixture, &Source::Local(1001), false, now);
    assert_eq!((own.row, own.payer, own.tries_left), (Some(RowKind::Own), Some(Paid::Own), 40));
}

#[test]
fn the_next_code_from_a_locked_place_is_refused_and_elsewhere_it_is_not() {
    let (fixture, home) = (enrolled(), from("192.0.2.7"));
    logs_in(&fixture, &home, NOON);
    guesses(&fixture, &from("198.51.100.1"), 5, NOON);
    assert_eq!(next(&fixture, &from("203.0.113.1"), true, NOON).state, LockState::Limited(Seconds(60)));
    assert_eq!(next(&fixture, &home, true, NOON).state, LockState::Open);
}

#[test]
fn what_unlock_lifts_is_known_before_and_gone_after() {
    let mut fixture = enrolled();
    guesses(&fixture, &from("198.51.100.1"), 5, NOON);
    let to_lift = ToLift::of(&fixture.entry(), &rules(), at(NOON)).unwrap();
    assert!(!to_lift.is_nothing() && to_lift.refills && !to_lift.frees_codes);
    fixture.change(NOON, |entry, _| unlock(entry, &rules(), at(NOON)).unwrap());
    let after = ToLift::of(&fixture.entry(), &rules(), at(NOON)).unwrap();
    assert!(after.is_nothing() && after.refills, "unlocking refills no budget");
    assert_eq!(after.guesses.budget.used, 5 * CHARGE);
    fixture.change(NOON, |entry, _| refill_budget(entry, &rules(), at(NOON)).unwrap());
    assert_eq!(report(&fixture, NOON).budget.used, 0);
}

#[test]
fn codes_of_a_clock_that_ran_ahead_are_something_to_lift() {
    let fixture = enrolled();
    logs_in(&fixture, &Source::Local(1001), NOON + DAY);
    let to_lift = |now| ToLift::of(&fixture.entry(), &rules(), at(now)).unwrap();
    assert!(to_lift(NOON).frees_codes && !to_lift(NOON).is_nothing());
    assert!(to_lift(NOON + DAY).is_nothing());
}

#[test]
fn budgets_that_a_clock_which_ran_ahead_has_stopped_start_again_when_locks_are_lifted() {
    for source in [from("192.0.2.7"), Source::Local(1001)] {
        let mut fixture = enrolled();
        logs_in(&fixture, &source, NOON + 300 * DAY);
        let to_lift = || ToLift::of(&fixture.entry(), &rules(), at(NOON)).unwrap();
        assert!(to_lift().restarts_budgets && !to_lift().is_nothing(), "nothing comes back for 300 days");
        fixture.change(NOON, |entry, _| unlock(entry, &rules(), at(NOON)).unwrap());
        let after = ToLift::of(&fixture.entry(), &rules(), at(NOON)).unwrap();
        assert!(!after.restarts_budgets && after.is_nothing());
    }
}

#[test]
fn the_first_try_of_a_row_is_not_forgotten_at_the_next_look() {
    let fixture = enrolled();
    guesses(&fixture, &Source::Local(1001), 1, NOON);
    assert_eq!(report(&fixture, NOON).rows[0].tries_left, Some(39));
}

#[test]
fn where_its_own_tries_are_used_up_the_own_uid_waits_for_the_next_one() {
    let fixture = enrolled();
    let (own, mut now) = (Source::Local(1001), NOON);
    // Ten in a row would lock it.
    for _ in 0..8 {
        logs_in(&fixture, &own, now);
        guesses(&fixture, &own, 5, now);
        now += 60;
    }
    let next = next(&fixture, &own, false, now);
    assert_eq!((next.payer, next.tries_left, next.state), (None, 0, LockState::OverBudget), "{next:?}");
    let wait = next.wait.unwrap().0;
    assert!((20 * 3600..22 * 3600).contains(&wait), "{wait}");
    let at_once = |now| super::tests::next(&fixture, &own, false, now).tries_left;
    assert_eq!((at_once(now + wait - 60), at_once(now + wait)), (0, 1));
}
