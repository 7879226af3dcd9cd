//! `keys backup` and `restore`: written whole or not at all, opened by the real age, restored only if no enrolment loses a key.
//!
//! scrypt takes a second and 256 MiB. Tests where that matters use the command that ships; the others use one that is built with a
//! small work factor. The command that ships restores both.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod merge;
mod passphrase;
mod tokens;

use acceptance::authenticator::random_bytes;
use acceptance::clock::THEN;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::memory::assert_no_trace;
use acceptance::secrets::{Secrets, master_key};
use acceptance::stopped::stopped_at_its_end;
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use acceptance::terminal::Terminal;
use data_encoding::HEXLOWER;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

const PASSPHRASE: &str = "correct horse battery staple";
/// What age(1) asks for.
const WORK: u32 = 18;

#[test]
fn a_backup_brings_a_lost_keyring_back() {
    let fixture = Fixture::with(&["alice"]);
    let secrets = Secrets::default().master_key(&fixture);
    let before = fs::read(fixture.keyring()).unwrap();
    let done = backup_by_what_ships(&fixture);
    done.assert_done();
    assert_eq!(work_of(&file(&fixture)), WORK);
    assert_eq!(done.json()["keys"][0], fixture.active_key());
    assert_eq!(fs::metadata(file(&fixture)).unwrap().mode() & 0o7777, 0o600);
    assert!(secrets.found_in(&fs::read(file(&fixture)).unwrap()).is_empty());
    fs::remove_file(fixture.keyring()).unwrap();
    let done = restore(&fixture, PASSPHRASE, &[]);
    done.assert_done();
    assert_eq!((done.json()["open"].as_u64(), done.json()["shut"].as_u64()), (Some(1), Some(0)));
    assert_eq!(fs::read(fixture.keyring()).unwrap(), before);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let events: Vec<String> =
        fixture.journal.command_events().iter().map(|event| event.field("event").to_owned()).collect();
    assert_eq!(events[events.len() - 2..], ["keyring_backed_up", "keyring_restored"]);
}

#[test]
fn the_real_age_opens_a_backup_and_what_it_made_is_restored() {
    let fixture = Fixture::with(&["alice"]);
    backup_by_what_ships(&fixture).assert_done();
    let mut age = Terminal::open(
        Command::new("/usr/bin/age").args(["-d", "-o"]).arg(fixture.path("plain")).arg(file(&fixture)),
    );
    age.expect("passphrase:");
    age.types(PASSPHRASE);
    let ended = age.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert_eq!(fs::read(fixture.path("plain")).unwrap(), fs::read(fixture.keyring()).unwrap());
    fs::remove_file(file(&fixture)).unwrap();
    let mut age = Terminal::open(
        Command::new("/usr/bin/age").args(["-p", "-o"]).arg(file(&fixture)).arg(fixture.keyring()),
    );
    for _ in 0..2 {
        age.expect("passphrase");
        age.expect(":");
        age.types("short, but age's own");
    }
    let ended = age.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    fs::remove_file(fixture.keyring()).unwrap();
    restore(&fixture, "short, but age's own", &[]).assert_done();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let fixture = Fixture::with(&["alice"]);
    fs::write(file(&fixture), "precious").unwrap();
    let done = backup(&fixture);
    assert!(done.status == 1 && done.stderr.contains("exists already"), "{done:?}");
    assert_eq!(fs::read(file(&fixture)).unwrap(), b"precious");
    fs::remove_file(file(&fixture)).unwrap();
    std::os::unix::fs::symlink(fixture.path("elsewhere"), file(&fixture)).unwrap();
    assert_eq!(backup(&fixture).status, 1);
    assert!(!fixture.path("elsewhere").exists());
}

#[test]
fn a_restore_that_fails_changes_nothing() {
    let fixture = Fixture::with(&["alice"]);
    backup(&fixture).assert_done();
    fs::remove_file(fixture.keyring()).unwrap();
    let whole = fs::read(file(&fixture)).unwrap();
    let refused = |passphrase: &str, problem: &str| {
        let done = restore(&fixture, passphrase, &[]);
        assert!(done.status == 1 && done.stderr.contains(problem), "{problem}: {done:?}");
        assert!(done.stderr.contains(file(&fixture).to_str().unwrap()), "{done:?}");
        assert!(!fixture.keyring().exists());
    };
    refused("correct horse battery stable", "does not open with this passphrase");
    for length in [0, 10, 60, whole.len() / 2, whole.len() - 1] {
        fs::write(file(&fixture), &whole[..length]).unwrap();
        refused(PASSPHRASE, "is not a backup of a keyring");
    }
    let mut changed = whole;
    *changed.last_mut().unwrap() ^= 1;
    fs::write(file(&fixture), &changed).unwrap();
    refused(PASSPHRASE, "is not a backup of a keyring");
    fs::remove_file(file(&fixture)).unwrap();
    refused(PASSPHRASE, "does not exist");
}

#[test]
fn what_is_in_it_has_to_be_a_keyring_and_is_not_repeated() {
    let fixture = Fixture::with(&["alice"]);
    let other = fixture.path("other");
    fs::write(&other, "version = 1\nactive = \"k1\"\nMYSECRETWORDS = 1\n").unwrap();
    let mut age =
        Terminal::open(Command::new("/usr/bin/age").args(["-p", "-o"]).arg(file(&fixture)).arg(&other));
    for _ in 0..2 {
        age.expect("passphrase");
        age.expect(":");
        age.types(PASSPHRASE);
    }
    let ended = age.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    fs::remove_file(fixture.keyring()).unwrap();
    let done = restore(&fixture, PASSPHRASE, &[]);
    assert!(done.status == 1 && done.stderr.contains(file(&fixture).to_str().unwrap()), "{done:?}");
    assert!(!done.stderr.contains("MYSECRETWORDS") && !fixture.keyring().exists(), "{done:?}");
}

#[test]
fn another_machines_keyring_is_refused() {
    let (fixture, other) = (Fixture::with(&["alice"]), Fixture::with(&["bob"]));
    backup(&other).assert_done();
    fs::copy(file(&other), file(&fixture)).unwrap();
    let before = fs::read(fixture.keyring()).unwrap();
    for options in [&[][..], &["--replace"]] {
        let done = restore(&fixture, PASSPHRASE, options);
        assert!(done.status == 1 && done.stderr.contains("could not be opened any more"), "{done:?}");
        assert_eq!(fs::read(fixture.keyring()).unwrap(), before);
    }
    fs::remove_file(fixture.keyring()).unwrap();
    let done = restore(&fixture, PASSPHRASE, &["--replace"]);
    assert!(done.status == 1 && done.stderr.contains("another machine, or is too old"), "{done:?}");
    assert!(!fixture.keyring().exists());
}

#[test]
fn a_key_is_not_replaced_while_an_enrolment_needs_it() {
    let (mut fixture, other) = (
        Fixture::builder().account("alice").account("bob").enrolled("alice").build(),
        Fixture::builder().build(),
    );
    let own = fs::read(fixture.keyring()).unwrap();
    fs::copy(other.keyring(), fixture.keyring()).unwrap();
    backup(&fixture).assert_done();
    fixture.enrol("bob", &[]);
    fs::write(fixture.keyring(), &own).unwrap();
    let done = restore(&fixture, PASSPHRASE, &["--replace"]);
    assert!(done.status == 1 && done.stderr.contains("could not be opened any more"), "{done:?}");
    assert_eq!(fs::read(fixture.keyring()).unwrap(), own);
}

#[test]
fn a_keyring_in_use_is_replaced_only_when_asked() {
    let fixture = Fixture::with(&["alice"]);
    backup(&fixture).assert_done();
    let done = restore(&fixture, PASSPHRASE, &[]);
    assert!(done.status == 1 && done.stderr.contains("with the same keys"), "{done:?}");
    restore(&fixture, PASSPHRASE, &["--replace"]).assert_done();
    fixture.totp_enroll(&["keys", "rotate"]).assert_done();
    let rotated = fs::read(fixture.keyring()).unwrap();
    let done = restore(&fixture, PASSPHRASE, &["--replace"]);
    assert!(
        done.status == 1 && done.stderr.contains("1 enrolment that can be opened now could not"),
        "{done:?}"
    );
    assert_eq!(fs::read(fixture.keyring()).unwrap(), rotated);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    // A keyring that is broken is what a backup is for.
    fs::remove_file(file(&fixture)).unwrap();
    backup(&fixture).assert_done();
    fs::write(fixture.keyring(), "oh no").unwrap();
    let done = restore(&fixture, PASSPHRASE, &[]);
    assert!(done.status == 1 && done.stderr.contains("exists but is corrupt"), "{done:?}");
    restore(&fixture, PASSPHRASE, &["--replace"]).assert_done();
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
    // One that others can read is as good as any, and is fixed, not replaced.
    fs::set_permissions(fixture.keyring(), fs::Permissions::from_mode(0o644)).unwrap();
    let done = restore(&fixture, PASSPHRASE, &["--replace"]);
    assert!(done.status == 1 && done.stderr.contains("0600"), "{done:?}");
}

#[test]
fn killed_at_a_call_a_backup_is_whole_or_not_there() {
    let fixture = Fixture::with(&["alice"]);
    let path = file(&fixture);
    let secret = passphrase(&fixture, PASSPHRASE);
    let (to, from) = (path.to_str().unwrap(), secret.to_str().unwrap());
    let arguments = ["--json", "keys", "backup", to, "--passphrase-file", from];
    let command = || fixture.command_with_small_backup_work(&arguments);
    let points = strace::record(&command(), &[&path]);
    let whole = fs::metadata(&path).unwrap().len();
    let start = points.iter().position(|point| point.line.contains(".new.")).unwrap();
    assert!(work_of(&path) < WORK, "totp-enroll is built for tests without small-backup-work");
    let (sweep, mut made) = (Sweep::today(), std::collections::BTreeSet::new());
    for point in sweep.points(&points[start..]) {
        drop(fs::remove_file(&path));
        drop(strace::killed_at(&command(), point));
        made.insert(path.exists());
        assert!(!path.exists() || fs::metadata(&path).unwrap().len() == whole, "half a backup: {point:?}");
    }
    let done = enroll_command::run(command(), "");
    assert!(done.status == 0 || path.exists(), "{done:?}");
    sweep.assert_met(&made, [false, true]);
    // What ships, once, with the draft written and read back.
    drop(fs::remove_file(&path));
    let named = Point { name: "renameat2".to_owned(), occurrence: 1, paths: Vec::new(), line: String::new() };
    drop(strace::killed_at(&fixture.command(&arguments), &named));
    assert!(!path.exists());
    enroll_command::run(fixture.command(&arguments), "").assert_done();
}

#[test]
fn a_killed_restore_leaves_a_whole_keyring_or_none() {
    let fixture = Fixture::with(&["alice"]);
    backup(&fixture).assert_done();
    let secret = passphrase(&fixture, PASSPHRASE);
    let path = file(&fixture);
    let arguments =
        ["--json", "keys", "restore", path.to_str().unwrap(), "--passphrase-file", secret.to_str().unwrap()];
    let kept = fixture.path("kept");
    fs::rename(fixture.keyring(), &kept).unwrap();
    let points = strace::record(&fixture.command(&arguments), &[&fixture.path(""), &fixture.keyring()]);
    let start = points.iter().position(|point| point.line.contains(".new.")).unwrap();
    let (sweep, mut made) = (Sweep::today(), std::collections::BTreeSet::new());
    for (point, then) in sweep.points(points[start..].iter().zip((THEN..).step_by(60))) {
        drop(fs::remove_file(fixture.keyring()));
        drop(strace::killed_at(&fixture.command(&arguments), point));
        made.insert(fixture.keyring().exists());
        if !fixture.keyring().exists() {
            fs::copy(&kept, fixture.keyring()).unwrap();
        }
        assert_eq!(fixture.login_with_code_at("alice", then).code(), PamCode::SUCCESS, "{point:?}");
    }
    sweep.assert_met(&made, [false, true]);
}

#[test]
fn neither_passphrase_nor_key_is_left_in_memory_or_in_the_log() {
    let fixture = Fixture::with(&["alice"]);
    // No words: programs have some of their own.
    let chosen = HEXLOWER.encode(&random_bytes(16));
    let secrets = Secrets::default().key("the master key", &master_key(&fixture));
    let secrets = secrets.bytes("the passphrase", chosen.as_bytes());
    let secret = passphrase(&fixture, &chosen);
    let path = file(&fixture);
    let id = fixture.active_key();
    for what in ["backup", "restore"] {
        let arguments =
            ["--json", "keys", what, path.to_str().unwrap(), "--passphrase-file", secret.to_str().unwrap()];
        let (stopped, said) = stopped_at_its_end(&fixture.command(&arguments));
        assert!(said.contains(&id), "{said}");
        assert_no_trace(stopped.pid(), &secrets);
        drop(stopped);
        secrets.assert_none_in(&said);
        fs::remove_file(fixture.keyring()).unwrap();
    }
    fixture.journal.lines().iter().for_each(|line| secrets.assert_none_in(line));
}

fn file(fixture: &Fixture) -> PathBuf {
    fixture.path("keyring.age")
}

fn passphrase(fixture: &Fixture, text: &str) -> PathBuf {
    let path = fixture.path("passphrase");
    drop(fs::remove_file(&path));
    fixture.write("passphrase", text)
}

fn backup(fixture: &Fixture) -> CommandOutput {
    let (file, secret) = (file(fixture), passphrase(fixture, PASSPHRASE));
    let arguments = ["--json", "keys", "backup", path(&file), "--passphrase-file", path(&secret)];
    enroll_command::run(fixture.command_with_small_backup_work(&arguments), "")
}

fn backup_by_what_ships(fixture: &Fixture) -> CommandOutput {
    keys(fixture, "backup", PASSPHRASE, &[])
}

/// The work factor that a backup asks for: age-encryption.org/v1 has it at the end of a line of its header.
fn work_of(backup: &Path) -> u32 {
    let bytes = fs::read(backup).unwrap();
    let header = String::from_utf8_lossy(&bytes);
    let stanza = header.lines().find(|line| line.starts_with("-> scrypt ")).unwrap();
    stanza.rsplit(' ').next().unwrap().parse().unwrap()
}

fn restore(fixture: &Fixture, passphrase: &str, options: &[&str]) -> CommandOutput {
    keys(fixture, "restore", passphrase, options)
}

fn keys(fixture: &Fixture, what: &str, text: &str, options: &[&str]) -> CommandOutput {
    let (file, secret) = (file(fixture), passphrase(fixture, text));
    let arguments = ["--json", "keys", what, path(&file), "--passphrase-file", path(&secret)];
    fixture.totp_enroll(&[&arguments[..], options].concat())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
