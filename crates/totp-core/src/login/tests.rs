//! What a login promises a user, with either way of excluding others: once, for its own user, within the limit, and
//! whatever the lock says for a recovery code.

use super::*;
use crate::fixture::{Fixture, NOON, PHONE, SPARE, alice, at, code, word};
use crate::lockout::CountedIn;
use crate::random::Secret;
use crate::store::Entry;
use crate::store::memory::{Exclusion, Locking, Memory, in_both_modes};
use crate::time::Seconds;
use crate::user::Account;

pub(super) fn enrolled<X: Exclusion>() -> (Fixture<Memory<X>>, Vec<Secret>) {
    let mut fixture = Fixture::new();
    let codes = fixture.enrol(PHONE);
    (fixture, codes)
}

fn a_code_is_accepted_once<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON - 30), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON))), "accepted phone");
}

fn a_used_code_is_answered_with_the_time_of_the_next_one<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    let offer = |now| match fixture.login(&code(PHONE, NOON), at(now)) {
        Ok(Verdict::Refused(refusal)) => Some(refusal),
        _ => None,
    };
    assert!(offer(NOON).is_none(), "let in");
    let row = Some(CountedIn::Foreign);
    let replayed = Refusal { next_code: Some(Seconds(20)), row, ..Reason::Replayed.into() };
    assert_eq!(offer(NOON + 10), Some(replayed));
}

fn two_authenticators_of_one_secret_do_not_make_one_code_two<X: Exclusion>() {
    let (mut fixture, _) = enrolled::<X>();
    fixture.add("copy", PHONE).unwrap();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
}

fn a_replay_charges_nothing_and_a_wrong_code_does<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    for _ in 0..20 {
        assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
    }
    for _ in 0..4 {
        assert_eq!(word(fixture.login(b"000000", at(NOON))), "wrong");
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 300), at(NOON))), "clock_off");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON + 30))), "limited");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 60), at(NOON + 60))), "accepted phone");
}

fn the_tenth_wrong_code_in_a_row_locks_and_a_recovery_code_lifts_it<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    for at_second in 0..9 {
        assert_eq!(word(fixture.login(b"000000", at(NOON + at_second * 60))), "wrong");
    }
    let locked = NOON + 9 * 60;
    assert_eq!(word(fixture.login(b"000000", at(locked))), "wrong and locked 60");
    assert_eq!(word(fixture.login(&code(PHONE, locked), at(locked))), "locked");
    assert_eq!(word(fixture.login(b"AAAA-AAAA-AAAA-AAAA", at(locked))), "locked");
    assert_eq!(word(fixture.login(codes[0].expose(), at(locked))), "recovered 9");
    assert_eq!(word(fixture.login(&code(PHONE, locked), at(locked))), "accepted phone");
}

fn a_hundred_wrong_codes_disable_all_but_the_recovery_codes<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    for day in 0..100 {
        let verdict = word(fixture.login(b"000000", at(NOON + day * 86400)));
        assert!(verdict.starts_with("wrong"), "{day}: {verdict}");
    }
    let later = NOON + 1000 * 86400;
    assert_eq!(word(fixture.login(&code(PHONE, later), at(later))), "disabled");
    assert_eq!(word(fixture.login(codes[9].expose(), at(later))), "recovered 9");
    assert_eq!(word(fixture.login(&code(PHONE, later), at(later))), "accepted phone");
}

fn a_recovery_code_works_once<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    for (at_code, code) in codes.iter().enumerate() {
        assert_eq!(word(fixture.login(code.expose(), at(NOON))), format!("recovered {}", 9 - at_code));
    }
    for code in &codes {
        assert_eq!(word(fixture.login(code.expose(), at(NOON))), "replayed");
    }
}

fn a_wrong_recovery_code_charges_nothing<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    for _ in 0..200 {
        assert_eq!(word(fixture.login(b"AAAA-AAAA-AAAA-AAAA", at(NOON))), "wrong");
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn an_account_made_again_under_the_same_name_inherits_nothing<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    for uid in [Some(1002), None] {
        let other = Account { uid, ..alice() };
        for typed in [code(PHONE, NOON), codes[0].expose().to_vec()] {
            assert!(word(fixture.login_as(&other, &typed, at(NOON))).contains("uid differs"));
        }
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn the_boot_rule_holds_without_a_ledger_write_having_survived<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    // The machine crashes, the write is lost, and it is back twenty seconds later.
    fixture.store.crash();
    let back = Now { realtime: NOON + 25, boottime: 5 };
    assert_eq!(word(fixture.login(&code(PHONE, NOON), back)), "before_boot");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), back)), "before_boot");
    let later = Now { realtime: NOON + 60, boottime: 40 };
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 60), later)), "accepted phone");
}

fn what_no_boot_rule_saves_outlasts_a_crash<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "recovered 9");
    fixture.store.crash();
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "replayed");
    for minute in 0..10 {
        fixture.login(b"000000", at(NOON + minute * 60)).unwrap();
    }
    fixture.store.crash();
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 600), at(NOON + 570))), "locked");
}

fn a_code_of_a_length_that_no_authenticator_has_charges_nothing<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    for _ in 0..20 {
        assert_eq!(word(fixture.login(b"12345678", at(NOON))), "malformed");
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn a_lock_from_a_clock_that_ran_ahead_passes<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    for hour in 0..10 {
        fixture.login(b"000000", at(NOON + 86400 * 1000 + 3600 * hour)).unwrap();
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "locked");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON + 30))), "locked");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 60), at(NOON + 60))), "accepted phone");
}

fn how_many_wrong_codes_came_before_is_told<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    fixture.login(b"000000", at(NOON)).unwrap();
    fixture.login(b"000001", at(NOON)).unwrap();
    let Ok(Verdict::Accepted(verified)) = fixture.login(&code(PHONE, NOON), at(NOON)) else {
        panic!("accepted")
    };
    assert_eq!(verified.since_last().wrong, 2);
}

#[test]
fn a_held_ledger_is_busy_for_everybody_else() {
    let (fixture, _) = enrolled::<Locking>();
    let held = fixture.held();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "busy");
    drop(held);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn a_ledger_without_a_place_for_an_authenticator_is_trouble<X: Exclusion>() {
    let (mut fixture, _) = enrolled::<X>();
    let before = fixture.held().ledger().clone();
    fixture.add("spare", SPARE).unwrap();
    fixture.entry().record(&before).unwrap();
    assert!(word(fixture.login(&code(SPARE, NOON), at(NOON))).contains("does not fit"));
}

fn time_and_method_of_the_last_login_are_kept<X: Exclusion>() {
    let (mut fixture, codes) = enrolled::<X>();
    fixture.add("spare", SPARE).unwrap();
    let kept = |fixture: &Fixture<Memory<X>>| {
        let held = fixture.held();
        let ledger = held.ledger();
        let last = ledger.last_login().map(|login| (login.at, login.method.as_str()));
        (ledger.confirmed_at(0), ledger.confirmed_at(1), last)
    };
    assert_eq!(kept(&fixture), (None, None, None));
    fixture.login(&code(SPARE, NOON), at(NOON)).unwrap();
    assert_eq!(kept(&fixture), (None, Some(NOON), Some((NOON, "totp"))));
    fixture.login(&code(SPARE, NOON + 30), at(NOON + 30)).unwrap();
    assert_eq!(kept(&fixture), (None, Some(NOON), Some((NOON + 30, "totp"))));
    fixture.login(codes[0].expose(), at(NOON + 40)).unwrap();
    assert_eq!(kept(&fixture), (None, Some(NOON), Some((NOON + 40, "recovery_code"))));
}

in_both_modes! {
    a_code_is_accepted_once
    a_used_code_is_answered_with_the_time_of_the_next_one
    two_authenticators_of_one_secret_do_not_make_one_code_two
    a_replay_charges_nothing_and_a_wrong_code_does
    the_tenth_wrong_code_in_a_row_locks_and_a_recovery_code_lifts_it
    a_hundred_wrong_codes_disable_all_but_the_recovery_codes
    a_recovery_code_works_once
    a_wrong_recovery_code_charges_nothing
    an_account_made_again_under_the_same_name_inherits_nothing
    the_boot_rule_holds_without_a_ledger_write_having_survived
    a_code_of_a_length_that_no_authenticator_has_charges_nothing
    a_lock_from_a_clock_that_ran_ahead_passes
    how_many_wrong_codes_came_before_is_told
    a_ledger_without_a_place_for_an_authenticator_is_trouble
    time_and_method_of_the_last_login_are_kept
    what_no_boot_rule_saves_outlasts_a_crash
}
