//! What a login promises a user with a counter token: once, only forward, and resynchronised by two codes.

use super::store_tests::{after, at_once};
use super::tests::enrolled;
use super::*;
use crate::credential::Label;
use crate::enrolment::draft::Draft;
use crate::enrolment::{ExpectedEnrolment, add, enrol, repair, unlock, void_after_restore};
use crate::factor::hotp::{END, Hotp};
use crate::fixture::{Fixture, NOON, PHONE, SPARE, alice, at, code, rules, word};
use crate::random::Secret;
use crate::store::memory::{Comparing, Exclusion, Locking, Memory, in_both_modes};
use proptest::prelude::*;

/// The code that the fob shows at this counter: HOTP is TOTP with the counter as the step.
fn press(counter: u64) -> Vec<u8> {
    code(SPARE, counter * 30)
}

/// Two codes as one answer.
fn presses(counters: [u64; 2]) -> Vec<u8> {
    counters.map(press).join(&b' ')
}

fn fob(next: u64) -> Draft {
    let secret = Secret::new(SPARE.to_vec());
    Draft::import(Label::parse("fob").unwrap(), Hotp::new(6).unwrap(), secret)
        .ok()
        .unwrap()
        .beginning_at(next)
}

/// Alice with a fob alone, whose next counter this is.
fn with_fob<X: Exclusion>(next: u64) -> (Fixture<Memory<X>>, Vec<Secret>) {
    let mut fixture = Fixture::new();
    let confirmed = [fob(next).pending()];
    let expected = ExpectedEnrolment::Nothing;
    let codes = fixture
        .change(NOON, |entry, inputs| enrol(entry, &alice(), &confirmed, 10, expected, inputs))
        .unwrap();
    (fixture, codes)
}

/// Alice with a phone and a fob.
fn with_both<X: Exclusion>(next: u64) -> Fixture<Memory<X>> {
    let (mut fixture, _) = enrolled::<X>();
    let (confirmed, expected) = (fob(next).pending(), fixture.in_place());
    fixture.change(NOON, |entry, inputs| add(entry, &alice(), &confirmed, expected, inputs)).unwrap();
    fixture
}

fn told<X: Exclusion>(fixture: &Fixture<Memory<X>>, typed: &[u8]) -> String {
    word(fixture.login(typed, at(NOON)))
}

/// What of the foreign budget is used, in units of 10⁻⁹.
fn used_units<X: Exclusion>(fixture: &Fixture<Memory<X>>) -> u64 {
    fixture.held().ledger().guesses.budget.map_or(0, |budget| budget.used_units())
}

fn position<X: Exclusion>(fixture: &Fixture<Memory<X>>, place: usize) -> u64 {
    fixture.held().ledger().progress[place].used_up_to
}

/// A code that the fob shows at none of its counters below 2000, and the phone at none of the steps around noon.
fn wrong() -> Vec<u8> {
    let near: Vec<_> =
        (0..2000).map(press).chain((0..60).map(|step| code(PHONE, NOON - 900 + step * 30))).collect();
    (0..).map(|number| format!("{number:06}").into_bytes()).find(|typed| !near.contains(typed)).unwrap()
}

fn a_counter_code_is_accepted_once<X: Exclusion>() {
    let (fixture, _) = with_fob::<X>(0);
    assert_eq!(told(&fixture, &press(0)), "accepted fob");
    for _ in 0..20 {
        assert_eq!(told(&fixture, &press(0)), "replayed");
    }
    assert_eq!(told(&fixture, &press(1)), "accepted fob");
    assert_eq!(used_units(&fixture), 0);
    let last = fixture.held().ledger().last_login().map(|last| last.method.as_str());
    assert_eq!(last, Some("hotp"));
}

fn skipped_codes_are_dead<X: Exclusion>() {
    let (fixture, _) = with_fob::<X>(100);
    assert_eq!(told(&fixture, &press(111)), "wrong");
    assert_eq!(told(&fixture, &press(110)), "accepted fob");
    for counter in 100..=110 {
        assert_eq!(told(&fixture, &press(counter)), "replayed", "{counter}");
    }
    assert_eq!(told(&fixture, &press(111)), "accepted fob");
}

fn a_wrong_code_moves_no_counter<X: Exclusion>() {
    let (fixture, _) = with_fob::<X>(7);
    for minute in 0..9 {
        assert_eq!(word(fixture.login(&wrong(), at(NOON + minute * 60))), "wrong");
        assert_eq!(position(&fixture, 0), 7);
    }
    assert_eq!(word(fixture.login(&press(7), at(NOON + 600))), "accepted fob");
    assert_eq!(position(&fixture, 0), 8);
}

fn a_used_counter_outlasts_a_crash_at_once<X: Exclusion>() {
    let fixture = with_both::<X>(0);
    assert_eq!(told(&fixture, &press(3)), "accepted fob");
    fixture.store.crash();
    let back = Now { realtime: NOON + 25, boottime: 5 };
    assert_eq!(word(fixture.login(&press(3), back)), "replayed");
    assert_eq!(word(fixture.login(&press(4), back)), "accepted fob");
    fixture.store.crash();
    assert_eq!(word(fixture.login(&presses([2, 3]), back)), "replayed");
}

fn a_token_at_its_end_is_refused_by_name<X: Exclusion>() {
    let (fixture, codes) = with_fob::<X>(END - 1);
    // The fixture computes its codes by time, which ends before.
    let last = fixture_code_of(END - 1);
    assert_eq!(told(&fixture, &last), "accepted fob");
    for typed in [&last, &wrong(), &presses([0, 1])] {
        for _ in 0..20 {
            assert_eq!(told(&fixture, typed), "counter_ended");
        }
    }
    assert_eq!((position(&fixture, 0), used_units(&fixture)), (END, 0));
    assert_eq!(told(&fixture, codes[0].expose()), "recovered 9");
}

fn fixture_code_of(counter: u64) -> Vec<u8> {
    let token =
        totp_rs::Builder::new().with_step_duration(1).with_secret(SPARE.to_vec()).build_noncompliant();
    token.generate(counter).to_string().into_bytes()
}

fn a_phone_and_a_fob_are_charged_for_fourteen_codes<X: Exclusion>() {
    let fixture = with_both::<X>(0);
    assert_eq!(told(&fixture, &wrong()), "wrong");
    assert_eq!(used_units(&fixture), 14_000);
    assert_eq!(told(&fixture, &press(0)), "accepted fob");
    assert_eq!(told(&fixture, &code(PHONE, NOON)), "accepted phone");
    assert_eq!(told(&fixture, &press(0)), "replayed");
    assert_eq!(told(&fixture, &code(PHONE, NOON)), "replayed");
    assert_eq!(used_units(&fixture), 14_000);
}

/// Else someone who wears the fob out could guess the codes of the phone for nothing.
fn beside_a_token_at_its_end_wrong_codes_are_charged<X: Exclusion>() {
    let fixture = with_both::<X>(END);
    assert_eq!(told(&fixture, &wrong()), "counter_ended");
    assert_eq!(used_units(&fixture), 3000);
    assert_eq!(told(&fixture, &code(PHONE, NOON)), "accepted phone");
}

fn two_codes_resynchronise_and_log_in<X: Exclusion>() {
    let fixture = with_both::<X>(5);
    assert_eq!(told(&fixture, &press(35)), "wrong");
    assert_eq!(told(&fixture, &presses([35, 36])), "accepted fob");
    assert_eq!(position(&fixture, 1), 37);
    for typed in [presses([35, 36]), press(36), press(35)] {
        assert_eq!(told(&fixture, &typed), "replayed");
    }
    assert_eq!(told(&fixture, &press(37)), "accepted fob");
    assert_eq!(used_units(&fixture), 14_000);
}

fn a_wrong_pair_is_charged_and_limited_like_any_code<X: Exclusion>() {
    let fixture = with_both::<X>(5);
    for _ in 0..5 {
        assert_eq!(told(&fixture, &presses([35, 37])), "wrong");
    }
    assert_eq!((used_units(&fixture), position(&fixture, 1)), (5, 5));
    assert_eq!(told(&fixture, &presses([35, 36])), "limited");
    for _ in 0..4 {
        assert_eq!(word(fixture.login(&presses([35, 37]), at(NOON + 60))), "wrong");
    }
    let wrong = word(fixture.login(&presses([36, 35]), at(NOON + 60)));
    assert_eq!(wrong, "wrong and locked 60");
    assert_eq!(word(fixture.login(&presses([35, 36]), at(NOON + 119))), "locked");
    assert_eq!(word(fixture.login(&presses([35, 36]), at(NOON + 120))), "accepted fob");
}

fn two_codes_of_a_phone_are_no_answer<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    let typed = [code(PHONE, NOON), code(PHONE, NOON + 30)].join(&b' ');
    for _ in 0..20 {
        assert_eq!(told(&fixture, &typed), "malformed");
    }
    assert_eq!(used_units(&fixture), 0);
    assert_eq!(told(&fixture, &code(PHONE, NOON)), "accepted phone");
}

/// The single code is not looked at: its answer would be half of the pair.
fn after_a_restore_it_takes_two_codes<X: Exclusion>() {
    let (fixture, _) = with_fob::<X>(5);
    void_after_restore(fixture.entry(), &rules().windows, at(NOON)).unwrap();
    for typed in [press(5), wrong()] {
        for _ in 0..20 {
            assert_eq!(told(&fixture, &typed), "out_of_step");
        }
    }
    assert_eq!(used_units(&fixture), 0);
    unlock(fixture.entry(), &rules(), at(NOON)).unwrap();
    void_after_restore(fixture.entry(), &rules().windows, at(NOON)).unwrap();
    assert_eq!(told(&fixture, &press(5)), "out_of_step");
    assert_eq!(told(&fixture, &presses([20, 21])), "accepted fob");
    assert_eq!(told(&fixture, &press(22)), "accepted fob");
}

fn a_repaired_ledger_takes_two_codes_from_the_first_counter_on<X: Exclusion>() {
    let fixture = with_both::<X>(500);
    repair(fixture.entry(), &rules().windows, at(NOON)).unwrap();
    assert_eq!(told(&fixture, &press(500)), "out_of_step");
    assert_eq!(used_units(&fixture), 3000);
    assert_eq!(told(&fixture, &presses([500, 501])), "accepted fob");
    assert_eq!(position(&fixture, 1), 502);
}

fn unlocking_frees_no_counter<X: Exclusion>() {
    let (fixture, _) = with_fob::<X>(u64::from(u32::MAX));
    assert_eq!(told(&fixture, &press(u64::from(u32::MAX))), "accepted fob");
    unlock(fixture.entry(), &rules(), at(NOON)).unwrap();
    assert_eq!(position(&fixture, 0), u64::from(u32::MAX) + 1);
}

fn of_many_at_once_with_one_counter_code_one_is_let_in<X: Exclusion + Send + Sync>() {
    for many in [8, 8, 8, 128] {
        let (fixture, _) = with_fob::<X>(3);
        let told = at_once(&fixture, &vec![press(3); many]);
        assert_eq!(told.iter().filter(|word| *word == "accepted fob").count(), 1, "{told:?}");
        assert!(told.iter().all(|word| ["accepted fob", "busy", "replayed"].contains(&word.as_str())));
        assert_eq!((position(&fixture, 0), used_units(&fixture)), (4, 0));
    }
}

fn neighbouring_codes_at_once_are_right_or_used_and_never_wrong<X: Exclusion + Send + Sync>() {
    for _ in 0..10 {
        let (fixture, _) = with_fob::<X>(3);
        let told = at_once(&fixture, &(3..14).map(press).collect::<Vec<_>>());
        assert!(
            told.iter().all(|word| ["accepted fob", "busy", "replayed"].contains(&word.as_str())),
            "{told:?}"
        );
        assert_eq!(used_units(&fixture), 0);
    }
}

/// Where the record may have to outlast a crash, one more write shows before the look that it can be made.
#[test]
fn only_authenticators_that_the_code_can_be_of_make_its_record_more_durable() {
    for (digits, writes) in [(8, 2), (6, 3)] {
        let (mut fixture, _) = enrolled::<Locking>();
        let secret = Secret::new(SPARE.to_vec());
        let draft = Draft::import(Label::parse("fob").unwrap(), Hotp::new(digits).unwrap(), secret);
        let (confirmed, expected) = (draft.ok().unwrap().pending(), fixture.in_place());
        fixture.change(NOON, |entry, inputs| add(entry, &alice(), &confirmed, expected, inputs)).unwrap();
        let typed = code(PHONE, NOON);
        assert!(word(after(&fixture, writes - 1, &typed)).starts_with("unrecorded"), "{digits}");
        assert_eq!(word(after(&fixture, writes, &typed)), "accepted phone", "{digits}");
    }
}

#[test]
fn a_counter_that_another_login_used_first_is_a_used_one() {
    let (fixture, _) = with_fob::<Comparing>(0);
    assert_eq!(told(&fixture, &press(2)), "accepted fob");
    assert_eq!(told(&fixture, &press(1)), "replayed");
}

/// What happens to a token and its ledger.
#[derive(Debug, Clone)]
enum Act {
    /// The code so many counters after the next one; before it, if negative.
    Code(i64),
    /// The same with the one after it.
    Pair(i64),
    Wrong,
    Crash,
    Restored,
    Unlock,
    Later,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (-15i64..15).prop_map(Act::Code),
        2 => (-5i64..1020).prop_map(Act::Pair),
        1 => Just(Act::Wrong),
        2 => Just(Act::Crash),
        1 => Just(Act::Restored),
        1 => Just(Act::Unlock),
        3 => Just(Act::Later),
    ]
}

/// One code, and the next counter if it is accepted. Two counters may share a code.
fn one(typed: Vec<u8>, next: u64) -> (Vec<u8>, Option<u64>) {
    let is_used = (next.saturating_sub(11)..next).any(|counter| press(counter) == typed);
    let found = (next..next + 11).rev().find(|&counter| press(counter) == typed);
    (typed, found.map(|counter| counter + 1).filter(|_| !is_used))
}

/// A history of one token, held against the three values that say everything about it.
fn history<X: Exclusion>(acts: &[Act]) {
    let (fixture, _) = with_fob::<X>(100);
    let (mut next, mut is_out_of_step, mut now) = (100u64, false, NOON);
    for act in acts {
        let counter = |from: i64| next.saturating_add_signed(from);
        let (typed, after) = match act {
            Act::Code(from) => one(press(counter(*from)), next),
            Act::Wrong => one(b"000000".to_vec(), next),
            Act::Pair(from) => {
                let first = counter(*from);
                (presses([first, first + 1]), (0..1010).contains(from).then_some(first + 2))
            }
            Act::Crash => {
                fixture.store.crash();
                continue;
            }
            Act::Restored => {
                void_after_restore(fixture.entry(), &rules().windows, at(now)).unwrap();
                is_out_of_step = true;
                continue;
            }
            Act::Unlock => {
                unlock(fixture.entry(), &rules(), at(now)).unwrap();
                continue;
            }
            Act::Later => {
                now += 86400;
                continue;
            }
        };
        let told = word(fixture.login(&typed, at(now)));
        match told.as_str() {
            "accepted fob" => {
                assert!(!is_out_of_step || matches!(act, Act::Pair(_)), "{act:?} at {next}");
                next = after.unwrap_or_else(|| panic!("accepted: {act:?} at {next}"));
                is_out_of_step = false;
            }
            "out_of_step" => assert!(is_out_of_step),
            // A lock bars right codes too.
            "limited" | "locked" | "budget" | "disabled" => {}
            other => assert_eq!(after, None, "{other}: {act:?} at {next}"),
        }
        assert_eq!(position(&fixture, 0), if is_out_of_step { next | 1 << 63 } else { next });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn a_history_accepts_each_counter_once_and_forward_only(acts in proptest::collection::vec(act(), 1..40)) {
        history::<Locking>(&acts);
        history::<Comparing>(&acts);
    }
}

in_both_modes! {
    a_counter_code_is_accepted_once
    skipped_codes_are_dead
    a_wrong_code_moves_no_counter
    a_used_counter_outlasts_a_crash_at_once
    a_token_at_its_end_is_refused_by_name
    a_phone_and_a_fob_are_charged_for_fourteen_codes
    beside_a_token_at_its_end_wrong_codes_are_charged
    two_codes_resynchronise_and_log_in
    a_wrong_pair_is_charged_and_limited_like_any_code
    two_codes_of_a_phone_are_no_answer
    after_a_restore_it_takes_two_codes
    a_repaired_ledger_takes_two_codes_from_the_first_counter_on
    unlocking_frees_no_counter
    of_many_at_once_with_one_counter_code_one_is_let_in
    neighbouring_codes_at_once_are_right_or_used_and_never_wrong
}
