//! Recovery codes: each is accepted once, also during a lock, until a new set replaces them.

use acceptance::clock::THEN;
use acceptance::enroll_command::{self, Enrolment};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;

#[test]
fn a_recovery_code_is_accepted_once() {
    let (fixture, enrolment) = enrolled();
    let code = &enrolment.recovery_codes[0];
    assert_eq!(fixture.login("alice").types(code).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types(code).code(), PamCode::AUTH_ERR);
}

#[test]
fn each_of_the_ten_is_accepted_and_the_log_counts_what_is_left() {
    let (fixture, enrolment) = enrolled();
    assert_eq!(enrolment.recovery_codes.len(), 10);
    for (code, left) in enrolment.recovery_codes.iter().zip((0..10).rev()) {
        assert_eq!(fixture.login("alice").types(code).code(), PamCode::SUCCESS);
        let event = fixture.journal.last();
        let fields = ["event", "user", "method", "left"].map(|key| event.field(key));
        assert_eq!(
            fields,
            ["recovery_used", "alice", "recovery_code", left.to_string().as_str()],
            "{event:?}"
        );
    }
}

#[test]
fn a_recovery_code_may_be_typed_as_a_person_would() {
    let (fixture, enrolment) = enrolled();
    let typed: [fn(&str) -> String; 4] = [
        |code| code.to_lowercase(),
        |code| code.replace('-', ""),
        |code| format!(" {} ", code.replace('-', " ")),
        |code| code.replace('0', "o").replace('1', "l"),
    ];
    for (code, typed) in enrolment.recovery_codes.iter().zip(typed) {
        assert_eq!(fixture.login("alice").types(typed(code)).code(), PamCode::SUCCESS, "{}", typed(code));
    }
}

#[test]
fn a_made_up_recovery_code_is_refused() {
    let (fixture, enrolment) = enrolled();
    let last = |code: &str| if code.ends_with('A') { 'B' } else { 'A' };
    let code = &enrolment.recovery_codes[0];
    let other = format!("{}{}", &code[..18], last(code));
    assert_eq!(fixture.login("alice").types(other).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login("alice").types(&code[..17]).code(), PamCode::AUTH_ERR, "half a code");
}

#[test]
fn a_recovery_code_is_valid_for_its_owner_only() {
    let mut fixture = Fixture::builder().account("alice").account("bob").build();
    let alices = fixture.enrol("alice", &[]).recovery_codes;
    let _ = fixture.enrol("bob", &[]);
    assert_eq!(fixture.login("bob").types(&alices[0]).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login("alice").types(&alices[0]).code(), PamCode::SUCCESS);
}

#[test]
fn a_recovery_code_is_judged_during_a_lock_and_lifts_it() {
    let mut fixture = locked_after_one("");
    let enrolment = fixture.enrol("alice", &[]);
    lock_out(&fixture);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused locked");
    assert_eq!(fixture.login("alice").types(&enrolment.recovery_codes[0]).at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS, "the lock was not lifted");
}

#[test]
fn a_recovery_code_helps_after_wrong_codes_disabled_the_account() {
    let mut fixture = locked_after_one("disable_after = 1");
    let enrolment = fixture.enrol("alice", &[]);
    lock_out(&fixture);
    assert_eq!(fixture.login_with_code_at("alice", THEN + 86_400).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused disabled");
    let recovered = fixture.login("alice").types(&enrolment.recovery_codes[0]).at(THEN + 86_400);
    assert_eq!(recovered.code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN + 86_400).code(), PamCode::SUCCESS);
}

#[test]
fn a_used_recovery_code_does_not_lift_a_lock() {
    let mut fixture = locked_after_one("");
    let enrolment = fixture.enrol("alice", &[]);
    assert_eq!(fixture.login("alice").types(&enrolment.recovery_codes[0]).code(), PamCode::SUCCESS);
    lock_out(&fixture);
    let again = fixture.login("alice").types(&enrolment.recovery_codes[0]).at(THEN).code();
    assert_eq!(again, PamCode::AUTH_ERR);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused locked");
}

#[test]
fn a_new_set_ends_the_old_one_at_once() {
    let (fixture, enrolment) = enrolled();
    let fresh = renew(&fixture);
    assert_eq!(fresh.len(), 10);
    for code in &enrolment.recovery_codes[..4] {
        assert_eq!(fixture.login("alice").types(code).code(), PamCode::AUTH_ERR, "a code of the old set");
    }
    fixture.totp_enroll(&["unlock", "alice"]).assert_done();
    assert_eq!(fixture.login("alice").types(&fresh[0]).code(), PamCode::SUCCESS);
}

#[test]
fn a_new_set_leaves_the_authenticator_as_it_is() {
    let (fixture, _) = enrolled();
    let _ = renew(&fixture);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn the_configuration_says_how_many_codes_a_set_has() {
    let mut fixture =
        Fixture::builder().config("[recovery]\ncodes = 3\nwarn_below = 1").account("alice").build();
    assert_eq!(fixture.enrol("alice", &[]).recovery_codes.len(), 3);
}

#[test]
fn status_warns_when_few_codes_are_left() {
    let mut fixture =
        Fixture::builder().config("[recovery]\ncodes = 3\nwarn_below = 3").account("alice").build();
    let enrolment = fixture.enrol("alice", &[]);
    let warns =
        |fixture: &Fixture| fixture.totp_enroll(&["status", "alice"]).stdout.contains("recovery-codes");
    assert!(!warns(&fixture), "three are not few");
    assert_eq!(fixture.login("alice").types(&enrolment.recovery_codes[0]).code(), PamCode::SUCCESS);
    assert!(warns(&fixture));
}

fn enrolled() -> (Fixture, Enrolment) {
    let mut fixture = Fixture::builder().account("alice").build();
    let enrolment = fixture.enrol("alice", &[]);
    (fixture, enrolment)
}

fn locked_after_one(more: &str) -> Fixture {
    let limit = format!("[limit]\nattempts = 16\nlock_after = 1\nlock_for = \"1h\"\n{more}");
    Fixture::builder().config(&limit).account("alice").build()
}

/// One wrong code of alice, which is one too many.
fn lock_out(fixture: &Fixture) {
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
}

/// A new set of codes for alice, ordered by root.
fn renew(fixture: &Fixture) -> Vec<String> {
    let mut terminal = fixture.at_terminal(&["recovery-codes", "alice"]);
    terminal.expect(&enroll_command::asks_for_the_name("alice"));
    terminal.types("alice");
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    enroll_command::recovery_codes(&ended.screen)
}
