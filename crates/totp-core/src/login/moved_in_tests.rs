//! What a login promises a user who came from another program: its scratch codes, a window of one's own, and codes that
//! were used there.

use super::tests::enrolled;
use super::*;
use crate::credential::{Credential, Label};
use crate::enrolment::draft::Draft;
use crate::enrolment::{NewUser, enrol_all};
use crate::factor::totp::{Drift, Parameters, Totp};
use crate::fixture::{Fixture, NOON, PHONE, alice, at, code, rules, word};
use crate::random::Secret;
use crate::recovery::ScratchCode;
use crate::store::Entry;
use crate::store::memory::{Exclusion, Memory, in_both_modes};
use std::path::Path;

const PAPER: &[u8] = b"71744121";
const MORE_PAPER: &[u8] = b"75760401";

/// Alice as another program had her: two of its scratch codes, a window of her own, and a code used there.
fn moved_in<X: Exclusion>(drift: Option<u64>, used: u64) -> Fixture<Memory<X>> {
    let mut fixture = Fixture::new();
    let drift = drift.map(|steps| Drift::new(steps).unwrap());
    let totp = Totp::new(Parameters::EVERY_APP).with_drift(drift);
    let draft = Draft::import(Label::parse("phone").unwrap(), totp, Secret::new(PHONE.to_vec()));
    let confirmed = vec![draft.ok().unwrap().confirm_without_code(used)];
    let scratch = [PAPER, MORE_PAPER].map(|code| ScratchCode::parse(code).unwrap()).into();
    fixture.change(NOON, |entry, inputs| {
        let new_user = NewUser { entry, account: alice(), confirmed, scratch };
        enrol_all(vec![new_user], inputs).unwrap();
    });
    fixture
}

fn a_scratch_code_is_accepted_once_and_a_totp_code_does_too<X: Exclusion>() {
    let fixture = moved_in::<X>(None, 0);
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "scratched 1");
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(MORE_PAPER, at(NOON))), "scratched 0");
    assert_eq!(word(fixture.login(MORE_PAPER, at(NOON + 90))), "replayed");
}

fn wrong_scratch_codes_are_charged_and_none_is_judged_while_a_lock_lasts<X: Exclusion>() {
    let fixture = moved_in::<X>(None, 0);
    for _ in 0..5 {
        assert_eq!(word(fixture.login(b"10000000", at(NOON))), "wrong");
    }
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "limited");
    for _ in 0..4 {
        assert_eq!(word(fixture.login(b"10000000", at(NOON + 60))), "wrong");
    }
    assert_eq!(word(fixture.login(b"10000000", at(NOON + 60))), "wrong and locked 60");
    assert_eq!(word(fixture.login(PAPER, at(NOON + 100))), "locked");
    assert_eq!(word(fixture.login(PAPER, at(NOON + 120))), "scratched 1");
}

fn a_scratch_code_ends_the_row_of_wrong_ones_and_not_the_window<X: Exclusion>() {
    let fixture = moved_in::<X>(None, 0);
    for _ in 0..4 {
        assert_eq!(word(fixture.login(b"000000", at(NOON))), "wrong");
    }
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "scratched 1");
    assert_eq!(word(fixture.login(b"000000", at(NOON))), "wrong");
    assert_eq!(word(fixture.login(MORE_PAPER, at(NOON))), "limited");
    assert_eq!(fixture.held().ledger().guesses().wrong_codes(), 1);
}

fn a_look_that_fails_half_way_is_charged<X: Exclusion>() {
    let mut fixture = moved_in::<X>(None, 0);
    // The seal of the scratch codes' pepper is bound to the id of their set, and does not open under another.
    fixture.change(NOON, |entry, _| {
        let (file, ledger) = (Path::new("alice.toml"), entry.ledger().unwrap().clone());
        let credential = entry.credential().unwrap().unwrap();
        let set = credential.recovery().unwrap().id.to_hex();
        let text = credential.to_document(file).unwrap().replace(&set, &"7".repeat(32));
        let damaged = Credential::parse(file, text.as_bytes(), &alice().user).unwrap();
        entry.commit(&damaged, &ledger).unwrap();
    });
    for wrong in 1..=4 {
        assert!(fixture.login(b"10000000", at(NOON)).is_err());
        assert_eq!(fixture.held().ledger().guesses().wrong_codes(), wrong);
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn a_scratch_code_that_was_used_charges_nothing<X: Exclusion>() {
    let fixture = moved_in::<X>(None, 0);
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "scratched 1");
    for _ in 0..20 {
        assert_eq!(word(fixture.login(PAPER, at(NOON))), "replayed");
    }
    assert_eq!(word(fixture.login(MORE_PAPER, at(NOON))), "scratched 0");
}

fn eight_digits_are_no_code_where_there_are_no_scratch_codes<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "malformed");
}

fn a_scratch_code_is_found_behind_a_password<X: Exclusion>() {
    let fixture = moved_in::<X>(None, 0);
    let login = |typed: &[u8]| {
        let behind = crate::code::BehindPassword::recognise(typed).unwrap();
        word(fixture.login_at(&fixture.store, &alice(), &behind.answer, at(NOON)))
    };
    assert_eq!(login(b"hunter2-71744121"), "scratched 1");
    assert_eq!(login(b"hunter2-71744121"), "replayed");
}

fn renewed_recovery_codes_end_the_scratch_codes<X: Exclusion>() {
    let mut fixture = moved_in::<X>(None, 0);
    let codes = fixture.change(NOON, |entry, inputs| {
        let permitted = crate::enrolment::ExpectedEnrolment::of(crate::store::Entry::credential(&entry));
        crate::enrolment::renew_recovery(entry, &alice(), 10, permitted, inputs).unwrap()
    });
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "malformed");
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "recovered 9");
}

fn a_window_of_ones_own_holds_in_place_of_the_configs<X: Exclusion>() {
    let wide = moved_in::<X>(Some(4), 0);
    assert_eq!(word(wide.login(&code(PHONE, NOON + 150), at(NOON))), "clock_off");
    assert_eq!(word(wide.login(&code(PHONE, NOON - 120), at(NOON))), "accepted phone");
    assert_eq!(word(wide.login(&code(PHONE, NOON + 120), at(NOON))), "accepted phone");
    assert_eq!(word(wide.login(&code(PHONE, NOON + 120), at(NOON + 60))), "replayed");
    let narrow = moved_in::<X>(Some(0), 0);
    assert_eq!(word(narrow.login(&code(PHONE, NOON - 30), at(NOON))), "clock_off");
    assert_eq!(word(narrow.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn no_code_of_a_window_of_ones_own_survives_a_boot<X: Exclusion>() {
    let fixture = moved_in::<X>(Some(4), 0);
    // Booted at noon: a code four steps ahead may have been used before.
    let booted = |after: u64| Now { realtime: NOON + after, boottime: after };
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 120), booted(10))), "before_boot");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 180), booted(70))), "accepted phone");
}

fn a_code_that_was_used_elsewhere_does_not_open_here<X: Exclusion>() {
    let fixture = moved_in::<X>(None, NOON / 30);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON))), "accepted phone");
}

fn unlocking_frees_no_step_of_a_window_of_ones_own<X: Exclusion>() {
    let mut fixture = moved_in::<X>(Some(4), 0);
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 120), at(NOON))), "accepted phone");
    fixture.change(NOON, |entry, _| {
        crate::enrolment::unlock(entry, &rules(), at(NOON)).unwrap();
    });
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 120), at(NOON))), "replayed");
}

in_both_modes! {
    a_scratch_code_is_accepted_once_and_a_totp_code_does_too
    wrong_scratch_codes_are_charged_and_none_is_judged_while_a_lock_lasts
    a_scratch_code_ends_the_row_of_wrong_ones_and_not_the_window
    a_look_that_fails_half_way_is_charged
    a_scratch_code_that_was_used_charges_nothing
    eight_digits_are_no_code_where_there_are_no_scratch_codes
    a_scratch_code_is_found_behind_a_password
    renewed_recovery_codes_end_the_scratch_codes
    a_window_of_ones_own_holds_in_place_of_the_configs
    no_code_of_a_window_of_ones_own_survives_a_boot
    a_code_that_was_used_elsewhere_does_not_open_here
    unlocking_frees_no_step_of_a_window_of_ones_own
}
