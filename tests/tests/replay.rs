//! A code is accepted once, at one service.

use acceptance::clock::{self, THEN};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;

#[test]
fn a_code_is_accepted_once() {
    let fixture = Fixture::with(&["alice"]);
    let code = fixture.code("alice");
    assert_eq!(fixture.login("alice").types(&code).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types(&code).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused replayed");
}

#[test]
fn a_code_that_opened_one_service_opens_no_other() {
    let fixture = Fixture::with(&["alice"]);
    fixture.service("other", &fixture.module(""));
    let code = fixture.code("alice");
    assert_eq!(fixture.login("alice").types(&code).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_at("other", "alice").types(&code).code(), PamCode::AUTH_ERR);
}

#[test]
fn accepting_a_code_uses_up_all_earlier_ones() {
    let fixture = Fixture::with(&["alice"]);
    let earlier = fixture.authenticator("alice").code_at(THEN - 30);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types(earlier).at(THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused replayed");
}

#[test]
fn the_code_of_the_next_step_is_accepted_again() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN + 30).code(), PamCode::SUCCESS);
}

#[test]
fn a_clock_that_was_set_back_brings_no_code_back() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    for second in [THEN, THEN - 30, THEN - 3600] {
        assert_eq!(fixture.login_with_code_at("alice", second).code(), PamCode::AUTH_ERR, "at {second}");
    }
}

#[test]
fn after_a_clock_ran_ahead_unlock_brings_no_code_back() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let now = clock::now();
    assert_eq!(fixture.login_with_code_at("alice", now).code(), PamCode::AUTH_ERR);
    fixture.totp_enroll(&["unlock", "alice"]).assert_done();
    assert_eq!(
        fixture.login_with_code_at("alice", now).code(),
        PamCode::AUTH_ERR,
        "a code of before the unlocking"
    );
    assert_eq!(fixture.login_with_code_at("alice", now + 90).code(), PamCode::SUCCESS);
}

#[test]
fn a_replay_uses_up_nothing_of_another_person() {
    let fixture = Fixture::with(&["alice", "bob"]);
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code("bob").code(), PamCode::SUCCESS);
}

#[test]
fn a_refused_login_uses_up_no_code() {
    let fixture = Fixture::with(&["alice"]);
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn no_code_of_before_the_boot_is_accepted_after_it() {
    let fixture = Fixture::with(&["alice"]);
    let just_started = |second| fixture.login_with_code_at("alice", second);
    assert_eq!(just_started(THEN).up_for(20).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused before_boot");
    assert_eq!(just_started(THEN + 60).up_for(80).code(), PamCode::SUCCESS, "a minute later");
}

#[test]
fn the_code_that_confirmed_the_enrolment_is_used_up() {
    let mut fixture = Fixture::builder().account("alice").build();
    let enrolment = fixture.enrol("alice", &[]);
    assert_eq!(fixture.login("alice").types(&enrolment.confirmed_with).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused replayed");
    assert_eq!(fixture.login("alice").types(enrolment.authenticator.code_in(1)).code(), PamCode::SUCCESS);
}

#[test]
fn two_authenticators_of_one_user_have_separate_codes() {
    let mut fixture = Fixture::builder().account("alice").build();
    let phone = fixture.enrol("alice", &[]).authenticator;
    let spare = fixture.add_authenticator("alice", "spare").authenticator;
    for (authenticator, label) in [(phone, "phone"), (spare, "spare")] {
        let code = authenticator.code_at(THEN);
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS, "{label}");
        assert_eq!(fixture.journal.last().field("authenticator"), label);
    }
}
