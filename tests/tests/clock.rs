//! The clock is set back, or ran ahead: no code is accepted twice, the log says what to do, and nobody is locked out for
//! longer than that takes.

use acceptance::authenticator::Authenticator;
use acceptance::clock::{self, THEN};
use acceptance::enroll_command;
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::PamCode;
use acceptance::snapshot::renewed_codes;

#[test]
fn a_clock_set_back_accepts_no_code_and_the_log_says_so() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    // Minutes, hours, days, and a machine that starts without a battery.
    for second in [THEN - 3 * MINUTE, THEN - 5 * HOUR, THEN - 3 * DAY, HOUR] {
        assert_eq!(fixture.login_with_code_at("alice", second).code(), PamCode::AUTH_ERR, "at {second}");
        let event = fixture.journal.last();
        assert_eq!(event.what(), "refused clock_back", "{event:?}");
        let behind: u64 = event.field("seconds").parse().unwrap();
        assert!(behind.abs_diff(THEN - second) <= 30, "{event:?}");
        for word in ["time service", "totp-enroll unlock"] {
            assert!(event.field("hint").contains(word), "what to do is not said: {event:?}");
        }
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR, "opened twice");
    assert_eq!(fixture.login_with_code_at("alice", THEN + 30).code(), PamCode::SUCCESS, "set right again");
}

#[test]
fn while_the_clock_is_set_back_right_codes_are_no_tries() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    for step in 0..12 {
        let code = fixture.login_with_code_at("alice", THEN - HOUR + 30 * step).code();
        assert_eq!(code, PamCode::AUTH_ERR, "the {step}th was taken for a guess");
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN + 30).code(), PamCode::SUCCESS);
}

#[test]
fn a_clock_that_jumps_to_and_fro_opens_to_each_code_once() {
    let fixture = Fixture::with(&["alice"]);
    let jumps = [THEN, THEN + 5 * YEAR, THEN, THEN + 30, THEN + 5 * YEAR, THEN + 5 * YEAR + 30, THEN + 60];
    let opened = jumps.map(|second| fixture.login_with_code_at("alice", second).code() == PamCode::SUCCESS);
    assert_eq!(opened, [true, true, false, false, false, true, false]);
}

#[test]
fn after_a_clock_ran_ahead_unlock_makes_codes_valid_again() {
    let fixture = Fixture::with(&["alice"]);
    let set =
        renewed_codes(&fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).stdout).unwrap();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN + 5 * YEAR).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN + 30).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused clock_back");
    assert_eq!(fixture.login("alice").types(&set[0]).at(THEN + 60).code(), PamCode::SUCCESS);
    command_at(&fixture, &["unlock", "alice"], THEN + 90).assert_done();
    for second in [THEN, THEN + 60, THEN + 90] {
        let code = fixture.login_with_code_at("alice", second).code();
        assert_eq!(code, PamCode::AUTH_ERR, "of before the unlocking: {second}");
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN + 150).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN + 150).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login("alice").types(&set[0]).at(THEN + 180).code(), PamCode::AUTH_ERR);
}

#[test]
fn a_lock_that_started_years_ahead_lasts_no_longer_than_another() {
    let limit = "[limit]\nattempts = 16\nlock_after = 2\nlock_for = \"1m\"";
    let fixture = Fixture::builder().config(limit).enrolled("alice").build();
    for code in fixture.authenticator("alice").wrong_codes_at(2, THEN + 5 * YEAR) {
        let code = fixture.login("alice").types(code).at(THEN + 5 * YEAR).code();
        assert_eq!(code, PamCode::AUTH_ERR);
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    let event = fixture.journal.last();
    assert_eq!((event.what().as_str(), event.field("wait_seconds")), ("refused locked", "60"), "{event:?}");
    assert_eq!(fixture.login_with_code_at("alice", THEN + 59).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused locked");
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
}

#[test]
fn wrong_codes_of_years_ahead_limit_no_longer_than_others() {
    let fixture = Fixture::with(&["alice"]);
    for code in fixture.authenticator("alice").wrong_codes_at(5, THEN + 5 * YEAR) {
        let code = fixture.login("alice").types(code).at(THEN + 5 * YEAR).code();
        assert_eq!(code, PamCode::AUTH_ERR);
    }
    for second in [THEN, THEN + 59] {
        assert_eq!(fixture.login_with_code_at("alice", second).code(), PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), "refused limited");
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
}

#[test]
fn an_enrolment_made_while_the_clock_ran_ahead_is_valid() {
    let mut fixture = Fixture::with(&[]);
    let phone = Authenticator::random();
    let users = fixture.write("users.oath", &users_file(&[("carol".to_owned(), phone.clone())]));
    fixture.note("carol", phone);
    let import = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"];
    command_at(&fixture, &import, THEN + 5 * YEAR).assert_done();
    let renew = command_at(&fixture, &["--json", "recovery-codes", "carol", "--yes"], THEN + 5 * YEAR);
    let set = renewed_codes(&renew.stdout).unwrap();
    assert_eq!(fixture.login_with_code_at("carol", THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("carol").types(&set[0]).at(THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_repair_while_the_clock_ran_ahead_locks_nobody_out() {
    let fixture = Fixture::with(&["alice"]);
    std::fs::write(fixture.ledger("alice"), "oh no").unwrap();
    command_at(&fixture, &["unlock", "alice", "--repair"], THEN + 5 * YEAR).assert_done();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused clock_back");
    command_at(&fixture, &["unlock", "alice"], THEN).assert_done();
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// Runs the command at a moment.
fn command_at(fixture: &Fixture, arguments: &[&str], second: u64) -> enroll_command::CommandOutput {
    let mut command = fixture.command(arguments);
    clock::stop(&mut command, second);
    enroll_command::run(command, "")
}
