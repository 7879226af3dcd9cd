//! The commands under LOCKED OUT in pam_totp(8) are typed as written, and then a code is accepted.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what is not there fails the test")]

use acceptance::clock;
use acceptance::enroll_command::{asks_for_the_name, confirm};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use std::fs;

const PASSPHRASE: &str = "correct horse battery staple";

/// The commands under LOCKED OUT whose item begins like this.
fn commands(begin: &str) -> Vec<Vec<String>> {
    let items = manual::page("pam_totp.8").section("LOCKED OUT").items();
    let item = items.into_iter().find(|item| item.head.starts_with(begin));
    let item = item.unwrap_or_else(|| panic!("the page says nothing of: {begin}"));
    let typed = item.typed.iter().filter_map(|line| line.strip_prefix("# totp-enroll "));
    typed.map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

/// Types a command at a terminal, and answers what it asks. Where it enrols alice she has another phone.
fn follow(fixture: &mut Fixture, command: &[String]) {
    let words: Vec<String> = command
        .iter()
        .map(|word| word.replace("/root/keyring.age", fixture.path("keyring.age").to_str().unwrap()))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut terminal = fixture.at_terminal(&words);
    let is_change = match words.first() {
        Some(&"enroll") => words.contains(&"--replace"),
        Some(&"recovery-codes" | &"disable") => !words.contains(&"--yes"),
        Some(_) | None => false,
    };
    if is_change {
        terminal.expect(&asks_for_the_name("alice"));
        terminal.types("alice");
    }
    if words.first() == Some(&"enroll") {
        let phone = confirm(terminal, &[]).authenticator;
        fixture.note("alice", phone);
        return;
    }
    if words.starts_with(&["keys", "restore"]) {
        terminal.expect("passphrase: ");
        terminal.types(PASSPHRASE);
    }
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{words:?}: {}", ended.screen);
}

/// Does all that the item shows; before it alice is not let in, and afterwards she is.
fn helps(mut fixture: Fixture, begin: &str, which: impl Fn(&[String]) -> bool) {
    let now = clock::now();
    let refused = fixture.login_with_code_at("alice", now + 30).at(now + 30).code();
    assert_ne!(refused, PamCode::SUCCESS, "{begin}");
    let commands: Vec<_> = commands(begin).into_iter().filter(|command| which(command)).collect();
    assert!(!commands.is_empty(), "{begin}");
    for command in &commands {
        follow(&mut fixture, command);
    }
    // The code of an enrolment is used up by it.
    let later = clock::now() + 60;
    assert_eq!(fixture.login_with_code_at("alice", later).code(), PamCode::SUCCESS, "{begin}");
}

fn any(_: &[String]) -> bool {
    true
}

#[test]
fn what_is_said_of_too_many_wrong_codes_helps() {
    let config = "[limit]\nlock_for = \"1h\"";
    let fixture = Fixture::builder().account("alice").config(config).enrolled("alice").build();
    let now = clock::now();
    for second in [now - 120, now] {
        for code in fixture.authenticator("alice").wrong_codes_at(5, second) {
            assert_ne!(fixture.login("alice").types(code).at(second).code(), PamCode::SUCCESS);
        }
    }
    assert_eq!(fixture.journal.last().what(), "locked wrong");
    helps(fixture, "Too many wrong codes", any);
}

#[test]
fn what_is_said_of_a_lost_phone_helps() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    // The phone that she has from now on knows nothing yet.
    fixture.note("alice", acceptance::authenticator::Authenticator::random());
    helps(fixture, "Phone lost", any);
}

#[test]
fn what_is_said_of_a_broken_ledger_helps() {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    fs::write(fixture.ledger("alice"), vec![0xff; 4096]).unwrap();
    helps(fixture, "A broken or missing ledger", any);
}

#[test]
fn what_is_said_of_a_broken_enrolment_helps() {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    fs::write(fixture.credential("alice"), "garbage\n").unwrap();
    helps(fixture, "A broken enrolment", any);
}

#[test]
fn what_is_said_of_a_lost_keyring_helps_with_a_backup() {
    let fixture = with_a_lost_keyring();
    helps(fixture, "Keyring lost", |command| {
        command.iter().any(|word| word == "restore") && !command.iter().any(|word| word == "--merge")
    });
}

#[test]
fn what_is_said_of_a_lost_keyring_helps_after_a_new_one_was_made() {
    let fixture = with_a_lost_keyring();
    fixture.totp_enroll(&["keys", "init", "--force"]).assert_done();
    helps(fixture, "Keyring lost", |command| command.iter().any(|word| word == "--merge"));
}

#[test]
fn what_is_said_of_a_lost_keyring_helps_without_a_backup() {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    fs::remove_file(fixture.keyring()).unwrap();
    helps(fixture, "Keyring lost", |command| !command.iter().any(|word| word == "restore"));
}

/// alice enrolled, and her keyring only in a backup.
fn with_a_lost_keyring() -> Fixture {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let (passphrase, backup) = (fixture.write("passphrase", PASSPHRASE), fixture.path("keyring.age"));
    let (passphrase, backup) = (passphrase.to_str().unwrap(), backup.to_str().unwrap());
    fixture.totp_enroll(&["keys", "backup", backup, "--passphrase-file", passphrase]).assert_done();
    fs::remove_file(fixture.keyring()).unwrap();
    fixture
}
