//! `enroll --add`, `--replace` and `disable`: never by accident, never half.

use acceptance::clock::THEN;
use acceptance::enroll_command::{self, ASKS_FOR_A_CODE, ASKS_FOR_A_PRESENT_CODE, asks_for_the_name};
use acceptance::fixture::Fixture;
use acceptance::login::{Login, PamCode};
use acceptance::terminal::Terminal;

#[test]
fn an_enrolment_is_not_overwritten_and_the_options_are_named() {
    let fixture = alice();
    let stored = fixture.stored();
    let ended = fixture.at_terminal(&["enroll", "alice"]).end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(ended.screen.contains("--replace") && ended.screen.contains("--add"), "{}", ended.screen);
    stored.assert_unchanged(&fixture.state());
}

#[test]
fn adding_and_replacing_at_once_is_a_mistake_in_the_command() {
    let fixture = alice();
    let stored = fixture.stored();
    assert_eq!(fixture.at_terminal(&["enroll", "alice", "--add", "--replace"]).end().status, 2);
    stored.assert_unchanged(&fixture.state());
}

#[test]
fn root_replaces_the_enrolment_of_another_after_typing_the_name() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--replace"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    let new = enroll_command::confirm(terminal, &[]);
    let old = fixture.login_with_code_at("alice", THEN);
    assert_eq!(old.code(), PamCode::AUTH_ERR, "the old authenticator");
    assert_eq!(
        fixture.login("alice").types(new.authenticator.code_at(THEN)).at(THEN).code(),
        PamCode::SUCCESS
    );
    assert_eq!(new.recovery_codes.len(), 10);
}

#[test]
fn a_name_that_was_typed_wrong_changes_nothing() {
    let fixture = alice();
    let stored = fixture.stored();
    for arguments in [
        &["enroll", "alice", "--replace"][..],
        &["enroll", "alice", "--add", "--label", "spare"],
        &["recovery-codes", "alice"],
        &["disable", "alice"],
    ] {
        for typed in ["", "alic", "yes", "bob"] {
            let mut terminal = fixture.at_terminal(arguments);
            terminal.expect(&asks_for_the_name("alice"));
            terminal.types(typed);
            let ended = terminal.end();
            assert_eq!(ended.status, 1, "{arguments:?} {typed:?}: {}", ended.screen);
        }
    }
    stored.assert_unchanged(&fixture.state());
}

#[test]
fn ctrl_c_while_replacing_leaves_the_old_enrolment_whole() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--replace"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    terminal.expect(ASKS_FOR_A_CODE);
    terminal.presses_ctrl('c');
    assert_ne!(terminal.end().status, 0);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn five_wrong_codes_while_replacing_keep_the_old_enrolment() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--replace"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    let new = enroll_command::shown_authenticator(&mut terminal, &[]);
    for code in new.wrong_codes(5) {
        terminal.types(&code);
    }
    assert_eq!(terminal.end().status, 1);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn replacing_ones_own_enrolment_needs_a_present_code() {
    let fixture = alice();
    let mut terminal = as_alice(&fixture, &["enroll", "--replace"]);
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    terminal.types(&fixture.code("alice"));
    let new = enroll_command::confirm(terminal, &[]).authenticator;
    assert_eq!(fixture.login("alice").types(new.code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
}

#[test]
fn without_a_present_code_a_user_changes_nothing() {
    let fixture = alice();
    for arguments in [
        &["enroll", "--replace"][..],
        &["enroll", "--add", "--label", "spare"],
        &["recovery-codes"],
        &["disable"],
    ] {
        let mut terminal = as_alice(&fixture, arguments);
        for code in fixture.authenticator("alice").wrong_codes(3) {
            terminal.expect(ASKS_FOR_A_PRESENT_CODE);
            terminal.types(&code);
        }
        let ended = terminal.end();
        assert_eq!(ended.status, 1, "{arguments:?}: {}", ended.screen);
        assert!(!ended.screen.contains("manual key"), "{}", ended.screen);
        fixture.totp_enroll(&["unlock", "alice"]).assert_done();
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_recovery_code_is_as_good_as_a_present_one() {
    let mut fixture = Fixture::builder().account("alice").build();
    let old = fixture.enrol("alice", &[]).recovery_codes;
    let mut terminal = as_alice(&fixture, &["recovery-codes"]);
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    terminal.types(&old[0]);
    let ended = terminal.end();
    assert_eq!(
        (ended.status, enroll_command::recovery_codes(&ended.screen).len()),
        (0, 10),
        "{}",
        ended.screen
    );
}

#[test]
fn yes_is_no_answer_to_the_question_for_a_present_code() {
    let fixture = alice();
    let mut terminal = as_alice(&fixture, &["disable", "--yes"]);
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    terminal.presses_ctrl('c');
    assert_ne!(terminal.end().status, 0);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_present_code_is_used_up_like_any_other() {
    let fixture = alice();
    let code = fixture.code("alice");
    let mut terminal = as_alice(&fixture, &["recovery-codes"]);
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    terminal.types(&code);
    assert_eq!(terminal.end().status, 0);
    assert_eq!(fixture.login("alice").types(&code).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused replayed");
}

#[test]
fn wrong_present_codes_count_against_the_limit() {
    let fixture =
        Fixture::builder().config("[limit]\nattempts = 1").account("alice").enrolled("alice").build();
    let mut terminal = as_alice(&fixture, &["disable"]);
    for code in [fixture.authenticator("alice").wrong_code(), fixture.code("alice")] {
        terminal.expect(ASKS_FOR_A_PRESENT_CODE);
        terminal.types(&code);
    }
    assert_eq!(terminal.end().status, 1);
    // As through sudo at a terminal: the same source as the command's.
    let (ruser, tty) = (Some(b"alice".to_vec()), Some(b"/dev/null".to_vec()));
    let login = Login { ruser, tty, ..fixture.login_with_code("alice") };
    assert_eq!(login.code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused limited");
}

#[test]
fn a_further_authenticator_changes_nothing_else() {
    let mut fixture = Fixture::builder().account("alice").build();
    let first = fixture.enrol("alice", &[]);
    let second = fixture.add_authenticator("alice", "spare");
    for phone in [&first.authenticator, &second.authenticator] {
        assert_eq!(fixture.login("alice").types(phone.code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
    }
    assert_eq!(second.recovery_codes, [""; 0], "the old set goes on");
    assert_eq!(fixture.login("alice").types(&first.recovery_codes[0]).code(), PamCode::SUCCESS);
}

#[test]
fn two_authenticators_of_one_label_are_refused() {
    let mut fixture = alice();
    let _ = fixture.add_authenticator("alice", "spare");
    let stored = fixture.stored();
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--add", "--label", "spare"]);
    if terminal.expect_any(&[&asks_for_the_name("alice"), "label"]).0 == 0 {
        terminal.types("alice");
    }
    let ended = terminal.end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(!ended.screen.contains("manual key"), "{}", ended.screen);
    stored.assert_unchanged(&fixture.state());
}

#[test]
fn four_authenticators_are_the_most() {
    let mut fixture = alice();
    for label in ["two", "three", "four"] {
        let _ = fixture.add_authenticator("alice", label);
    }
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--add", "--label", "five"]);
    if terminal.expect_any(&[&asks_for_the_name("alice"), "the maximum"]).0 == 0 {
        terminal.types("alice");
    }
    let ended = terminal.end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(!ended.screen.contains("manual key"), "{}", ended.screen);
}

#[test]
fn a_replaced_authenticator_is_invalid_at_once() {
    let mut fixture = Fixture::builder().account("alice").build();
    let old = fixture.enrol("alice", &[]);
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--replace"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    let _ = enroll_command::confirm(terminal, &[]);
    assert_eq!(fixture.login("alice").types(old.authenticator.code_in(1)).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login("alice").types(&old.recovery_codes[0]).code(), PamCode::AUTH_ERR);
}

#[test]
fn a_withdrawn_enrolment_lets_nobody_in_and_is_in_the_log() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["disable", "alice"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    assert_eq!(terminal.end().status, 0);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused not_enrolled");
    let events = fixture.journal.command_events();
    assert!(
        events.iter().any(|e| e.field("event") == "disabled" && e.field("user") == "alice"),
        "{events:?}"
    );
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3);
}

#[test]
fn a_script_of_root_answers_with_yes() {
    let fixture = alice();
    fixture.totp_enroll(&["disable", "alice", "--yes"]).assert_done();
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3);
}

#[test]
fn without_yes_and_without_a_terminal_nothing_is_withdrawn() {
    let fixture = alice();
    let done = fixture.totp_enroll(&["disable", "alice"]);
    assert!([1, 2].contains(&done.status), "{done:?}");
    fixture.totp_enroll(&["status", "alice"]).assert_done();
}

fn alice() -> Fixture {
    Fixture::builder().account("alice").enrolled("alice").build()
}

/// Alice at her terminal, through sudo.
fn as_alice(fixture: &Fixture, arguments: &[&str]) -> Terminal {
    Terminal::open(&fixture.command_of("alice", arguments))
}
