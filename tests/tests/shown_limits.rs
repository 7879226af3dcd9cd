//! What `status`, `explain` and `unlock` say of wrong codes, locks and the budget for guesses.

use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::mailbox::{Mailbox, spooled};
use serde_json::{Value, json};
use std::fs;

/// What one guess at one phone uses, in units of 10⁻⁹: three of a million codes are right at a time.
const CHARGE: u64 = 3000;
const LOCK: &str = "[limit]\nlock_after = 2\nlock_for = \"1h\"";

#[test]
fn status_shows_wrong_codes_the_budget_and_the_next_code() {
    let fixture = guessed(3, "");
    let said = fixture.command_of_root(&["status", "alice"], THEN).stdout;
    for words in [
        "unknown places: open, 3 wrong codes in a row; 3 wrong codes from at least 1 place since the last login",
        "known places: 0",
        "budget of unknown places: 3 % used; 130 wrong codes left of 133; 63 before a first factor",
        "own uid",
        "the next code from an unknown place: checked",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn the_document_of_status_has_rows_and_the_budget() {
    let fixture = guessed(3, "");
    let document = root(&fixture, &["status", "alice"]);
    assert_eq!(
        [&document["state"], &document["wrong_in_a_row"], &document["wrong_since_login"]],
        [&json!("open"), &json!(3), &json!(3)],
        "{document}"
    );
    let [foreign, budget, own] = [&document["foreign"], &document["budget"], &document["sources"][0]];
    assert_eq!([&foreign["wrong_in_a_row"], &foreign["places"]], [&json!(3), &json!(1)], "{document}");
    assert_eq!([&budget["used"], &budget["capacity"]], [&json!(3 * CHARGE), &json!(400_000)], "{document}");
    assert_eq!([&budget["tries"], &budget["tries_left"]], [&json!(133), &json!(130)], "{document}");
    assert_eq!(
        [&own["kind"], &own["tries_left"], &own["first_seen"]],
        [&json!("own_uid"), &json!(40), &Value::Null]
    );
}

#[test]
fn status_says_how_long_codes_of_unknown_places_are_refused() {
    let fixture = guessed(2, LOCK);
    let said = fixture.command_of_root(&["status", "alice"], THEN).stdout;
    assert!(said.contains("unknown places: locked for 60 minutes"), "{said}");
    assert!(said.contains("refused for 60 minutes") && said.contains("a recovery code works"), "{said}");
    let document = root(&fixture, &["status", "alice"]);
    assert_eq!([&document["state"], &document["wait_seconds"]], [&json!("locked"), &json!(3600)]);
}

#[test]
fn wrong_codes_at_the_own_command_are_those_of_the_own_uid() {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let mut terminal = fixture.operator_at_terminal("alice", &["test"], THEN);
    terminal.expect("code");
    terminal.types(&fixture.authenticator("alice").wrong_codes_at(1, THEN)[0]);
    assert_eq!(terminal.end().status, 1);
    let document = root(&fixture, &["status", "alice"]);
    let own = &document["sources"][0];
    assert_eq!([&own["wrong_in_a_row"], &own["tries_left"]], [&json!(1), &json!(39)], "{document}");
    assert_eq!([&document["wrong_in_a_row"], &document["budget"]["used"]], [&json!(0), &json!(0)]);
}

#[test]
fn explain_says_what_the_limits_say_to_a_code() {
    let fixture = guessed(3, "");
    let place = ["explain", "alice", "--service", "app", "--rhost", "192.0.2.7"];
    let left = |more: &[&str]| {
        let limits = root(&fixture, &[&place[..], more].concat())["limits"].take();
        assert_eq!(
            [&limits["source"], &limits["paid_by"]],
            [&json!("foreign"), &json!("foreign")],
            "{limits}"
        );
        limits["tries_left"].as_u64().unwrap_or_default()
    };
    assert_eq!([left(&[]), left(&["--after-first-factor"])], [63, 130]);
    let said = fixture.command_of_root(&place, THEN).stdout;
    assert!(
        said.contains("limits: from 192.0.2.7 without an SSH key: an unknown place; 63 tries left, of 133 for all unknown"),
        "{said}"
    );
}

#[test]
fn explain_without_an_address_is_about_the_own_uid() {
    let fixture = guessed(2, LOCK);
    let limits = root(&fixture, &["explain", "alice", "--service", "app"])["limits"].take();
    assert_eq!(
        [&limits["source"], &limits["state"], &limits["tries_left"]],
        [&json!("own_uid"), &json!("open"), &json!(40)],
        "{limits}"
    );
    let by_key = root(&fixture, &["explain", "alice", "--service", "app", "--key", "SHA256:abc"]);
    assert!(by_key["limits"].is_null(), "{by_key}");
}

#[test]
fn explain_says_that_an_unknown_place_is_locked() {
    let fixture = guessed(2, LOCK);
    let limits =
        root(&fixture, &["explain", "alice", "--service", "app", "--rhost", "192.0.2.7"])["limits"].take();
    assert_eq!([&limits["state"], &limits["wait_seconds"]], [&json!("locked"), &json!(3600)], "{limits}");
    assert!(
        limits["sentence"].as_str().is_some_and(|said| said.contains("refused for 60 minutes")),
        "{limits}"
    );
}

#[test]
fn unlock_says_what_it_lifts() {
    let fixture = guessed(2, LOCK);
    let said = fixture.command_of_root(&["unlock", "alice"], THEN).stdout;
    let lock =
        "lifted: the lock of unknown places (until 2033-05-18T04:33:45Z), 2 wrong codes in a row there";
    assert!(said.contains(lock), "{said}");
    let fixture = guessed(2, LOCK);
    let document = root(&fixture, &["unlock", "alice"]);
    assert_eq!([&document["done"], &document["wrong_since_login"]], [&json!("unlocked"), &json!(2)]);
    let lifted = &document["lifted"][0];
    assert_eq!([&lifted["source"], &lifted["state"]], [&json!("foreign"), &json!("locked")], "{document}");
    assert_eq!(root(&fixture, &["status", "alice"])["budget"]["used"], 2 * CHARGE, "it was refilled");
}

#[test]
fn where_there_is_nothing_to_lift_unlock_says_so_and_logs_nothing() {
    let fixture = Fixture::builder().account("alice").enrolled("alice").account("carol").build();
    let _mailbox = Mailbox::of(&fixture, "", "");
    let lines = fixture.journal.command_events().len();
    let said = fixture.command_of_root(&["unlock", "alice"], THEN).stdout;
    assert!(said.contains("nothing to lift"), "{said}");
    assert_eq!(root(&fixture, &["unlock", "alice"])["done"], "nothing");
    assert_eq!(root(&fixture, &["unlock", "--budget", "alice"])["done"], "nothing");
    assert_eq!(fixture.command_of_root(&["unlock", "carol"], THEN).status, 3);
    assert_eq!(
        (fixture.journal.command_events().len(), spooled(&fixture).len()),
        (lines, 0),
        "lines and mails"
    );
}

#[test]
fn refilling_the_budget_says_the_risk_and_is_told_to_the_owner() {
    let fixture = guessed(3, "");
    let _mailbox = Mailbox::of(&fixture, "", "");
    let refill = ["--json", "unlock", "--budget", "alice"];
    assert_eq!(fixture.command_of_root(&refill, THEN).status, 1, "without a consent");
    assert_eq!(root(&fixture, &["status", "alice"])["budget"]["used"], 3 * CHARGE);
    let document = root(&fixture, &["unlock", "--budget", "alice", "--yes"]);
    assert_eq!(
        [&document["done"], &document["added_risk"]],
        [&json!("budget_refilled"), &json!(3 * CHARGE)],
        "{document}"
    );
    assert_eq!(root(&fixture, &["status", "alice"])["budget"]["used"], 0);
    let events = fixture.journal.done_by_commands();
    let event = events.last().map(|event| (event.what(), event.field("added_risk").to_owned()));
    assert_eq!(event, Some(("budget_refilled".to_owned(), "0.000009".to_owned())));
    let notices = spooled(&fixture);
    assert_eq!(notices.len(), 1);
    assert!(
        fs::read_to_string(&notices[0]).is_ok_and(|text| text.contains("budget for guesses was refilled"))
    );
}

#[test]
fn refilling_asks_for_the_name_of_the_account_and_shows_the_risk() {
    let fixture = guessed(3, "");
    let mut terminal = fixture.at_terminal(&["unlock", "--budget", "alice"]);
    terminal.expect("adds at most 0.0009 % to this year's risk of 0.1 %");
    terminal.expect("type the account name (alice)");
    terminal.types("bob");
    assert_eq!(terminal.end().status, 1);
    assert_eq!(root(&fixture, &["status", "alice"])["budget"]["used"], 3 * CHARGE);
}

#[test]
fn nobody_refills_their_own_budget() {
    let fixture = guessed(1, "");
    let done = fixture.command_of_operator("alice", &["unlock", "--budget", "--yes", "alice"], THEN);
    assert_eq!(done.status, 4, "{done:?}");
}

#[test]
fn a_new_ledger_and_a_refill_exclude_each_other() {
    let fixture = guessed(1, "");
    assert_eq!(fixture.totp_enroll(&["unlock", "--budget", "--repair", "alice"]).status, 2);
}

/// Alice, after so many wrong codes of a stranger.
fn guessed(count: usize, config: &str) -> Fixture {
    let fixture = Fixture::builder().config(config).account("alice").enrolled("alice").build();
    for code in fixture.authenticator("alice").wrong_codes_at(count, THEN) {
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::AUTH_ERR);
    }
    fixture
}

fn root(fixture: &Fixture, arguments: &[&str]) -> Value {
    fixture.command_of_root(&[&["--json"], arguments].concat(), THEN).json()
}
