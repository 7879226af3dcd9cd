//! `keys seal`, `open` and `unseal` with the real systemd-creds and a host key of the fixture. There is a valid keyring at
//! every moment.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod lost_keys;
mod tokens;

use acceptance::clock::THEN;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::files::Files;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::memory::assert_no_trace;
use acceptance::secrets::{Secrets, master_key};
use acceptance::stopped::alone_stopped_at_its_end;
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use std::fs;
use std::ops::Deref;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use tempfile::TempDir;

const SEAL: [&str; 5] = ["--json", "keys", "seal", "--with-key", "host"];
const UNSEAL: [&str; 3] = ["--json", "keys", "unseal"];
const OPEN: [&str; 3] = ["--json", "keys", "open"];
const ROTATE: [&str; 3] = ["--json", "keys", "rotate"];

#[test]
fn a_sealed_keyring_holds_no_key_and_is_accepted_as_before() {
    let fixture = machine(&["alice"]);
    let secrets = Secrets::default().master_key(&fixture);
    let done = keys(&fixture, &SEAL);
    done.assert_done();
    assert_eq!(done.json()["state"], "sealed");
    assert!(!fixture.keyring().exists());
    for file in [sealed(&fixture), opened(&fixture)] {
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600, "{file:?}");
    }
    let found = secrets.found_in(&fs::read(sealed(&fixture)).unwrap()).len();
    assert_eq!((found, secrets.found_in(&fs::read(opened(&fixture)).unwrap()).is_empty()), (0, false));
    let events = fixture.journal.command_events();
    let event = events.last().unwrap();
    assert_eq!((event.field("event"), event.field("with")), ("keyring_sealed", "host"));
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    keys(&fixture, &["keys", "list"]).assert_done();
    keys(&fixture, &["--json", "recovery-codes", "alice", "--yes"]).assert_done();
}

#[test]
fn after_a_restart_a_sealed_keyring_refuses_until_it_is_opened() {
    let fixture = machine(&["alice"]);
    keys(&fixture, &SEAL).assert_done();
    restart(&fixture);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SYSTEM_ERR);
    let event = fixture.journal.last();
    assert_eq!(event.field("file"), sealed(&fixture).to_str().unwrap());
    for words in ["keys are not open yet", "totp-enroll keys open"] {
        assert!(event.field("problem").contains(words), "{event:?}");
    }
    let refused = fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]);
    assert!(refused.status == 1 && refused.stderr.contains("keys open"), "{refused:?}");
    for state in ["opened", "unchanged"] {
        let done = keys(&fixture, &OPEN);
        done.assert_done();
        assert_eq!(done.json()["state"], state);
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn an_unsealed_keyring_is_the_one_that_was_sealed() {
    let fixture = machine(&["alice"]);
    let before = fs::read(fixture.keyring()).unwrap();
    keys(&fixture, &SEAL).assert_done();
    keys(&fixture, &UNSEAL).assert_done();
    assert_eq!(fs::read(fixture.keyring()).unwrap(), before);
    assert!(!sealed(&fixture).exists() && !opened(&fixture).exists());
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let again = keys(&fixture, &UNSEAL);
    assert!(again.status == 1 && again.stderr.contains("nothing to unseal"), "{again:?}");
}

#[test]
fn a_rotation_seals_the_new_keyring_with_the_same_options() {
    let fixture = machine(&["alice"]);
    let old = Secrets::default().master_key(&fixture);
    keys(&fixture, &SEAL).assert_done();
    keys(&fixture, &ROTATE).assert_done();
    assert!(!fixture.keyring().exists());
    for _ in 0..2 {
        let text = fs::read(opened(&fixture)).unwrap();
        assert!(text.starts_with(b"# sealed with host\n"));
        assert!(old.found_in(&text).is_empty(), "the old key is there still");
        restart(&fixture);
        keys(&fixture, &OPEN).assert_done();
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn keys_init_does_not_replace_a_sealed_keyring() {
    let fixture = machine(&["alice"]);
    keys(&fixture, &SEAL).assert_done();
    restart(&fixture);
    let before = Files::below(&fixture.path(""));
    let done = keys(&fixture, &["keys", "init"]);
    assert!(done.status == 1 && done.stderr.contains("sealed"), "{done:?}");
    let done = keys(&fixture, &["--json", "keys", "init", "--if-missing"]);
    done.assert_done();
    assert_eq!(done.json()["made"], false);
    before.assert_unchanged(&fixture.path(""));
}

#[test]
fn on_another_machine_a_sealed_keyring_does_not_open() {
    let fixture = machine(&["alice"]);
    keys(&fixture, &SEAL).assert_done();
    let elsewhere =
        |arguments: &[&str]| enroll_command::run(with_key(&fixture, arguments, "other-host-key"), "");
    // Makes a key of the other machine's.
    let other = machine(&[]);
    enroll_command::run(with_key(&other, &SEAL, "other-host-key"), "").assert_done();
    fs::copy(other.host.path().join("other-host-key"), fixture.host.path().join("other-host-key")).unwrap();
    let refused = elsewhere(&OPEN);
    assert!(refused.status == 1 && refused.stderr.contains("does not open on this machine"), "{refused:?}");
    assert!(refused.stderr.contains("keys restore"), "{refused:?}");
    let saved = elsewhere(&UNSEAL);
    saved.assert_done();
    assert!(saved.stderr.contains("opened when this machine started"), "{saved:?}");
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    // With nothing opened there is nothing to save.
    keys(&fixture, &SEAL).assert_done();
    restart(&fixture);
    let before = Files::below(&fixture.path(""));
    assert_eq!(elsewhere(&UNSEAL).status, 1);
    before.assert_unchanged(&fixture.path(""));
}

#[test]
fn what_cannot_be_sealed_stays_in_the_clear() {
    let fixture = machine(&["alice"]);
    fs::create_dir(fixture.host.path().join("host-key")).unwrap();
    let before = fs::read(fixture.keyring()).unwrap();
    for with in ["host", "tpm2"] {
        // There is no TPM here, or no key of it that is at hand: an empty path to one.
        let done = keys(&fixture, &["keys", "seal", "--with-key", with]);
        if with == "tpm2" && done.status == 0 {
            // This machine has one.
            keys(&fixture, &UNSEAL).assert_done();
            continue;
        }
        assert!(done.status == 1 && done.stderr.contains("cannot be sealed"), "{done:?}");
        assert_eq!(fs::read(fixture.keyring()).unwrap(), before);
        assert!(!sealed(&fixture).exists() && !opened(&fixture).exists());
    }
}

#[test]
fn a_seal_that_was_changed_does_not_open() {
    let fixture = machine(&["alice"]);
    keys(&fixture, &SEAL).assert_done();
    restart(&fixture);
    let whole = fs::read(sealed(&fixture)).unwrap();
    let middle = whole.len() / 2;
    let mut changed = whole.clone();
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    for broken in [&changed[..], &whole[..middle], b""] {
        fs::write(sealed(&fixture), broken).unwrap();
        let done = keys(&fixture, &OPEN);
        assert!(done.status == 1 && done.stderr.contains("does not open"), "{done:?}");
        assert!(!opened(&fixture).exists());
    }
    fs::write(sealed(&fixture), &whole).unwrap();
    fs::set_permissions(sealed(&fixture), fs::Permissions::from_mode(0o644)).unwrap();
    let done = keys(&fixture, &OPEN);
    assert!(done.status == 1 && done.stderr.contains("0600"), "{done:?}");
}

#[test]
fn sealing_removes_clear_files_of_a_killed_rotation() {
    let fixture = machine(&["alice"]);
    let secrets = Secrets::default().master_key(&fixture);
    let text = fs::read_to_string(fixture.keyring()).unwrap();
    let drafts = [".new.keyring.toml", ".new.4711.keyring.toml"].map(|name| fixture.write(name, &text));
    let other = fixture.write(".new.another.keyring.toml", "not ours");
    for file in &drafts {
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!secrets.found_in(&fs::read(file).unwrap()).is_empty());
    }
    keys(&fixture, &SEAL).assert_done();
    assert!(!drafts.iter().any(|draft| draft.exists()) && other.exists());
}

#[test]
fn seal_and_unseal_killed_leave_a_valid_keyring() {
    for (before, command) in [(None, &SEAL[..]), (Some(SEAL), &UNSEAL), (Some(SEAL), &ROTATE)] {
        let fixture = machine(&["alice"]);
        if let Some(before) = before {
            keys(&fixture, &before).assert_done();
        }
        let kept = fixture.path("kept");
        copy(&fixture, &kept, CopyDirection::Save);
        let points = points(&fixture, command);
        assert!(points.len() > 10, "{command:?} {points:?}");
        for (point, then) in Sweep::today().points(points.iter().zip((THEN..).step_by(120))) {
            copy(&fixture, &kept, CopyDirection::Restore);
            drop(strace::killed_at(&command_with_key(&fixture, command), point));
            assert_eq!(fixture.login_with_code_at("alice", then).code(), PamCode::SUCCESS, "{point:?}");
            if sealed(&fixture).exists() && !fixture.keyring().exists() {
                restart(&fixture);
                keys(&fixture, &OPEN).assert_done();
                let login = fixture.login_with_code_at("alice", then + 60);
                assert_eq!(login.code(), PamCode::SUCCESS, "after a restart: {point:?}");
            }
            let again = keys(&fixture, command);
            let is_done = command == UNSEAL && again.stderr.contains("nothing to unseal");
            assert!(again.status == 0 || is_done, "{point:?}: {again:?}");
            assert_eq!(sealed(&fixture).exists(), command != UNSEAL, "{point:?}");
            assert_eq!(fixture.keyring().exists(), command == UNSEAL, "{point:?}");
        }
    }
}

#[test]
fn logins_go_on_while_it_is_sealed_and_unsealed() {
    let fixture = machine(&["alice"]);
    keys(&fixture, &SEAL).assert_done();
    keys(&fixture, &UNSEAL).assert_done();
    let (seal, unseal) = (|| command_with_key(&fixture, &SEAL), || command_with_key(&fixture, &UNSEAL));
    let rounds: Vec<Command> = (0..3).flat_map(|_| [seal(), unseal()]).collect();
    let totp_enroll = thread::spawn(move || {
        rounds.into_iter().for_each(|round| enroll_command::run(round, "").assert_done());
    });
    let mut logins = 0;
    for then in (THEN..).step_by(60) {
        if totp_enroll.is_finished() {
            break;
        }
        assert_eq!(
            fixture.login_with_code_at("alice", then).code(),
            PamCode::SUCCESS,
            "{:?}",
            fixture.journal.last()
        );
        logins += 1;
    }
    totp_enroll.join().unwrap();
    assert!(logins > 3, "{logins}");
}

#[test]
fn sealing_leaves_no_key_in_memory() {
    let fixture = machine(&["alice"]);
    let secrets = Secrets::default().key("the master key", &master_key(&fixture));
    for arguments in [&SEAL[..], &OPEN, &ROTATE, &UNSEAL] {
        let (stopped, said) = alone_stopped_at_its_end(&command_with_key(&fixture, arguments));
        assert!(said.contains("keyring") || said.contains("active"), "{said}");
        assert_no_trace(stopped.pid(), &secrets);
    }
}

/// A fixture on a machine with a host key, which does not lie in the fixture: systemd-creds opens each directory on the way to it.
struct Machine {
    fixture: Fixture,
    host: TempDir,
}

impl Deref for Machine {
    type Target = Fixture;

    fn deref(&self) -> &Fixture {
        &self.fixture
    }
}

fn machine(people: &[&str]) -> Machine {
    Machine { fixture: Fixture::with(people), host: tempfile::tempdir().unwrap() }
}

fn keys(fixture: &Machine, arguments: &[&str]) -> CommandOutput {
    enroll_command::run(command_with_key(fixture, arguments), "")
}

fn command_with_key(fixture: &Machine, arguments: &[&str]) -> Command {
    with_key(fixture, arguments, "host-key")
}

/// On a machine with this host key (systemd-creds makes it when it seals first).
fn with_key(fixture: &Machine, arguments: &[&str], key: &str) -> Command {
    let mut command = fixture.command(arguments);
    command.env("SYSTEMD_CREDENTIAL_SECRET", fixture.host.path().join(key));
    command
}

fn sealed(fixture: &Fixture) -> PathBuf {
    fixture.path("keyring.cred")
}

fn opened(fixture: &Fixture) -> PathBuf {
    fixture.path("run").join("keyring.toml")
}

/// What a restart takes away.
fn restart(fixture: &Fixture) {
    fs::remove_dir_all(fixture.path("run")).unwrap();
}

/// The calls on the keyring, wherever it lies; puts things back.
fn points(fixture: &Machine, command: &[&str]) -> Vec<Point> {
    let directory = fixture.path("");
    // As strace shows it, without a slash at its end.
    let directory = PathBuf::from(directory.to_str().unwrap().trim_end_matches('/'));
    let places = [directory, fixture.keyring(), sealed(fixture), fixture.path("run"), opened(fixture)];
    let points = strace::record_on(&command_with_key(fixture, command), &places);
    copy(fixture, &fixture.path("kept"), CopyDirection::Restore);
    points
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum CopyDirection {
    Save,
    Restore,
}

/// Everything that a keyring and the enrolments are in.
fn copy(fixture: &Fixture, kept: &Path, direction: CopyDirection) {
    if direction == CopyDirection::Save {
        fs::create_dir(kept).unwrap();
    }
    let generation = fixture.generation_beside_keyring();
    let generation = generation.file_name().unwrap().to_str().unwrap();
    for name in ["keyring.toml", "keyring.cred", generation, "run", "state"] {
        let (from, to) = match direction {
            CopyDirection::Save => (fixture.path(name), kept.join(name)),
            CopyDirection::Restore => (kept.join(name), fixture.path(name)),
        };
        assert!(Command::new("/bin/rm").arg("-rf").arg(&to).status().unwrap().success());
        if from.exists() {
            assert!(Command::new("/bin/cp").arg("-a").args([&from, &to]).status().unwrap().success());
        }
    }
}
