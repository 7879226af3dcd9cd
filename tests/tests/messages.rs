//! What a login tells the user beside the prompts, and does not tell a stranger.

use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::{Login, Outcome, PamCode};

const KEY: &str = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeyOfMyLaptop01";

#[test]
fn after_a_first_factor_a_refusal_is_explained() {
    let fixture = fixture("[limit]\nattempts = 2");
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    // 2_000_000_025 is 15 seconds into its step.
    let replayed = again(&fixture, "alice", THEN);
    assert_eq!(said(&replayed.run()), ["That code was used already; wait 15 seconds for the next one."]);
    for wrong in fixture.authenticator("alice").wrong_codes_at(2, THEN) {
        let outcome = fixture.login("alice").after(KEY).types(wrong).at(THEN).run();
        assert!(said(&outcome).is_empty(), "a wrong code is no news: {outcome:?}");
    }
    let outcome = again(&fixture, "alice", THEN + 30).run();
    assert_eq!(
        (outcome.code, said(&outcome)),
        (
            PamCode::AUTH_ERR,
            vec!["Too many wrong codes; try again in 30 seconds. A recovery code still works."]
        )
    );
    let outcome = fixture.login("carol").after(KEY).types("123456").at(THEN).run();
    assert_eq!(said(&outcome), ["This account has no authenticator yet: ask the administrator to enrol it."]);
}

#[test]
fn a_stranger_is_told_nothing() {
    let fixture = fixture("[limit]\nattempts = 1\n[totp]\nanswer_within = \"1s\"");
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    let logins = [
        fixture.login_with_code_at("alice", THEN),
        fixture.login("alice").types(wrong).at(THEN),
        fixture.login_with_code_at("alice", THEN + 30),
        fixture.login("carol").types("123456").at(THEN),
        fixture.login("nobody-of-that-name").types("123456").at(THEN),
        Login { pause_ms: 1500, ..fixture.login("alice").types("123456").at(THEN) },
    ];
    for login in logins {
        let outcome = login.run();
        assert_ne!(outcome.code, PamCode::SUCCESS);
        assert!(said(&outcome).is_empty(), "{outcome:?}");
    }
}

#[test]
fn the_service_file_can_state_that_a_first_factor_passed() {
    let fixture = fixture("");
    fixture.service(SERVICE, &fixture.module("after_first_factor"));
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(said(&fixture.login_with_code_at("alice", THEN).run()).len(), 1);
}

#[test]
fn a_late_answer_is_called_late() {
    let fixture = fixture("[totp]\nanswer_within = \"1s\"");
    let outcome = Login { pause_ms: 1500, ..again(&fixture, "alice", THEN) }.run();
    assert_eq!(
        (outcome.code, said(&outcome)),
        (PamCode::AUTH_ERR, vec!["The answer came too late; log in again."])
    );
}

#[test]
fn quiet_or_pam_silent_says_nothing() {
    let fixture = fixture("[service.quiet]\nquiet = true");
    fixture.service("quiet", &fixture.module(""));
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(said(&again(&fixture, "alice", THEN).run()).len(), 1);
    let silent = Login { silent: true, ..again(&fixture, "alice", THEN) };
    assert!(said(&silent.run()).is_empty());
    let quiet = Login { service: "quiet".to_owned(), ..again(&fixture, "alice", THEN) };
    assert!(said(&quiet.run()).is_empty());
}

#[test]
fn a_recovery_code_login_tells_how_many_are_left() {
    let mut fixture =
        Fixture::builder().account("alice").config("[recovery]\ncodes = 4\nwarn_below = 3").build();
    let codes = fixture.enrol("alice", &[]).recovery_codes;
    let used = |code: &str| said(&fixture.login("alice").types(code).run()).join("\n");
    let first = used(&codes[0]);
    assert!(first.starts_with("3 recovery codes are left; \"sudo totp-enroll recovery-codes\""), "{first}");
    let second = used(&codes[1]);
    assert!(second.contains("WARNING: only 2 recovery codes are left"), "{second}");
    assert!(second.contains("ago with a recovery code"), "the next login tells of the one before: {second}");
    assert!(used(&codes[2]).contains("only 1 recovery code is left"));
}

#[test]
fn the_next_login_shows_what_happened_since_the_last() {
    let fixture = fixture("[remember]\nmode = \"always\"");
    let at_home = |then| again(&fixture, "alice", then).from_host("192.0.2.7");
    assert_eq!(at_home(THEN).code(), PamCode::SUCCESS);
    for wrong in fixture.authenticator("alice").wrong_codes_at(2, THEN) {
        assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    }
    let outcome = fixture.login_with_code_at("alice", THEN + 7200).run();
    assert_eq!(
        said(&outcome),
        [
            "Last login: 2 hours ago with a code. Since then: 2 wrong codes from 1 place, a device was remembered."
        ]
    );
    let outcome = fixture.login_with_code_at("alice", THEN + 7260).run();
    assert!(said(&outcome).is_empty(), "no news: {outcome:?}");
}

fn fixture(config: &str) -> Fixture {
    Fixture::builder().account("alice").account("carol").enrolled("alice").config(config).build()
}

/// With the code of a moment, after a key.
fn again(fixture: &Fixture, user: &str, then: u64) -> Login {
    fixture.login_with_code_at(user, then).after(KEY)
}

fn said(outcome: &Outcome) -> Vec<&str> {
    outcome.prompts.iter().filter(|prompt| !prompt.asks()).map(|prompt| prompt.text.as_str()).collect()
}
