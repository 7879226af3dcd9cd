//! `tokens assign` at a terminal: what it asks, how often, and what it says.

use super::{assign, fob_at, imported, login, state};
use acceptance::authenticator::Authenticator;
use acceptance::enroll_command::asks_for_the_name;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::terminal::{Ended, Terminal};
use data_encoding::HEXLOWER;
use serde_json::Value;

const ASKS: &str = "code of the token: ";
const ASKS_FOR_THE_NEXT: &str = "one code is not enough; the next code of the token: ";

#[test]
fn a_code_is_asked_for_until_one_is_right() {
    let (fixture, fob) = imported();
    let mut terminal = at_terminal(&fixture, "F1", "alice");
    terminal.expect(ASKS);
    terminal.types("hello");
    assert!(terminal.expect(ASKS).contains("not a code of 6 digits (2 tries left)"));
    terminal.types(&fob.press(3));
    let ended = done(terminal);
    assert!(ended.last.contains("alice: has the token F1"), "{}", ended.screen);
    assert_eq!(login(&fixture, "alice", &fob.press(3)), PamCode::AUTH_ERR, "the first code again");
    assert_eq!(login(&fixture, "alice", &fob.press(4)), PamCode::SUCCESS);
}

#[test]
fn a_token_far_ahead_is_assigned_with_two_codes() {
    let (fixture, fob) = imported();
    let mut terminal = at_terminal(&fixture, "F1", "alice");
    terminal.expect(ASKS);
    // Not one after the other.
    type_two(&mut terminal, [&fob.press(500), &fob.press(502)]);
    assert!(terminal.expect(ASKS).contains("the code is wrong"));
    type_two(&mut terminal, [&fob.press(503), &fob.press(504)]);
    done(terminal);
    assert_eq!(login(&fixture, "alice", &fob.press(505)), PamCode::SUCCESS);
}

#[test]
fn a_token_whose_counter_is_not_known_asks_for_two_codes() {
    let (fixture, fob) = imported();
    fixture.totp_enroll(&["--json", "restored", "--yes", "--force"]).assert_done();
    let mut terminal = at_terminal(&fixture, "F1", "alice");
    terminal.expect(ASKS);
    type_two(&mut terminal, [&fob.press(0), &fob.press(1)]);
    done(terminal);
    assert_eq!(login(&fixture, "alice", &fob.press(2)), PamCode::SUCCESS);
}

#[test]
fn a_clock_token_whose_use_is_not_known_says_when_a_code_is_new() {
    let fixture = Fixture::builder().account("alice").account("bob").build();
    let phone = Authenticator::random();
    let seeds =
        format!("serial,secret,type,digits,period\nC1,{},totp,6,30\n", HEXLOWER.encode(&phone.secret));
    super::import(&fixture, &seeds).assert_done();
    assign(&fixture, "C1", "alice", &phone.code()).assert_done();
    std::fs::write(fixture.ledger("alice"), b"damaged").unwrap();
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    let mut terminal = at_terminal(&fixture, "C1", "bob");
    assert!(terminal.expect(ASKS).contains("may have been used before: type a later one"));
    terminal.types(&phone.code());
    // Refused while it is typed, and not only when the token is assigned.
    assert!(terminal.expect(ASKS).contains("was used before, or may have been"));
    terminal.presses_ctrl('d');
    assert_eq!(terminal.end().status, 1);
}

#[test]
fn three_codes_that_are_wrong_assign_nothing() {
    let (fixture, fob) = imported();
    let mut terminal = at_terminal(&fixture, "F1", "alice");
    for wrong in ["", "12345", "1234567"] {
        terminal.expect(ASKS);
        terminal.types(wrong);
    }
    let ended = terminal.end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(ended.last.contains("no correct code was entered; nothing was changed"), "{}", ended.screen);
    assert_is_free(&fixture);
    // Neither does one that is left before the answer.
    let mut terminal = at_terminal(&fixture, "F1", "alice");
    terminal.expect(ASKS);
    terminal.presses_ctrl('d');
    let ended = terminal.end();
    assert!(ended.status == 1 && ended.last.contains("nothing was changed"), "{}", ended.screen);
    assert_is_free(&fixture);
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
}

#[test]
fn root_names_the_account_before_it_gets_a_further_token() {
    let (fixture, fob) = imported();
    let other = fob_at(1);
    assign(&fixture, "F2", "alice", &other.press(0)).assert_done();
    let mut terminal = at_terminal(&fixture, "F1", "alice");
    let shown = terminal.expect(&asks_for_the_name("alice"));
    assert!(shown.contains("adds a token whose codes are valid for this account"), "{shown}");
    terminal.types("bob");
    let ended = terminal.end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert_is_free(&fixture);
    let mut terminal = at_terminal(&fixture, "F1", "alice");
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    terminal.expect(ASKS);
    terminal.types(&fob.press(0));
    done(terminal);
    assert_eq!(login(&fixture, "alice", &fob.press(1)), PamCode::SUCCESS);
    assert_eq!(login(&fixture, "alice", &other.press(1)), PamCode::SUCCESS);
    // Theirs already: nothing is asked.
    let ended = done(at_terminal(&fixture, "F1", "alice"));
    assert!(ended.screen.contains("has the token F1 already"), "{}", ended.screen);
}

#[test]
fn a_token_that_another_gets_during_the_dialogue_is_refused() {
    let (fixture, fob) = imported();
    let mut terminal = at_terminal(&fixture, "F1", "alice");
    terminal.expect(ASKS);
    assign(&fixture, "F1", "bob", &fob.press(0)).assert_done();
    terminal.types(&fob.press(1));
    let ended = terminal.end();
    assert!(ended.status == 1 && ended.last.contains("assigned to bob"), "{}", ended.screen);
    assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).status, 3);
    assert_eq!(login(&fixture, "bob", &fob.press(1)), PamCode::SUCCESS, "no code was used up");
}

#[test]
fn a_token_that_is_not_there_is_refused_before_a_code_is_asked_for() {
    let (fixture, _) = imported();
    let ended = at_terminal(&fixture, "f1", "alice").end();
    assert!(ended.status == 1 && ended.screen.contains("no token \"f1\" in the inventory"), "{ended:?}");
}

fn at_terminal(fixture: &Fixture, serial: &str, user: &str) -> Terminal {
    fixture.at_terminal(&["tokens", "assign", serial, user])
}

fn type_two(terminal: &mut Terminal, [first, second]: [&String; 2]) {
    terminal.types(first);
    terminal.expect(ASKS_FOR_THE_NEXT);
    terminal.types(second);
}

fn done(terminal: Terminal) -> Ended {
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    ended
}

fn assert_is_free(fixture: &Fixture) {
    assert_eq!(state(fixture, "F1")["assigned_to"], Value::Null);
}
