//! The limit of enrolment attempts: five codes in ten minutes for an account, however often an enrolment is started.

use acceptance::clock::THEN;
use acceptance::enroll_command::{self, ASKS_FOR_A_CODE, asks_for_the_name};
use acceptance::fixture::{Builder, Fixture};
use acceptance::login::{Answer, Login, PamCode, Waiting};

#[test]
fn a_new_run_of_the_command_has_no_new_tries() {
    let mut fixture = fixture("").build();
    three_wrong_codes(&fixture);
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    let phone = enroll_command::shown_authenticator(&mut terminal, &[]);
    for code in phone.wrong_codes(2) {
        terminal.types(&code);
        terminal.expect(" left)");
    }
    terminal.types(&phone.code());
    let ended = terminal.end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(ended.screen.contains("try again in 10 minutes"), "{}", ended.screen);
    let event = fixture.journal.command_events().pop().unwrap();
    assert_eq!((event.what().as_str(), event.field("way")), ("refused limited", "enroll"));
    let ended = fixture.at_terminal(&["enroll", "alice"]).end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(!ended.screen.contains("manual key"), "{}", ended.screen);
    let _ = fixture.enrol("bob", &[]);
    fixture.totp_enroll(&["unlock", "alice"]).assert_done();
    let _ = fixture.enrol("alice", &[]);
}

#[test]
fn a_right_code_ends_the_count() {
    let mut fixture = fixture("").build();
    for _ in 0..3 {
        three_wrong_codes(&fixture);
        let _ = fixture.enrol("alice", &[]);
        fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    }
}

#[test]
fn adding_an_authenticator_is_limited_and_logins_go_on() {
    let fixture = fixture("").enrolled("alice").build();
    for wrong in [3, 2] {
        let mut terminal = fixture.at_terminal(&["enroll", "alice", "--add", "--label", "spare"]);
        terminal.expect(&asks_for_the_name("alice"));
        terminal.types("alice");
        let phone = enroll_command::shown_authenticator(&mut terminal, &[]);
        for code in phone.wrong_codes(wrong) {
            terminal.types(&code);
            terminal.expect(" left)");
        }
        terminal.presses_ctrl('c');
        let _ = terminal.end();
    }
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--add", "--label", "spare"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    assert!(terminal.expect_any_or_the_end(&[ASKS_FOR_A_CODE]).is_none());
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_login_that_enrols_and_the_command_count_together() {
    let fixture = fixture("[require]\nenroll_at_login = true").build();
    three_wrong_codes(&fixture);
    let outcome = wrong_at_login(&fixture, 2).answers_with(Answer::CodeOfTheShownKey(0)).types("yes").run();
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
    assert_eq!(fixture.journal.last().what(), "refused limited");
    let next = fixture.login("alice").at(THEN).run();
    assert_eq!((next.code, next.asked().len()), (PamCode::AUTH_ERR, 0), "{next:?}");
    assert_eq!(fixture.journal.last().what(), "refused limited");
}

#[test]
fn a_user_before_the_last_day_is_not_refused_for_wrong_codes() {
    let fixture = fixture("[require]\nenroll_at_login = true\nenroll_by = 9999-12-31").build();
    assert_eq!(wrong_at_login(&fixture, 5).code(), PamCode::AUTH_ERR);
    let line = fixture.module("after_first_factor");
    fixture.service("witness", &format!("{line}\nauth required pam_permit.so"));
    let outcome = fixture.login_at("witness", "alice").at(THEN).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::SUCCESS, 0), "{outcome:?}");
}

#[test]
fn of_many_tries_at_once_five_are_judged() {
    let fixture = fixture("[require]\nenroll_at_login = true").build();
    let waiting: Vec<Waiting> = (0..16).map(|_| wrong_at_login(&fixture, 1).hold()).collect();
    let running: Vec<_> = waiting.into_iter().map(Waiting::release).collect();
    let codes: Vec<PamCode> = running.into_iter().map(|login| login.outcome().unwrap().code).collect();
    assert!(codes.iter().all(|code| *code != PamCode::SUCCESS), "{codes:?}");
    let limited = fixture.journal.events().iter().filter(|event| event.what() == "refused limited").count();
    assert_eq!(limited, 16 - 5, "{codes:?}");
}

fn fixture(config: &str) -> Builder {
    Fixture::builder().config(config).arguments("after_first_factor").account("alice").account("bob")
}

/// Types three wrong codes in the command, and leaves.
fn three_wrong_codes(fixture: &Fixture) {
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    let phone = enroll_command::shown_authenticator(&mut terminal, &[]);
    for code in phone.wrong_codes(3) {
        terminal.types(&code);
        terminal.expect(" left)");
    }
    terminal.presses_ctrl('c');
    assert_ne!(terminal.end().status, 0);
}

/// A login that enrols, with so many wrong codes; then the conversation fails.
fn wrong_at_login(fixture: &Fixture, wrong: i64) -> Login {
    let login = fixture.login("alice").at(THEN);
    (0..wrong).fold(login, |login, at| login.answers_with(Answer::CodeOfTheShownKey(-40 - at)))
}
