//! `totp-enroll test`: what it says of a code, which is judged as at a login: charged, used up and logged.

use acceptance::clock::{self, THEN};
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::terminal::Terminal;
use std::io::Write;
use std::process::Command;

#[test]
fn a_right_code_is_said_to_be_right_and_by_which_authenticator() {
    let fixture = Fixture::with(&["alice"]);
    let document = tested(&fixture, &fixture.authenticator("alice").code_at(THEN), THEN).json();
    assert_eq!((&document["right"], &document["method"]), (&true.into(), &"totp".into()), "{document}");
    assert!(document["authenticator"].is_string(), "{document}");
}

#[test]
fn a_tested_code_and_a_login_use_up_the_same_code() {
    let fixture = Fixture::with(&["alice"]);
    let code = fixture.authenticator("alice").code_at(THEN);
    assert_eq!(tested(&fixture, &code, THEN).status, 0);
    assert_eq!(fixture.login("alice").types(&code).at(THEN).code(), PamCode::AUTH_ERR);
    let next = fixture.authenticator("alice").code_at(THEN + 30);
    assert_eq!(fixture.login("alice").types(&next).at(THEN + 30).code(), PamCode::SUCCESS);
    let done = tested(&fixture, &next, THEN + 30);
    assert_eq!((done.status, &done.json()["reason"]), (1, &"replayed".into()), "{done:?}");
    assert!(done.json()["wait_seconds"].as_u64().is_some_and(|wait| wait <= 30), "{done:?}");
}

#[test]
fn a_phone_with_a_slow_clock_is_told_by_how_much() {
    let fixture = Fixture::with(&["alice"]);
    let done = tested(&fixture, &fixture.authenticator("alice").code_at(THEN - 150), THEN);
    let document = done.json();
    assert_eq!(
        (&document["reason"], &document["clock_off_seconds"]),
        (&"clock_off".into(), &(-150).into()),
        "{document}"
    );
    assert!(document["sentence"].as_str().is_some_and(|text| text.contains("3 minutes old")), "{document}");
    assert_eq!(done.status, 1);
}

/// A guess that hits a code of a minute from now would be confirmed by it, and is accepted then.
#[test]
fn a_code_of_later_is_reported_as_a_wrong_one() {
    let fixture = Fixture::with(&["alice"]);
    let ahead = tested(&fixture, &fixture.authenticator("alice").code_at(THEN + 150), THEN);
    let wrong = tested(&fixture, &fixture.authenticator("alice").wrong_codes_at(1, THEN)[0], THEN);
    assert_eq!((ahead.status, &ahead.stdout, &ahead.stderr), (wrong.status, &wrong.stdout, &wrong.stderr));
    assert_eq!(ahead.json()["reason"], "wrong");
}

#[test]
fn a_code_is_read_from_a_socket_as_well() {
    let fixture = Fixture::with(&["alice"]);
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.write_all(b"000\n").unwrap();
    drop(ours);
    let mut command = fixture.command(&["--json", "test", "alice", "--code-fd", "0"]);
    let output = command.stdin(std::os::fd::OwnedFd::from(theirs)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("malformed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn wrong_codes_are_charged_as_at_a_login() {
    let fixture = Fixture::with(&["alice"]);
    for wrong in fixture.authenticator("alice").wrong_codes_at(5, THEN) {
        let done = tested(&fixture, &wrong, THEN);
        assert_eq!((done.status, &done.json()["reason"]), (1, &"wrong".into()), "{done:?}");
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused limited");
    let done = tested(&fixture, &fixture.authenticator("alice").code_at(THEN), THEN);
    assert_eq!((done.status, &done.json()["reason"]), (1, &"limited".into()), "{done:?}");
}

#[test]
fn a_lock_is_reported_with_its_length() {
    let fixture =
        Fixture::builder().config("[limit]\nlock_after = 1\nlock_for = \"1h\"").enrolled("alice").build();
    let done = tested(&fixture, &fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0), THEN);
    assert!(
        done.json()["sentence"].as_str().is_some_and(|text| text.contains("locked for 60 minutes")),
        "{done:?}"
    );
    let event = fixture.journal.command_events().pop();
    assert_eq!(event.map(|event| event.what()).as_deref(), Some("locked wrong"));
    let done = tested(&fixture, &fixture.authenticator("alice").code_at(THEN), THEN);
    assert_eq!((&done.json()["reason"], done.status), (&"locked".into(), 1), "{done:?}");
}

#[test]
fn what_cannot_be_a_code_charges_nothing() {
    let fixture = Fixture::builder().config("[limit]\nattempts = 1").enrolled("alice").build();
    let before = fixture.stored();
    for text in ["", "hello", "12345", "1234567890123", &"7".repeat(100_000)] {
        let done = tested(&fixture, text, THEN);
        assert_eq!((done.status, &done.json()["reason"]), (1, &"malformed".into()), "{done:?}");
    }
    assert!(before == fixture.stored());
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_recovery_code_is_used_up_by_it() {
    let fixture = Fixture::with(&["alice"]);
    let codes = fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]);
    let code = enroll_command::recovery_codes_in(&codes.stdout).remove(0);
    let done = tested(&fixture, &code, THEN);
    assert_eq!((done.status, &done.json()["recovery_left"]), (0, &9.into()), "{done:?}");
    assert_eq!(fixture.login("alice").types(&code).at(THEN).code(), PamCode::AUTH_ERR);
}

#[test]
fn each_test_is_a_line_in_the_log_that_names_the_command() {
    let fixture = Fixture::with(&["alice"]);
    let authenticator = fixture.authenticator("alice").clone();
    for (code, what) in [
        (authenticator.code_at(THEN), "tested"),
        (authenticator.code_at(THEN), "refused replayed"),
        (authenticator.wrong_codes_at(1, THEN).remove(0), "refused wrong"),
        (authenticator.code_at(THEN + 150), "refused clock_off"),
    ] {
        let _ = tested(&fixture, &code, THEN);
        let events = fixture.journal.command_events();
        let event = events
            .last()
            .map(|event| (event.what(), event.field("service").to_owned(), event.field("user").to_owned()));
        assert_eq!(
            event,
            Some((what.to_owned(), "totp-enroll".to_owned(), "alice".to_owned())),
            "{events:?}"
        );
        assert!(!fixture.journal.lines().iter().any(|line| line.contains(&code)));
    }
}

#[test]
fn a_user_tests_a_code_at_a_terminal_that_does_not_echo() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let _ = fixture.machine();
    let mut terminal = Terminal::open_with_echo(&fixture.command_of("alice", &["test"]));
    terminal.expect("code: ");
    let code = fixture.code("alice");
    terminal.types(&code);
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert!(ended.screen.contains("correct") && !ended.screen.contains(&code), "{}", ended.screen);
}

#[test]
fn giving_up_charges_nothing_and_restores_the_terminal() {
    let fixture =
        Fixture::builder().config("[limit]\nattempts = 1").account("alice").enrolled("alice").build();
    let before = fixture.stored();
    let mut shell = Command::new("/bin/sh");
    let test = fixture.command(&["test", "alice"]);
    shell
        .args(["-c", "stty echo; \"$@\"; echo status $?; stty -a"])
        .arg("sh")
        .arg(test.get_program())
        .args(test.get_args());
    let mut terminal = Terminal::open(&shell);
    terminal.expect("code: ");
    terminal.presses_ctrl('c');
    terminal.expect("status 1");
    let ended = terminal.end();
    assert!(ended.screen.contains("isig icanon iexten echo "), "{}", ended.screen);
    assert!(ended.screen.contains("eol = <undef>"), "{}", ended.screen);
    assert!(before == fixture.stored());
}

#[test]
fn without_a_terminal_it_says_how_to_give_the_code() {
    let fixture = Fixture::with(&["alice"]);
    for arguments in [&["test", "alice"][..], &["--json", "test", "alice"]] {
        let done = fixture.totp_enroll(arguments);
        assert!(done.status == 1 && done.stderr.contains("--code-fd 0"), "{done:?}");
    }
    let done = fixture.totp_enroll(&["test", "alice", "--code-fd", "77"]);
    assert!(done.status == 1 && done.stderr.contains("--code-fd 77"), "{done:?}");
}

#[test]
fn testing_without_enrolment_is_status_3() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(
        enroll_command::run(fixture.command(&["test", "bob", "--code-fd", "0"]), "123456\n").status,
        3
    );
}

/// `test alice` with this code on standard input, at this second.
fn tested(fixture: &Fixture, code: &str, second: u64) -> CommandOutput {
    let mut command = fixture.command(&["--json", "test", "alice", "--code-fd", "0"]);
    clock::stop(&mut command, second);
    enroll_command::run(command, &format!("{code}\n"))
}
