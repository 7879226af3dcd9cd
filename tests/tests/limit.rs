//! Limits: how many tries are judged, when accounts are locked, and what lifts a lock.

use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::login::{Login, PamCode};

#[test]
fn after_five_wrong_codes_a_minute_no_code_is_judged() {
    let fixture = Fixture::with(&["alice"]);
    for code in fixture.authenticator("alice").wrong_codes_at(5, THEN) {
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::AUTH_ERR);
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN + 59).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused limited");
    assert_eq!(
        fixture.login_with_code_at("alice", THEN + 60).code(),
        PamCode::SUCCESS,
        "not after the minute either"
    );
}

#[test]
fn four_wrong_codes_in_a_minute_hinder_nobody() {
    let fixture = Fixture::with(&["alice"]);
    try_wrong_codes(&fixture, 4, THEN);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn the_limit_of_one_person_is_not_that_of_another() {
    let fixture =
        Fixture::builder().config("[limit]\nattempts = 1").enrolled("alice").enrolled("bob").build();
    try_wrong_codes(&fixture, 1, THEN);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused limited");
    assert_eq!(fixture.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn the_limit_is_of_a_person_and_not_of_a_service_or_a_host() {
    let fixture = Fixture::builder().config("[limit]\nattempts = 2").enrolled("alice").build();
    fixture.service("other", &fixture.module(""));
    let wrong = fixture.authenticator("alice").wrong_codes_at(2, THEN);
    assert_eq!(
        fixture.login("alice").types(&wrong[0]).from_host("192.0.2.1").at(THEN).code(),
        PamCode::AUTH_ERR
    );
    assert_eq!(fixture.login_at("other", "alice").types(&wrong[1]).at(THEN).code(), PamCode::AUTH_ERR);
    let right = fixture.login_with_code_at("alice", THEN).from_host("192.0.2.2");
    assert_eq!(right.code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused limited");
}

#[test]
fn an_answer_that_cannot_be_a_code_is_not_a_try() {
    let fixture = Fixture::builder().config("[limit]\nattempts = 1").enrolled("alice").build();
    for answer in
        ["", " ", "correct horse", "\u{8}\n\r\u{7f}INCORRECT", "12345", "123456789", "12345a", "٠١٢٣٤٥٦٧٨"]
    {
        assert_eq!(fixture.login("alice").types(answer).at(THEN).code(), PamCode::AUTH_ERR, "{answer:?}");
        assert_eq!(fixture.journal.last().what(), "refused malformed", "{answer:?}");
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn wrong_codes_in_a_row_lock_and_the_log_says_for_how_long() {
    let fixture = lock_after_two();
    try_wrong_codes(&fixture, 2, THEN);
    let event = fixture.journal.last();
    assert_eq!((event.what().as_str(), event.field("seconds")), ("locked wrong", "60"), "{event:?}");
    assert_eq!(fixture.login_with_code_at("alice", THEN + 59).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused locked");
    assert_eq!(
        fixture.login_with_code_at("alice", THEN + 60).code(),
        PamCode::SUCCESS,
        "the lock never ended"
    );
}

#[test]
fn each_further_wrong_code_doubles_the_lock_up_to_its_longest() {
    let fixture = lock_after_two();
    try_wrong_codes(&fixture, 1, THEN);
    let mut second = THEN;
    for seconds in ["60", "120", "240", "300", "300"] {
        try_wrong_codes(&fixture, 1, second);
        let event = fixture.journal.last();
        assert_eq!((event.field("event"), event.field("seconds")), ("locked", seconds), "{event:?}");
        second += 300;
    }
}

#[test]
fn a_right_code_ends_the_failures_of_its_own_source() {
    let fixture = lock_after_two();
    let at_home = |login: Login| login.from_host("192.0.2.1").after("publickey ssh-ed25519 AAAAAXg=");
    assert_eq!(at_home(fixture.login_with_code_at("alice", THEN - 60)).code(), PamCode::SUCCESS);
    for second in [THEN, THEN + 30, THEN + 60] {
        let typed = fixture.authenticator("alice").wrong_codes_at(1, second).remove(0);
        assert_eq!(at_home(fixture.login("alice").types(typed).at(second)).code(), PamCode::AUTH_ERR);
        assert_eq!(at_home(fixture.login_with_code_at("alice", second)).code(), PamCode::SUCCESS, "{second}");
    }
}

#[test]
fn a_right_code_leaves_the_failures_of_other_sources() {
    let fixture = lock_after_two();
    try_wrong_codes(&fixture, 1, THEN);
    let at_home = fixture.login_with_code_at("alice", THEN);
    let at_home = at_home.from_host("192.0.2.1").after("publickey ssh-ed25519 AAAAAXg=");
    assert_eq!(at_home.code(), PamCode::SUCCESS);
    try_wrong_codes(&fixture, 1, THEN + 61);
    assert_eq!(fixture.journal.last().what(), "locked wrong");
}

#[test]
fn a_lock_holds_against_a_clock_that_was_set_back() {
    let fixture = lock_after_two();
    try_wrong_codes(&fixture, 2, THEN);
    assert_eq!(fixture.login_with_code_at("alice", THEN - 3600).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused locked");
}

#[test]
fn a_try_while_locked_does_not_lengthen_the_lock() {
    let fixture = lock_after_two();
    try_wrong_codes(&fixture, 2, THEN);
    for code in fixture.authenticator("alice").wrong_codes_at(8, THEN + 30) {
        assert_eq!(fixture.login("alice").types(code).at(THEN + 30).code(), PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), "refused locked");
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
}

#[test]
fn too_many_wrong_codes_in_a_row_disable_the_account() {
    let limit =
        "[limit]\nattempts = 16\nlock_after = 3\nlock_for = \"1s\"\nlock_max = \"1s\"\ndisable_after = 3";
    let fixture = Fixture::builder().config(limit).enrolled("alice").build();
    try_wrong_codes(&fixture, 3, THEN);
    assert_eq!(fixture.login_with_code_at("alice", THEN + 86_400).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused disabled");
    fixture.totp_enroll(&["unlock", "alice"]).assert_done();
    assert_eq!(fixture.login_with_code_at("alice", THEN + 86_400).code(), PamCode::SUCCESS);
}

#[test]
fn an_administrator_lifts_a_lock() {
    let fixture = lock_after_two();
    try_wrong_codes(&fixture, 2, THEN);
    fixture.totp_enroll(&["unlock", "alice"]).assert_done();
    assert_eq!(
        fixture.journal.command_events().last().map(|event| event.what()),
        Some("unlocked".to_owned())
    );
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn an_administrator_lifts_the_limit_of_the_minute_too() {
    let fixture = Fixture::builder().config("[limit]\nattempts = 1").enrolled("alice").build();
    try_wrong_codes(&fixture, 1, THEN);
    fixture.totp_enroll(&["unlock", "alice"]).assert_done();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

fn lock_after_two() -> Fixture {
    let limit = "[limit]\nattempts = 16\nlock_after = 2\nlock_for = \"1m\"\nlock_max = \"5m\"";
    Fixture::builder().config(limit).enrolled("alice").build()
}

/// Wrong codes of alice that are all judged.
fn try_wrong_codes(fixture: &Fixture, count: usize, second: u64) {
    let wrong = |code: String| -> Login { fixture.login("alice").types(code).at(second) };
    for code in fixture.authenticator("alice").wrong_codes_at(count, second) {
        assert_eq!(wrong(code).code(), PamCode::AUTH_ERR);
    }
}
