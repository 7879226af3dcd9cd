//! Tokens that are removed or revoked without a person: what is asked, what is refused, and what is left.

use super::{FILE, assign, batch, fob_at, import, imported, list, serials, state};
use acceptance::fixture::Fixture;
use acceptance::terminal::Ended;
use serde_json::Value;

#[test]
fn a_token_that_was_imported_by_mistake_is_removed() {
    let (fixture, fob) = imported();
    let removed = remove(&fixture, &["F1", "F1"]);
    removed.assert_done();
    assert_eq!(removed.json()["removed"], serde_json::json!(["F1"]));
    let last = fixture.journal.done_by_commands().pop().unwrap();
    assert_eq!(last.what(), "token_removed");
    assert_eq!((last.field("token"), last.field("by")), ("F1", "root"));
    assert_eq!(serials(&fixture), ["F2"]);
    import(&fixture, FILE).assert_done();
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
}

#[test]
fn only_tokens_that_were_never_assigned_are_removed() {
    let (fixture, fob) = imported();
    let is_refused = |serials: &[&str], why: &str| {
        let refused = remove(&fixture, serials);
        assert!(refused.status == 1 && refused.stderr.contains(why), "{refused:?}");
        assert!(refused.stderr.contains("nothing was removed") || why.starts_with("there is"), "{refused:?}");
        assert_eq!(list(&fixture).len(), 2);
    };
    is_refused(&["F2", "F9"], "there is no token \"F9\"");
    batch(&fixture, &format!("F1 ann {}\n", fob.press(0))).assert_done();
    is_refused(&["F2", "F1"], "F1 is assigned to ann");
    fixture.totp_enroll(&["--json", "disable", "ann", "--yes"]).assert_done();
    is_refused(&["F1"], "F1 is assigned to ann");
    fixture.totp_enroll(&["--json", "tokens", "unassign", "F1", "--yes"]).assert_done();
    is_refused(&["F1"], "F1 was assigned before");
    fixture.totp_enroll(&["--json", "tokens", "revoke", "F2", "--yes"]).assert_done();
    is_refused(&["F2"], "F2 is revoked");
}

#[test]
fn a_terminal_asks_before_a_token_is_removed() {
    let (fixture, _) = imported();
    let wrong = answered(&fixture, &["tokens", "remove", "F1"], "type the serial number (F1)", "F2");
    assert!(wrong.status == 1 && wrong.last.contains("nothing was changed"), "{}", wrong.screen);
    assert_eq!(serials(&fixture), ["F1", "F2"]);
    let both = ["tokens", "remove", "F1", "F2"];
    let removed = answered(&fixture, &both, "type the number of tokens (2)", "2");
    assert!(removed.status == 0 && removed.last.contains("2 tokens removed"), "{}", removed.screen);
    assert!(list(&fixture).is_empty());
}

#[test]
fn a_terminal_asks_before_a_free_token_is_revoked() {
    let (fixture, _) = imported();
    let revoke = ["tokens", "revoke", "F1"];
    let wrong = answered(&fixture, &revoke, "type the serial number (F1)", "yes");
    assert!(wrong.status == 1 && wrong.screen.contains("for good"), "{}", wrong.screen);
    assert_eq!(state(&fixture, "F1")["revoked"], Value::Null);
    let without = fixture.totp_enroll(&["--json", "tokens", "revoke", "F1"]);
    assert!(without.status == 1 && without.stderr.contains("--yes"), "{without:?}");
    let revoked = answered(&fixture, &revoke, "type the serial number (F1)", "F1");
    assert_eq!(revoked.status, 0, "{}", revoked.screen);
    assert_ne!(state(&fixture, "F1")["revoked"], Value::Null);
}

#[test]
fn taking_a_token_from_a_person_who_is_not_enrolled_makes_no_ledger() {
    for command in ["unassign", "revoke"] {
        let (fixture, fob) = imported();
        batch(&fixture, &format!("F1 ann {}\n", fob.press(0))).assert_done();
        fixture.totp_enroll(&["--json", "disable", "ann", "--yes"]).assert_done();
        fixture.totp_enroll(&["--json", "tokens", command, "F1", "--yes"]).assert_done();
        assert!(!fixture.ledger("ann").exists(), "{command}");
        assert_eq!(state(&fixture, "F1")["assigned_to"], Value::Null);
    }
}

#[test]
fn the_only_authenticator_is_refused_before_anything_is_asked() {
    let (fixture, fob) = imported();
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    for command in ["unassign", "revoke"] {
        let ended = fixture.at_terminal(&["tokens", command, "F1"]).end();
        assert!(ended.status == 1 && ended.screen.contains("only authenticator"), "{}", ended.screen);
        assert!(!ended.screen.contains("type the account name"), "{}", ended.screen);
    }
}

#[test]
fn a_list_of_which_nothing_is_to_be_done_is_not_told_of() {
    let (fixture, fob) = imported();
    let lines = format!("F1 ann {}\n", fob.press(0));
    batch(&fixture, &lines).assert_done();
    let before = fixture.journal.command_events().len();
    batch(&fixture, &lines).assert_done();
    assert_eq!(fixture.journal.command_events().len(), before);
}

#[test]
fn after_ten_wrong_codes_no_code_of_a_token_is_looked_at() {
    let (fixture, fob) = imported();
    let wrong = fob.wrong_codes(10);
    for (at, code) in wrong.iter().enumerate() {
        // In both ways of assigning.
        let refused = match at % 2 {
            0 => assign(&fixture, "F1", "alice", code).stderr,
            _ => batch(&fixture, &format!("F1 alice {code}\n")).stdout,
        };
        assert!(refused.contains("the code is wrong"), "{at}: {refused}");
    }
    let refused = assign(&fixture, "F1", "alice", &fob.press(0));
    assert!(refused.status == 1 && refused.stderr.contains("24 hours"), "{refused:?}");
    assert_eq!(state(&fixture, "F1")["assigned_to"], Value::Null);
    assign(&fixture, "F2", "alice", &fob_at(1).press(0)).assert_done();
}

#[test]
fn one_token_is_not_assigned_to_an_unknown_account_by_an_option() {
    let (fixture, _) = imported();
    let refused = fixture.totp_enroll(&["--json", "tokens", "assign", "F1", "ann", "--allow-unknown"]);
    assert!(refused.status == 2 && refused.stderr.contains("--allow-unknown is for --batch"), "{refused:?}");
}

fn remove(fixture: &Fixture, serials: &[&str]) -> acceptance::enroll_command::CommandOutput {
    fixture.totp_enroll(&[&["--json", "tokens", "remove", "--yes"], serials].concat())
}

fn answered(fixture: &Fixture, arguments: &[&str], asks: &str, answer: &str) -> Ended {
    let mut terminal = fixture.at_terminal(arguments);
    terminal.expect(&format!("{asks} to continue: "));
    terminal.types(answer);
    terminal.end()
}
