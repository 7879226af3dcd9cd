//! Changing an enrolment: a further authenticator, a new one, none any more. Never by accident, never half.

use acceptance::clock::THEN;
use acceptance::desk::{self, ASKS_FOR_A_CODE, ASKS_FOR_A_PRESENT_CODE, asks_for_the_name};
use acceptance::login::PamCode;
use acceptance::scene::Scene;
use acceptance::terminal::Terminal;

#[test]
fn an_enrolment_is_not_overwritten_and_both_ways_on_are_named() {
    let scene = alice();
    let stored = scene.stored();
    let ended = scene.at_terminal(&["enroll", "alice"]).end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(ended.screen.contains("--replace") && ended.screen.contains("--add"), "{}", ended.screen);
    stored.assert_unchanged(&scene.state());
}

#[test]
fn adding_and_replacing_at_once_is_a_mistake_in_the_command() {
    let scene = alice();
    let stored = scene.stored();
    assert_eq!(scene.at_terminal(&["enroll", "alice", "--add", "--replace"]).end().status, 2);
    stored.assert_unchanged(&scene.state());
}

#[test]
fn root_replaces_the_enrolment_of_another_after_typing_the_name() {
    let scene = alice();
    let mut terminal = scene.at_terminal(&["enroll", "alice", "--replace"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    let new = desk::confirm(terminal, &[]);
    let old = scene.login_with_code_at("alice", THEN);
    assert_eq!(old.code(), PamCode::AUTH_ERR, "the old authenticator");
    assert_eq!(scene.login("alice").types(new.authenticator.code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(new.recovery_codes.len(), 10);
}

#[test]
fn a_name_that_was_typed_wrong_changes_nothing() {
    let scene = alice();
    let stored = scene.stored();
    for arguments in [
        &["enroll", "alice", "--replace"][..],
        &["enroll", "alice", "--add", "--label", "spare"],
        &["recovery-codes", "alice"],
        &["disable", "alice"],
    ] {
        for typed in ["", "alic", "yes", "bob"] {
            let mut terminal = scene.at_terminal(arguments);
            terminal.expect(&asks_for_the_name("alice"));
            terminal.types(typed);
            let ended = terminal.end();
            assert_eq!(ended.status, 1, "{arguments:?} {typed:?}: {}", ended.screen);
        }
    }
    stored.assert_unchanged(&scene.state());
}

#[test]
fn ctrl_c_while_replacing_leaves_the_old_enrolment_whole() {
    let scene = alice();
    let mut terminal = scene.at_terminal(&["enroll", "alice", "--replace"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    terminal.expect(ASKS_FOR_A_CODE);
    terminal.presses_ctrl('c');
    assert_ne!(terminal.end().status, 0);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn five_wrong_codes_while_replacing_leave_the_old_enrolment_whole() {
    let scene = alice();
    let mut terminal = scene.at_terminal(&["enroll", "alice", "--replace"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    let new = desk::shown_authenticator(&mut terminal, &[]);
    for code in new.wrong_codes(5) {
        terminal.types(&code);
    }
    assert_eq!(terminal.end().status, 1);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn who_replaces_their_own_enrolment_shows_a_present_code() {
    let scene = alice();
    let mut terminal = as_alice(&scene, &["enroll", "--replace"]);
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    terminal.types(&scene.code("alice"));
    let new = desk::confirm(terminal, &[]).authenticator;
    assert_eq!(scene.login("alice").types(new.code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
}

#[test]
fn who_has_no_present_code_changes_nothing_of_their_own() {
    let scene = alice();
    for arguments in [
        &["enroll", "--replace"][..],
        &["enroll", "--add", "--label", "spare"],
        &["recovery-codes"],
        &["disable"],
    ] {
        let mut terminal = as_alice(&scene, arguments);
        for code in scene.authenticator("alice").wrong_codes(3) {
            terminal.expect(ASKS_FOR_A_PRESENT_CODE);
            terminal.types(&code);
        }
        let ended = terminal.end();
        assert_eq!(ended.status, 1, "{arguments:?}: {}", ended.screen);
        assert!(!ended.screen.contains("manual key"), "{}", ended.screen);
        scene.desk(&["unlock", "alice"]).assert_done();
    }
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_recovery_code_is_as_good_as_a_present_one() {
    let mut scene = Scene::builder().account("alice").build();
    let old = scene.enrol("alice", &[]).recovery_codes;
    let mut terminal = as_alice(&scene, &["recovery-codes"]);
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    terminal.types(&old[0]);
    let ended = terminal.end();
    assert_eq!((ended.status, desk::recovery_codes(&ended.screen).len()), (0, 10), "{}", ended.screen);
}

#[test]
fn yes_is_no_answer_to_the_question_for_a_present_code() {
    let scene = alice();
    let mut terminal = as_alice(&scene, &["disable", "--yes"]);
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    terminal.presses_ctrl('c');
    assert_ne!(terminal.end().status, 0);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_present_code_is_used_up_like_any_other() {
    let scene = alice();
    let code = scene.code("alice");
    let mut terminal = as_alice(&scene, &["recovery-codes"]);
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    terminal.types(&code);
    assert_eq!(terminal.end().status, 0);
    assert_eq!(scene.login("alice").types(&code).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.journal.last().what(), "refused replayed");
}

#[test]
fn wrong_present_codes_count_against_the_limit() {
    let scene = Scene::builder().config("[limit]\nattempts = 1").account("alice").enrolled("alice").build();
    let mut terminal = as_alice(&scene, &["disable"]);
    for code in [scene.authenticator("alice").wrong_code(), scene.code("alice")] {
        terminal.expect(ASKS_FOR_A_PRESENT_CODE);
        terminal.types(&code);
    }
    assert_eq!(terminal.end().status, 1);
    assert_eq!(scene.login_with_code("alice").code(), PamCode::MAXTRIES);
}

#[test]
fn a_further_authenticator_leaves_the_first_and_the_recovery_codes_as_they_are() {
    let mut scene = Scene::builder().account("alice").build();
    let first = scene.enrol("alice", &[]);
    let second = scene.add_authenticator("alice", "spare");
    for phone in [&first.authenticator, &second.authenticator] {
        assert_eq!(scene.login("alice").types(phone.code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
    }
    assert_eq!(second.recovery_codes, [""; 0], "the old set goes on");
    assert_eq!(scene.login("alice").types(&first.recovery_codes[0]).code(), PamCode::SUCCESS);
}

#[test]
fn two_authenticators_of_one_label_are_refused() {
    let mut scene = alice();
    let _ = scene.add_authenticator("alice", "spare");
    let stored = scene.stored();
    let mut terminal = scene.at_terminal(&["enroll", "alice", "--add", "--label", "spare"]);
    if terminal.expect_any(&[&asks_for_the_name("alice"), "label"]).0 == 0 {
        terminal.types("alice");
    }
    let ended = terminal.end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(!ended.screen.contains("manual key"), "{}", ended.screen);
    stored.assert_unchanged(&scene.state());
}

#[test]
fn four_authenticators_are_the_most() {
    let mut scene = alice();
    for label in ["two", "three", "four"] {
        let _ = scene.add_authenticator("alice", label);
    }
    let mut terminal = scene.at_terminal(&["enroll", "alice", "--add", "--label", "five"]);
    if terminal.expect_any(&[&asks_for_the_name("alice"), "most"]).0 == 0 {
        terminal.types("alice");
    }
    let ended = terminal.end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(!ended.screen.contains("manual key"), "{}", ended.screen);
}

#[test]
fn a_replaced_authenticator_is_gone_from_the_first_moment_with_its_codes() {
    let mut scene = Scene::builder().account("alice").build();
    let old = scene.enrol("alice", &[]);
    let mut terminal = scene.at_terminal(&["enroll", "alice", "--replace"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    let _ = desk::confirm(terminal, &[]);
    assert_eq!(scene.login("alice").types(old.authenticator.code_in(1)).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.login("alice").types(&old.recovery_codes[0]).code(), PamCode::AUTH_ERR);
}

#[test]
fn a_withdrawn_enrolment_lets_nobody_in_and_is_in_the_log() {
    let scene = alice();
    let mut terminal = scene.at_terminal(&["disable", "alice"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    assert_eq!(terminal.end().status, 0);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.journal.last().what(), "refused not_enrolled");
    let events = scene.journal.desk_events();
    assert!(
        events.iter().any(|e| e.field("event") == "disabled" && e.field("user") == "alice"),
        "{events:?}"
    );
    assert_eq!(scene.desk(&["status", "alice"]).status, 3);
}

#[test]
fn a_script_of_root_answers_with_yes() {
    let scene = alice();
    scene.desk(&["disable", "alice", "--yes"]).assert_done();
    assert_eq!(scene.desk(&["status", "alice"]).status, 3);
}

#[test]
fn without_yes_and_without_a_terminal_nothing_is_withdrawn() {
    let scene = alice();
    let done = scene.desk(&["disable", "alice"]);
    assert!([1, 2].contains(&done.status), "{done:?}");
    scene.desk(&["status", "alice"]).assert_done();
}

fn alice() -> Scene {
    Scene::builder().account("alice").enrolled("alice").build()
}

/// Alice at her terminal, through sudo.
fn as_alice(scene: &Scene, arguments: &[&str]) -> Terminal {
    Terminal::open(&scene.command_of("alice", arguments))
}
