//! `keys init` and `keys list`: the keyring is created once and never overwritten; what each key seals.

#![expect(clippy::unwrap_used, reason = "a keyring that is not there fails the test")]

use acceptance::authenticator::{Authenticator, random_bytes};
use acceptance::clock::THEN;
use acceptance::counter_token::CounterToken;
use acceptance::damage::edit;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::BASE64;
use std::fs;

#[test]
fn a_keyring_is_not_overwritten() {
    let fixture = Fixture::with(&["alice"]);
    let before = fs::read(fixture.keyring()).unwrap();
    let done = fixture.totp_enroll(&["keys", "init"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains(fixture.keyring().to_str().unwrap()), "{done:?}");
    assert_eq!(fs::read(fixture.keyring()).unwrap(), before);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_lost_keyring_is_not_replaced_while_something_needs_it() {
    let fixture = Fixture::builder().enrolled("alice").enrolled("bob").account("carol").build();
    CounterToken::random().import(&fixture, "F1").assert_done();
    fs::remove_file(fixture.keyring()).unwrap();
    for options in [&[][..], &["--if-missing"]] {
        let done = fixture.totp_enroll(&[&["keys", "init"], options].concat());
        assert!(done.status == 1 && done.stderr.contains("2 enrolments and 1 token"), "{done:?}");
        assert!(done.stderr.contains("keys restore FILE") && !fixture.keyring().exists(), "{done:?}");
    }
    let ended = fixture.at_terminal(&["enroll", "carol"]).end();
    let (restore, init) = (ended.screen.find("keys restore"), ended.screen.find("keys init"));
    assert!(restore.is_some() && restore < init, "{}", ended.screen);
    fixture.totp_enroll(&["keys", "init", "--force"]).assert_done();
    assert!(fixture.keyring().exists());
}

#[test]
fn a_lost_keyring_is_not_replaced_while_a_token_or_a_damaged_enrolment_needs_it() {
    let (tokens, damaged) = (Fixture::builder().build(), Fixture::with(&["alice"]));
    CounterToken::random().import(&tokens, "F1").assert_done();
    fs::write(damaged.credential("alice"), "oh no").unwrap();
    for (fixture, needs) in [(tokens, "(1 token)"), (damaged, "(1 enrolment)")] {
        fs::remove_file(fixture.keyring()).unwrap();
        let done = fixture.totp_enroll(&["keys", "init"]);
        assert!(done.status == 1 && done.stderr.contains(needs) && !fixture.keyring().exists(), "{done:?}");
    }
}

#[test]
fn two_keyrings_are_different() {
    let (one, other) = (Fixture::builder().build(), Fixture::builder().build());
    let key = |fixture: &Fixture| {
        let text = fs::read_to_string(fixture.keyring()).unwrap_or_default();
        text.lines().filter(|line| line.contains('"')).max_by_key(|line| line.len()).map(str::to_owned)
    };
    assert!(key(&one).is_some_and(|line| line.len() > 32));
    assert_ne!(key(&one), key(&other));
}

#[test]
fn a_new_keyring_is_in_the_log_without_its_key() {
    let fixture = Fixture::builder().build();
    let events = fixture.journal.command_events();
    assert_eq!(events.iter().map(|event| event.what()).collect::<Vec<_>>(), ["keyring_created"]);
}

#[test]
fn without_a_keyring_nobody_is_enrolled_and_the_way_on_is_named() {
    let fixture = Fixture::builder().account("alice").build();
    fs::remove_file(fixture.keyring()).unwrap();
    let ended = fixture.at_terminal(&["enroll", "alice"]).end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(ended.screen.contains("keys init") && !ended.screen.contains("manual key"), "{}", ended.screen);
}

#[test]
fn each_key_is_listed_with_its_date_and_use_but_not_its_value() {
    let fixture = Fixture::with(&["alice", "bob", "carol"]);
    fixture.totp_enroll(&["recovery-codes", "alice", "--yes", "--json"]).assert_done();
    add_key(&fixture, "older");
    let done = fixture.totp_enroll(&["--json", "keys", "list"]);
    done.assert_done();
    let document = done.json();
    let id = fixture.active_key();
    let [k1, older] = &document["keys"].as_array().unwrap()[..] else { panic!("{document}") };
    assert_eq!((&k1["id"], &k1["active"], &k1["enrolments"]), (&id.as_str().into(), &true.into(), &3.into()));
    assert!(k1["created"].as_str().is_some_and(|date| date.ends_with('Z')), "{document}");
    assert_eq!(
        *older,
        serde_json::json!({"id": "older", "active": false, "created": null, "enrolments": 0, "tokens": 0})
    );
    let text = fixture.totp_enroll(&["keys", "list"]);
    text.assert_done();
    assert!(text.stdout.contains(&format!("{id} (active): 3 enrolments, created 20")), "{text:?}");
    let keyring = fs::read_to_string(fixture.keyring()).unwrap();
    let key = keyring.split('"').find(|word| word.len() == 44).unwrap();
    assert!(!(done.stdout + &text.stdout).contains(key));
}

#[test]
fn a_needed_key_that_is_not_there_is_listed_as_missing() {
    let fixture = Fixture::with(&["alice", "bob"]);
    edit(&fixture.credential("alice"), &format!("key = \"{}\"", fixture.active_key()), "key = \"k9\"");
    let done = fixture.totp_enroll(&["--json", "keys", "list"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert_eq!(done.json()["missing"], serde_json::json!([{"id": "k9", "enrolments": 1}]));
    assert_eq!(done.json()["keys"][0]["enrolments"], 1, "{done:?}");
    assert!(fixture.totp_enroll(&["keys", "list"]).stderr.contains("k9"));
}

#[test]
fn an_unreadable_enrolment_is_named_in_the_list_of_keys() {
    let fixture = Fixture::with(&["alice", "bob"]);
    fs::write(fixture.credential("alice"), "oh no").unwrap();
    let done = fixture.totp_enroll(&["--json", "keys", "list"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert_eq!(done.json()["broken"][0]["file"], fixture.credential("alice").to_str().unwrap(), "{done:?}");
    let text = fixture.totp_enroll(&["keys", "list"]);
    assert!(text.status == 1 && text.stderr.contains("alice.toml"), "{text:?}");
    assert!(text.stdout.contains(&format!("{} (active): 1 enrolment", fixture.active_key())), "{text:?}");
}

#[test]
fn a_keyring_of_two_keys_opens_what_each_of_them_sealed() {
    let fixture = Fixture::builder().enrolled_with("alice", Authenticator::random()).build();
    let text = add_key(&fixture, "newer");
    let active = format!("active = \"{}\"", fixture.active_key());
    fs::write(fixture.keyring(), text.replace(&active, "active = \"newer\"")).unwrap();
    fixture.totp_enroll(&["recovery-codes", "alice", "--yes", "--json"]).assert_done();
    let done = fixture.totp_enroll(&["--json", "keys", "list"]);
    let counts: Vec<_> =
        done.json()["keys"].as_array().unwrap().iter().map(|key| key["enrolments"].clone()).collect();
    assert_eq!(counts, [1, 1], "{done:?}");
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

/// Writes a further key into the keyring, as an administrator would; gives its text.
fn add_key(fixture: &Fixture, id: &str) -> String {
    let key = BASE64.encode(&random_bytes(32));
    let text = fs::read_to_string(fixture.keyring()).unwrap();
    let text = format!("{text}\n[[key]]\nid = \"{id}\"\nsecret = \"{key}\"\n");
    fs::write(fixture.keyring(), &text).unwrap();
    text
}
