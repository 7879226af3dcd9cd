//! What a login promises a user with a counter token: once, only forward, and resynchronised by two codes.

use super::store_tests::{after, at_once};
use super::tests::enrolled;
use super::*;
use crate::credential::Label;
use crate::enrolment::draft::Draft;
use crate::enrolment::{ExpectedEnrolment, add, enrol, repair, unlock, void_after_restore};
use crate::factor::Unusable;
use crate::factor::hotp::{END, Hotp};
use crate::fixture::{Fixture, NOON, PHONE, SPARE, alice, at, code, rules, word};
use crate::random::Secret;
use crate::store::Entry;
use crate::store::memory::{Comparing, Exclusion, Locking, Memory, in_both_modes};

/// The code that the fob shows at this counter: HOTP is TOTP with the counter as the step.
pub(super) fn press(counter: u64) -> Vec<u8> {
    code(SPARE, counter * 30)
}

/// Two codes as one answer.
pub(super) fn presses(counters: [u64; 2]) -> Vec<u8> {
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
pub(super) fn with_fob<X: Exclusion>(next: u64) -> (Fixture<Memory<X>>, Vec<Secret>) {
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

pub(super) fn position<X: Exclusion>(fixture: &Fixture<Memory<X>>, place: usize) -> u64 {
    fixture.held().ledger().progress[place].used_up_to
}

/// The position of a token whose next counter is 0, that has to be resynchronised.
const OUT_OF_STEP: u64 = END + 1;

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

fn a_wrong_code_is_no_advice_without_a_counter_token<X: Exclusion>() {
    let advice = |fixture: &Fixture<Memory<X>>, typed: &[u8]| match fixture.login(typed, at(NOON)) {
        Ok(Verdict::Refused(refusal)) => refusal.token,
        other => panic!("{}", word(other)),
    };
    let ahead = Some(TokenAdvice::MayBeAhead);
    let (phone, _) = enrolled::<X>();
    assert_eq!(advice(&phone, &wrong()), None);
    assert_eq!(advice(&with_both::<X>(0), &wrong()), ahead);
    assert_eq!(advice(&with_both::<X>(0), &code(PHONE, NOON + 300)), ahead, "of another time");
    assert_eq!(advice(&with_both::<X>(0), &presses([3, 5])), ahead);
    assert_eq!(advice(&with_both::<X>(0), b"AAAA-AAAA-AAAA-AAAA"), None);
    let unusable = |unusable| Some(TokenAdvice::Unusable(unusable));
    assert_eq!(advice(&with_both::<X>(END), &wrong()), unusable(Unusable::Ended));
    assert_eq!(advice(&with_both::<X>(OUT_OF_STEP), &wrong()), unusable(Unusable::OutOfStep));
    assert_eq!(advice(&with_both::<X>(OUT_OF_STEP), &code(PHONE, NOON + 300)), unusable(Unusable::OutOfStep));
    // A phone's codes are as long, so it may have been a mistyped one.
    assert_eq!(told(&with_both::<X>(END), &wrong()), "wrong");
    assert_eq!(told(&with_both::<X>(OUT_OF_STEP), &wrong()), "out_of_step");
    // An old token that is used up, or out of step, does not hide that the new one can be resynchronised.
    for next in [END, OUT_OF_STEP] {
        let mut fixture = with_both::<X>(0);
        let (label, secret) = (Label::parse("old").unwrap(), Secret::new(vec![9; 20]));
        let old = Draft::import(label, Hotp::new(6).unwrap(), secret).ok().unwrap();
        let (old, expected) = (old.beginning_at(next).pending(), fixture.in_place());
        fixture.change(NOON, |entry, inputs| add(entry, &alice(), &old, expected, inputs)).unwrap();
        assert_eq!(advice(&fixture, &wrong()), ahead, "{next}");
        assert_eq!(told(&fixture, &wrong()), "wrong", "{next}");
    }
}

/// Else a person who can make the record fail would see by the missing line that a code was right.
#[test]
fn a_record_that_fails_gives_the_advice_of_a_wrong_code() {
    // So many writes are before the look.
    for (next, writes) in [(0, 2), (END, 1), (OUT_OF_STEP, 1)] {
        let fixture = with_both::<Locking>(next);
        let right = match after(&fixture, writes, &code(PHONE, NOON)) {
            Ok(Verdict::Unrecorded(unrecorded)) => unrecorded.as_wrong.token,
            other => panic!("{next}: {}", word(other)),
        };
        let wrong = match after(&fixture, writes, &wrong()) {
            Ok(Verdict::Refused(refusal)) => refusal.token,
            other => panic!("{next}: {}", word(other)),
        };
        assert_eq!((right, right.is_some()), (wrong, true), "{next}");
    }
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
    assert_eq!(told(&fixture, &wrong()), "wrong");
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

/// The ledger has entries for the first authenticators only.
fn cut_ledger<X: Exclusion>(fixture: &Fixture<Memory<X>>, entries: usize) {
    let entry = fixture.entry();
    let mut ledger = entry.ledger().unwrap().clone();
    ledger.progress.truncate(entries);
    entry.record(&ledger).unwrap();
}

fn a_token_whose_ledger_was_lost_takes_two_codes<X: Exclusion>() {
    let fixture = with_both::<X>(500);
    cut_ledger(&fixture, 1);
    repair(fixture.entry(), &rules().windows, at(NOON)).unwrap();
    assert_eq!(position(&fixture, 1), 1 << 63);
    assert_eq!(told(&fixture, &press(500)), "out_of_step");
    assert_eq!(used_units(&fixture), 3000);
    assert_eq!(told(&fixture, &presses([500, 502])), "wrong");
    assert_eq!(used_units(&fixture), 3001);
    assert_eq!(told(&fixture, &presses([5000, 5001])), "wrong");
    assert_eq!(told(&fixture, &presses([800, 801])), "accepted fob");
    assert_eq!(position(&fixture, 1), 802);
}

fn a_repair_keeps_the_counters_that_the_ledger_has<X: Exclusion>() {
    let mut fixture = with_both::<X>(4000);
    let spare =
        Draft::import(Label::parse("spare").unwrap(), Hotp::new(6).unwrap(), Secret::new(vec![9; 20]));
    let (confirmed, expected) = (spare.ok().unwrap().pending(), fixture.in_place());
    fixture.change(NOON, |entry, inputs| add(entry, &alice(), &confirmed, expected, inputs)).unwrap();
    assert_eq!(told(&fixture, &presses([4000, 4001])), "accepted fob");
    cut_ledger(&fixture, 2);
    repair(fixture.entry(), &rules().windows, at(NOON)).unwrap();
    assert_eq!([1, 2].map(|place| position(&fixture, place)), [4002 | 1 << 63, 1 << 63]);
    // Codes that were used are dead for good.
    assert_eq!(told(&fixture, &presses([4000, 4001])), "replayed");
    assert_eq!(told(&fixture, &presses([3000, 3001])), "wrong");
    assert_eq!(told(&fixture, &presses([4002, 4003])), "accepted fob");
}

/// A counter of the fob is a time step of the phone.
fn a_code_that_the_fob_has_used_does_not_open_by_the_phone<X: Exclusion>() {
    let (mut fixture, _) = enrolled::<X>();
    let fob = Draft::import(Label::parse("fob").unwrap(), Hotp::new(6).unwrap(), Secret::new(PHONE.to_vec()));
    let confirmed = fob.ok().unwrap().beginning_at(NOON / 30).pending();
    let expected = fixture.in_place();
    fixture.change(NOON, |entry, inputs| add(entry, &alice(), &confirmed, expected, inputs)).unwrap();
    let typed = code(PHONE, NOON + 150);
    assert_eq!(told(&fixture, &typed), "accepted fob");
    assert_eq!(word(fixture.login(&typed, at(NOON + 150))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 180), at(NOON + 180))), "accepted phone");
    assert_eq!(position(&fixture, 1), NOON / 30 + 7);
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

in_both_modes! {
    a_wrong_code_is_no_advice_without_a_counter_token
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
    a_token_whose_ledger_was_lost_takes_two_codes
    a_repair_keeps_the_counters_that_the_ledger_has
    a_code_that_the_fob_has_used_does_not_open_by_the_phone
    unlocking_frees_no_counter
    of_many_at_once_with_one_counter_code_one_is_let_in
    neighbouring_codes_at_once_are_right_or_used_and_never_wrong
}
