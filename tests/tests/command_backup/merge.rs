//! `keys restore --merge`: a keyring that was lost and one that was made instead become one, and what either sealed opens.

use super::{backup, file, passphrase, path, restore};
use acceptance::clock::THEN;
use acceptance::counter_token::CounterToken;
use acceptance::damage::set_mode;
use acceptance::enroll_command;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::snapshot::Snapshot;
use acceptance::strace;
use acceptance::sweep::Sweep;
use std::collections::BTreeSet;
use std::fs;

/// What earlier versions called the first key of every machine.
const FIRST: &str = "k1";

#[test]
fn what_either_keyring_sealed_opens_after_a_merge() {
    let mut fixture = Fixture::with(&["alice"]);
    CounterToken::random().import(&fixture, "F1").assert_done();
    let lost = lose_the_keyring(&fixture);
    fixture.import_another("bob");
    let new = fixture.active_key();
    assert_merged(&fixture, &[&lost, &new]);
    let list = fixture.totp_enroll(&["--json", "keys", "list"]).json();
    assert_eq!(
        (&list["keys"][0]["id"], &list["keys"][0]["tokens"]),
        (&lost.as_str().into(), &1.into()),
        "{list}"
    );
    fixture.totp_enroll(&["keys", "rotate"]).assert_done();
    assert_everyone_gets_in(&fixture, THEN + 60);
}

#[test]
fn a_backup_that_tokens_alone_need_is_merged() {
    let (mut fixture, fob) = (Fixture::builder().build(), CounterToken::random());
    fob.import(&fixture, "F1").assert_done();
    lose_the_keyring(&fixture);
    fixture.import_another("bob");
    restore(&fixture, super::PASSPHRASE, &["--merge"]).assert_done();
    let list = fixture.write("list", &format!("F1 ann {}\n", fob.press(0)));
    let list = list.to_str().unwrap();
    fixture.totp_enroll(&["--json", "tokens", "assign", "--allow-unknown", "--batch", list]).assert_done();
    assert_eq!(fixture.login("ann").types(fob.press(1)).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn keys_of_one_id_are_merged() {
    let fixture = with_two_first_keys();
    assert_merged(&fixture, &[FIRST]);
    assert_ne!(fixture.active_key(), FIRST);
    fixture.totp_enroll(&["keys", "rotate"]).assert_done();
    assert_everyone_gets_in(&fixture, THEN + 60);
}

#[test]
fn nothing_is_merged_that_opens_nothing_here() {
    let (fixture, other) = (Fixture::with(&["alice"]), Fixture::with(&["bob"]));
    backup(&other).assert_done();
    fs::copy(file(&other), file(&fixture)).unwrap();
    let before = fs::read(fixture.keyring()).unwrap();
    let refused = restore(&fixture, super::PASSPHRASE, &["--merge"]);
    assert!(refused.status == 1 && refused.stderr.contains("another machine"), "{refused:?}");
    fs::remove_file(file(&fixture)).unwrap();
    backup(&fixture).assert_done();
    let refused = restore(&fixture, super::PASSPHRASE, &["--merge"]);
    assert!(refused.status == 1 && refused.stderr.contains("nothing was changed"), "{refused:?}");
    assert_eq!(fs::read(fixture.keyring()).unwrap(), before);
}

#[test]
fn no_key_goes_that_an_unreadable_document_may_need() {
    let merged = with_two_first_keys();
    CounterToken::random().import(&merged, "F1").assert_done();
    let replaced = Fixture::with(&["alice", "bob"]);
    backup(&replaced).assert_done();
    replaced.totp_enroll(&["keys", "rotate"]).assert_done();
    let token = merged.state().join("tokens/F1.toml");
    for (fixture, document, option) in [
        (&merged, merged.credential("bob"), "--merge"),
        (&merged, token, "--merge"),
        (&replaced, replaced.credential("alice"), "--replace"),
    ] {
        set_mode(&document, 0o666);
        let keyring = fs::read(fixture.keyring()).unwrap();
        let refused = restore(fixture, super::PASSPHRASE, &[option]);
        assert!(
            refused.status == 1 && refused.stderr.contains("cannot be read and may need it"),
            "{refused:?}"
        );
        set_mode(&document, 0o600);
        // A new key may be there already, none is gone.
        let text = fs::read_to_string(fixture.keyring()).unwrap();
        let keys: Vec<_> = keyring.split(|byte| *byte == b'"').filter(|word| word.len() == 44).collect();
        assert!(!keys.is_empty() && keys.iter().all(|key| text.as_bytes().windows(44).any(|at| at == *key)));
    }
    restore(&merged, super::PASSPHRASE, &["--merge"]).assert_done();
    assert_everyone_gets_in(&merged, THEN + 60);
}

#[test]
fn nothing_is_merged_where_nothing_is_sealed_or_an_enrolment_is_in_use() {
    let empty = Fixture::builder().build();
    backup(&empty).assert_done();
    fs::remove_file(empty.keyring()).unwrap();
    empty.totp_enroll(&["keys", "init"]).assert_done();
    let refused = restore(&empty, super::PASSPHRASE, &["--merge"]);
    assert!(refused.status == 1 && refused.stderr.contains("nothing is sealed"), "{refused:?}");
    let fixture = with_two_first_keys();
    // flock(2), as a login does.
    let ledger = fs::File::open(fixture.ledger("bob")).unwrap();
    ledger.lock().unwrap();
    let refused = restore(&fixture, super::PASSPHRASE, &["--merge"]);
    assert!(
        refused.status == 1 && refused.stderr.contains("1 enrolment is in use: run this again"),
        "{refused:?}"
    );
    assert!(refused.stderr.contains("bob"), "{refused:?}");
    drop(ledger);
    restore(&fixture, super::PASSPHRASE, &["--merge"]).assert_done();
    assert_everyone_gets_in(&fixture, THEN);
}

#[test]
fn an_enrolment_that_its_key_does_not_open_is_in_the_list_of_keys() {
    let fixture = with_two_first_keys();
    let done = fixture.totp_enroll(&["--json", "keys", "list"]);
    let (document, alice) = (done.json(), fixture.credential("alice"));
    assert_eq!(done.status, 1, "{done:?}");
    assert_eq!(document["broken"][0]["file"], alice.to_str().unwrap(), "{document}");
    assert_eq!(document["broken"].as_array().unwrap().len(), 1, "{document}");
}

#[test]
fn a_killed_merge_locks_nobody_out_and_is_finished_by_the_next() {
    let fixture = with_two_first_keys();
    let (file, secret) = (file(&fixture), passphrase(&fixture, super::PASSPHRASE));
    let arguments = ["--json", "keys", "restore", path(&file), "--passphrase-file", path(&secret), "--merge"];
    let (snapshot, keyring) = (Snapshot::of(&fixture), fs::read(fixture.keyring()).unwrap());
    let points = strace::record(&fixture.command(&arguments), &[&fixture.path("")]);
    let start = points.iter().position(|point| point.line.contains(".new.")).unwrap();
    let (sweep, mut made) = (Sweep::today(), BTreeSet::new());
    for point in sweep.points(&points[start..]) {
        snapshot.restore();
        // Its draft, should a kill have left one.
        drop(fs::remove_file(fixture.path(".new.keyring.toml")));
        fs::write(fixture.keyring(), &keyring).unwrap();
        drop(strace::killed_at(&fixture.command(&arguments), point));
        assert_eq!(fixture.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS, "{point:?}");
        let done = enroll_command::run(fixture.command(&arguments), "");
        made.insert(done.status == 0);
        assert!(done.status == 0 || done.stderr.contains("no key that the keyring in use lacks"), "{done:?}");
        assert_everyone_gets_in(&fixture, THEN + 60);
    }
    sweep.assert_met(&made, [false, true]);
}

/// alice enrolled with a lost key that is called as the first of every machine was, and bob with one of the same id.
fn with_two_first_keys() -> Fixture {
    let mut fixture = Fixture::builder().build();
    call_the_key_first(&fixture);
    fixture.import_another("alice");
    lose_the_keyring(&fixture);
    call_the_key_first(&fixture);
    fixture.import_another("bob");
    fixture
}

fn call_the_key_first(fixture: &Fixture) {
    let text = fs::read_to_string(fixture.keyring()).unwrap();
    fs::write(fixture.keyring(), text.replace(&fixture.active_key(), FIRST)).unwrap();
}

/// Backs the keyring up, and makes another one in its place. Gives the id of the lost key.
fn lose_the_keyring(fixture: &Fixture) -> String {
    backup(fixture).assert_done();
    let lost = fixture.active_key();
    fs::remove_file(fixture.keyring()).unwrap();
    fixture.totp_enroll(&["keys", "init", "--force"]).assert_done();
    lost
}

fn assert_merged(fixture: &Fixture, keys: &[&str]) {
    assert_eq!(fixture.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS);
    assert_ne!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert!(restore(fixture, super::PASSPHRASE, &["--replace"]).stderr.contains("lacks keys"));
    let done = restore(fixture, super::PASSPHRASE, &["--merge"]);
    done.assert_done();
    let document = done.json();
    let field = |name| document.get(name).unwrap();
    assert_eq!([field("open"), field("shut")], [2, 0], "{document}");
    let ids = field("keys").as_array().unwrap();
    assert!(keys.iter().all(|key| ids.iter().any(|id| id == key)), "{document}");
    let events = fixture.journal.command_events();
    let event = events.iter().find(|event| event.what() == "keyring_restored").unwrap();
    assert_eq!(event.field("merged"), "true");
    assert_everyone_gets_in(fixture, THEN + 30);
}

fn assert_everyone_gets_in(fixture: &Fixture, second: u64) {
    for user in ["alice", "bob"] {
        assert_eq!(fixture.login_with_code_at(user, second).code(), PamCode::SUCCESS, "{user}");
    }
}
