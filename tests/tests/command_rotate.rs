//! `keys rotate`: codes stay valid, or used, as before, whatever interrupts it and whatever runs at the same time.

#![expect(clippy::unwrap_used, reason = "a keyring that is not there fails the test")]

mod meanwhile;

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::damage::edit;
use acceptance::enroll_command::CommandOutput;
use acceptance::files::Files;
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::PamCode;
use acceptance::snapshot::{Snapshot, renewed_codes};
use acceptance::strace::{self, ERRORS, Point};
use acceptance::sweep::Sweep;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

#[test]
fn codes_are_as_used_as_before_and_the_next_ones_open() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    assert_eq!(opens(&fixture, "alice", &codes[0]), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let keys = keys(&fixture);
    let done = rotate(&fixture);
    done.assert_done();
    let document = done.json();
    assert_eq!((&document["resealed"], &document["resumed"]), (&2.into(), &false.into()), "{document}");
    assert_eq!(document["dropped"], serde_json::json!(keys));
    assert_eq!((&document["left"], &document["kept"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert_eq!(self::keys(&fixture), [document["active"].as_str().unwrap()]);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR, "a used code");
    assert_eq!(fixture.journal.last().what(), "refused replayed");
    assert_eq!(opens(&fixture, "alice", &codes[0]), PamCode::AUTH_ERR, "a used recovery code");
    assert_eq!(opens(&fixture, "alice", &codes[1]), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN + 30).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn the_old_key_opens_nothing_any_more() {
    let fixture = Fixture::with(&["alice"]);
    let old = fs::read(fixture.keyring()).unwrap();
    rotate(&fixture).assert_done();
    let new = fs::read(fixture.keyring()).unwrap();
    fs::write(fixture.keyring(), old).unwrap();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SYSTEM_ERR);
    assert!(fixture.journal.last().field("problem").contains("restore"), "{:?}", fixture.journal.last());
    fs::write(fixture.keyring(), new).unwrap();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn one_rotation_follows_another() {
    let fixture = Fixture::with(&["alice"]);
    let mut seen = BTreeSet::from([keys(&fixture)]);
    for n in 0..5 {
        rotate(&fixture).assert_done();
        assert!(seen.insert(keys(&fixture)), "a key that was there before: {seen:?}");
        assert_eq!(fixture.login_with_code_at("alice", THEN + 30 * n).code(), PamCode::SUCCESS);
    }
}

#[test]
fn a_rotation_is_logged_with_its_operator_and_result() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let old = keys(&fixture).remove(0);
    rotate(&fixture).assert_done();
    let events = fixture.journal.command_events();
    let told: Vec<_> = events.iter().filter(|event| event.what() == "key_rotated").collect();
    let [begun, done] = told[..] else { panic!("{events:?}") };
    for event in [begun, done] {
        assert_eq!((event.field("by"), event.field("old")), ("root", old.as_str()), "{event:?}");
        assert_eq!(event.field("new"), keys(&fixture)[0], "{event:?}");
    }
    assert_eq!(begun.field("state"), "begun");
    assert_eq!([done.field("state"), done.field("enrolments"), done.field("left")], ["done", "2", "0"]);
}

#[test]
fn a_killed_rotation_locks_nobody_out_and_can_be_resumed() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let snapshot = RotationSnapshot::of(&fixture);
    let points = strace::record(&fixture.command(&ROTATE), &[&fixture.path("")]);
    let (sweep, mut looked, mut resumed) = (Sweep::today(), 0, BTreeSet::new());
    for point in sweep.points(points) {
        snapshot.restore(&fixture);
        let before = Files::below(&fixture.path(""));
        drop(strace::killed_at(&fixture.command(&ROTATE), &point));
        if Files::below(&fixture.path("")) == before {
            continue;
        }
        looked += 1;
        everybody_gets_in_at(&fixture, THEN, &point);
        let keys_then = keys(&fixture);
        let again = rotate(&fixture);
        assert_eq!(again.status, 0, "{point:?}: {again:?}");
        let document = again.json();
        resumed.insert(document["resumed"].as_bool().unwrap());
        // With two keys it goes on with the newer one, and makes no third.
        if let [_, newer] = &keys_then[..] {
            assert_eq!(keys(&fixture), std::slice::from_ref(newer), "{point:?}");
        }
        assert_eq!(keys(&fixture).len(), 1, "{point:?}");
        everybody_gets_in_at(&fixture, THEN + 60, &point);
        assert_eq!(opens(&fixture, "alice", &codes[0]), PamCode::SUCCESS, "{point:?}");
        assert_eq!(opens(&fixture, "alice", &codes[0]), PamCode::AUTH_ERR, "twice: {point:?}");
        let left: Vec<_> =
            fixture.stored().names().into_iter().filter(|name| name.starts_with(".new")).collect();
        assert!(left.is_empty(), "{left:?}: {point:?}");
    }
    sweep.assert_more_than(20, looked, "changes");
    sweep.assert_met(&resumed, [false, true]);
}

#[test]
fn a_rotation_with_a_failing_call_locks_nobody_out() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let snapshot = RotationSnapshot::of(&fixture);
    let points = strace::record(
        &fixture.command(&ROTATE),
        &[&fixture.state(), &fixture.keyring(), &fixture.path(".new.keyring.toml")],
    );
    let mut ended = BTreeSet::new();
    let sweep = Sweep::today();
    for (point, error) in sweep.points(points.iter().zip(ERRORS.iter().cycle())) {
        if point.name == "exit_group" {
            continue;
        }
        snapshot.restore(&fixture);
        let done = strace::failing_at(&fixture.command(&ROTATE), point, error);
        assert!([0, 1].contains(&done.status), "{error} at {point:?}: {done:?}");
        assert!(done.json().is_object(), "{error} at {point:?}: {done:?}");
        assert_eq!(done.status == 0, keys(&fixture).len() == 1 && done.json()["active"] == keys(&fixture)[0]);
        ended.insert(done.status);
        everybody_gets_in_at(&fixture, THEN, point);
        let again = rotate(&fixture);
        assert_eq!(again.status, 0, "{error} at {point:?}: {again:?}");
        assert_eq!(keys(&fixture).len(), 1, "{error} at {point:?}");
        everybody_gets_in_at(&fixture, THEN + 60, point);
    }
    sweep.assert_met(&ended, [0, 1]);
}

#[test]
fn a_damaged_credential_keeps_its_key_and_is_named() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let old = keys(&fixture).remove(0);
    let whole = fs::read(fixture.credential("bob")).unwrap();
    edit(&fixture.credential("bob"), "digits = 6", "digits = 7");
    let damaged = fs::read(fixture.credential("bob")).unwrap();
    let done = fixture.totp_enroll(&["keys", "rotate"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains(fixture.credential("bob").to_str().unwrap()), "{done:?}");
    let both = keys(&fixture);
    assert_eq!((both.len(), &both[0]), (2, &old));
    assert_eq!(fs::read(fixture.credential("bob")).unwrap(), damaged);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    // Again: no further key.
    let again = rotate(&fixture);
    assert_eq!((again.status, &again.json()["kept"]), (1, &serde_json::json!([old])), "{again:?}");
    assert_eq!((&again.json()["left"][0]["user"], keys(&fixture)), (&"bob".into(), both));
    // Unless one is asked for; bob's stays, the one in between goes.
    let asked = fixture.totp_enroll(&["--json", "keys", "rotate", "--new-key"]);
    assert_eq!((asked.status, &asked.json()["resealed"]), (1, &1.into()), "{asked:?}");
    assert_eq!((keys(&fixture).len(), &keys(&fixture)[0]), (2, &old));
    fs::write(fixture.credential("bob"), whole).unwrap();
    rotate(&fixture).assert_done();
    assert_eq!(keys(&fixture).len(), 1);
    for user in ["alice", "bob"] {
        assert_eq!(fixture.login_with_code_at(user, THEN + 30).code(), PamCode::SUCCESS, "{user}");
    }
}

#[test]
fn a_credential_that_cannot_be_read_keeps_every_key() {
    let fixture = Fixture::with(&["alice", "bob"]);
    fs::write(fixture.credential("bob"), "oh no").unwrap();
    let done = rotate(&fixture);
    assert_eq!(done.status, 1, "{done:?}");
    assert_eq!(done.json()["left"][0]["file"], fixture.credential("bob").to_str().unwrap(), "{done:?}");
    assert_eq!(keys(&fixture).len(), 2);
    fixture.totp_enroll(&["disable", "bob", "--yes"]).assert_done();
    rotate(&fixture).assert_done();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_rotation_on_a_full_disk_locks_nobody_out_and_resumes() {
    let mut fixture = Fixture::builder().account("alice").build();
    fs::remove_dir_all(fixture.state()).unwrap();
    on_its_machine(&mut fixture, "mkdir -m 700 \"$1\" && mount -t tmpfs -o size=64k,mode=700 small \"$1\"");
    let enrolment = fixture.enrol("alice", &[]);
    on_its_machine(&mut fixture, "! cat /dev/zero >\"$1/filling\" 2>/dev/null");
    let done = rotate(&fixture);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains("No space left"), "{done:?}");
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    on_its_machine(&mut fixture, "rm \"$1/filling\"");
    let again = rotate(&fixture);
    again.assert_done();
    assert_eq!((&again.json()["resumed"], keys(&fixture).len()), (&true.into(), 1));
    assert_eq!(fixture.login_with_code_at("alice", THEN + 30).code(), PamCode::SUCCESS);
    assert_eq!(opens(&fixture, "alice", &enrolment.recovery_codes[0]), PamCode::SUCCESS);
}

#[test]
fn a_keyring_that_cannot_be_replaced_stays_as_it_is() {
    let mut fixture = Fixture::builder().account("alice").enrolled("bob").build();
    let before = fs::read(fixture.keyring()).unwrap();
    let parent = fixture.path("");
    let mut command: Command = fixture.machine().namespace().command("/bin/sh");
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\"";
    assert!(command.args(["-c", script, "sh"]).arg(&parent).status().unwrap().success());
    let done = rotate(&fixture);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains("Read-only file system"), "{done:?}");
    assert_eq!(fs::read(fixture.keyring()).unwrap(), before);
}

#[test]
fn a_long_rotation_shows_progress_on_a_terminal_only() {
    let people: Vec<(String, Authenticator)> =
        (0..600).map(|n| (format!("user{n}"), Authenticator::random())).collect();
    let fixture = Fixture::builder().build();
    let users = fixture.write("users.oath", &users_file(&people));
    fixture.totp_enroll(&["import", "oath", users.to_str().unwrap(), "--allow-unknown"]).assert_done();
    let ended = fixture.at_terminal(&["keys", "rotate"]).end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert!(ended.screen.contains("/600") && ended.screen.contains("600 enrolments"), "{}", ended.screen);
    let done = fixture.totp_enroll(&["keys", "rotate"]);
    done.assert_done();
    assert!(!(done.stdout + &done.stderr).contains("/600"));
    let (user, phone) = &people[599];
    assert_eq!(opens(&fixture, user, &phone.code_at(THEN)), PamCode::SUCCESS);
}

#[test]
fn a_keyring_that_is_full_takes_no_further_key_and_says_so() {
    let fixture = Fixture::with(&["alice"]);
    let text = fs::read_to_string(fixture.keyring()).unwrap();
    let (_, key) = text.split_once("[[key]]").unwrap();
    let id = fixture.active_key();
    let more: String = (2..=16).map(|n| format!("\n[[key]]{}", key.replace(&id, &format!("k{n}")))).collect();
    fs::write(fixture.keyring(), text + &more).unwrap();
    let before = fs::read(fixture.keyring()).unwrap();
    let done = fixture.totp_enroll(&["--json", "keys", "rotate", "--new-key"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains("16 keys"), "{done:?}");
    assert_eq!(fs::read(fixture.keyring()).unwrap(), before);
    // Those that seal nothing go.
    rotate(&fixture).assert_done();
    assert_eq!(keys(&fixture), [id]);
}

const ROTATE: [&str; 3] = ["--json", "keys", "rotate"];
const RENEW: [&str; 4] = ["--json", "recovery-codes", "alice", "--yes"];

/// Everything that is stored, with the keyring.
struct RotationSnapshot {
    state: Snapshot,
    keyring: Vec<u8>,
}

impl RotationSnapshot {
    fn of(fixture: &Fixture) -> Self {
        Self { state: Snapshot::of(fixture), keyring: fs::read(fixture.keyring()).unwrap() }
    }

    fn restore(&self, fixture: &Fixture) {
        self.state.restore();
        // Its draft, should a kill have left one.
        drop(fs::remove_file(fixture.path(".new.keyring.toml")));
        fs::write(fixture.keyring(), &self.keyring).unwrap();
    }
}

fn rotate(fixture: &Fixture) -> CommandOutput {
    fixture.totp_enroll(&ROTATE)
}

/// The ids in the keyring.
fn keys(fixture: &Fixture) -> Vec<String> {
    let text = fs::read_to_string(fixture.keyring()).unwrap();
    let id = |line: &str| Some(line.strip_prefix("id = \"")?.strip_suffix('"')?.to_owned());
    text.lines().filter_map(id).collect()
}

fn opens(fixture: &Fixture, user: &str, answer: &str) -> PamCode {
    fixture.login(user).types(answer).at(THEN).code()
}

fn everybody_gets_in_at(fixture: &Fixture, then: u64, point: &Point) {
    for user in ["alice", "bob"] {
        let code = fixture.login_with_code_at(user, then).code();
        assert_eq!(code, PamCode::SUCCESS, "{user}: {point:?}: {:?}", fixture.journal.last());
    }
}

/// Runs a script where the fixture's mounts are seen, with the state directory as its argument.
fn on_its_machine(fixture: &mut Fixture, script: &str) {
    let state = fixture.state();
    let mut command: Command = fixture.machine().namespace().command("/bin/sh");
    let done = command.args(["-c", script, "sh"]).arg(state).status();
    assert!(done.is_ok_and(|status| status.success()), "{script}");
}
