//! A keyring behind a passphrase: written whole or not at all, opened by the real age, and taken back only if nobody loses by it.
//!
//! The work of scrypt is a second and 256 MiB: what ships does it where that matters, elsewhere backups are made by a command that is
//! built with a small work factor. What ships takes both back.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use acceptance::authenticator::random_bytes;
use acceptance::clock::THEN;
use acceptance::desk::{self, Done};
use acceptance::files::Files;
use acceptance::login::PamCode;
use acceptance::memory::assert_no_trace;
use acceptance::scene::Scene;
use acceptance::secrets::{Secrets, master_key};
use acceptance::stopped::stopped_at_its_end;
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use acceptance::terminal::{Ended, Terminal};
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
    let scene = Scene::with(&["alice"]);
    let secrets = Secrets::default().master_key(&scene);
    let before = fs::read(scene.keyring()).unwrap();
    let done = backup_by_what_ships(&scene);
    done.assert_done();
    assert_eq!(work_of(&file(&scene)), WORK);
    assert_eq!(done.json()["keys"][0], "k1");
    assert_eq!(fs::metadata(file(&scene)).unwrap().mode() & 0o7777, 0o600);
    assert!(secrets.found_in(&fs::read(file(&scene)).unwrap()).is_empty());
    fs::remove_file(scene.keyring()).unwrap();
    let done = restore(&scene, PASSPHRASE, &[]);
    done.assert_done();
    assert_eq!((done.json()["open"].as_u64(), done.json()["shut"].as_u64()), (Some(1), Some(0)));
    assert_eq!(fs::read(scene.keyring()).unwrap(), before);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let events: Vec<String> =
        scene.journal.desk_events().iter().map(|event| event.field("event").to_owned()).collect();
    assert_eq!(events[events.len() - 2..], ["keyring_backed_up", "keyring_restored"]);
}

#[test]
fn the_real_age_opens_a_backup_and_what_it_made_is_restored() {
    let scene = Scene::with(&["alice"]);
    backup_by_what_ships(&scene).assert_done();
    let mut age = Terminal::open(
        Command::new("/usr/bin/age").args(["-d", "-o"]).arg(scene.path("plain")).arg(file(&scene)),
    );
    age.expect("passphrase:");
    age.types(PASSPHRASE);
    let ended = age.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert_eq!(fs::read(scene.path("plain")).unwrap(), fs::read(scene.keyring()).unwrap());
    fs::remove_file(file(&scene)).unwrap();
    let mut age = Terminal::open(
        Command::new("/usr/bin/age").args(["-p", "-o"]).arg(file(&scene)).arg(scene.keyring()),
    );
    for _ in 0..2 {
        age.expect("passphrase");
        age.expect(":");
        age.types("short, but age's own");
    }
    let ended = age.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    fs::remove_file(scene.keyring()).unwrap();
    restore(&scene, "short, but age's own", &[]).assert_done();
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_passphrase_is_asked_for_twice_and_not_shown() {
    let scene = Scene::with(&["alice"]);
    let ended = choose(&scene, PASSPHRASE, Some(PASSPHRASE));
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert!(!ended.screen.contains(PASSPHRASE) && !ended.screen.contains("staple"), "{}", ended.screen);
    fs::remove_file(scene.keyring()).unwrap();
    let mut terminal = seen(&scene, &["keys", "restore", file(&scene).to_str().unwrap()]);
    terminal.expect("passphrase: ");
    terminal.types(PASSPHRASE);
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert!(!ended.screen.contains("staple"), "{}", ended.screen);
    // Afterwards what is typed is shown again: the terminal is as it was.
    let mut terminal = seen(&scene, &["disable", "alice"]);
    terminal.expect(&desk::asks_for_the_name("alice"));
    terminal.types("somebody");
    assert!(
        terminal.end().screen.contains("somebody"),
        "this terminal shows nothing, so nothing was shown here"
    );
}

#[test]
fn ctrl_c_at_the_passphrase_writes_nothing_and_leaves_a_terminal_that_shows_what_is_typed() {
    let scene = Scene::with(&["alice"]);
    let (command, path) = (scene.command(&["keys", "backup", file(&scene).to_str().unwrap()]), file(&scene));
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "stty echo; trap : INT; \"$@\"; echo ended; read answer", "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    let mut terminal = Terminal::open(&shell);
    terminal.expect("passphrase: ");
    terminal.presses_ctrl('c');
    terminal.expect("ended");
    terminal.types("shown again");
    let ended = terminal.end();
    assert!(ended.screen.contains("shown again"), "{}", ended.screen);
    assert!(!path.exists());
}

#[test]
fn a_passphrase_that_is_weak_or_not_repeated_writes_nothing() {
    let scene = Scene::with(&["alice"]);
    let before = Files::below(&scene.path(""));
    for (first, second, problem) in [
        ("fourteen chars", Some("fourteen chars"), "needs 15"),
        ("aaaaaaaaaaaaaaaaaaaaa", Some("aaaaaaaaaaaaaaaaaaaaa"), "repeats"),
        (PASSPHRASE, Some("correct horse battery stable"), "not the same"),
        ("", Some(""), "no passphrase"),
    ] {
        let ended = choose(&scene, first, second);
        assert!(ended.status == 1 && ended.screen.contains(problem), "{problem}: {}", ended.screen);
    }
    before.assert_unchanged(&scene.path(""));
}

#[test]
fn without_a_person_a_passphrase_is_asked_of_nobody() {
    let scene = Scene::with(&["alice"]);
    let done = scene.desk(&["--json", "keys", "backup", file(&scene).to_str().unwrap()]);
    assert!(done.status == 1 && done.stderr.contains("--passphrase-file"), "{done:?}");
    assert!(!file(&scene).exists());
}

#[test]
fn a_passphrase_comes_from_a_descriptor_too_and_from_no_file_that_others_can_read() {
    let scene = Scene::with(&["alice"]);
    let path = file(&scene);
    let path = path.to_str().unwrap();
    let arguments = ["--json", "keys", "backup", path, "--passphrase-fd", "0"];
    let from_stdin = scene.command_with_small_backup_work(&arguments);
    desk::run(from_stdin, &format!("{PASSPHRASE}\n")).assert_done();
    fs::remove_file(scene.keyring()).unwrap();
    restore(&scene, PASSPHRASE, &[]).assert_done();
    let loose = passphrase(&scene, PASSPHRASE);
    fs::set_permissions(&loose, fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(path).unwrap();
    let done = scene.desk(&["--json", "keys", "backup", path, "--passphrase-file", loose.to_str().unwrap()]);
    assert!(done.status == 1 && done.stderr.contains("0600"), "{done:?}");
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let scene = Scene::with(&["alice"]);
    fs::write(file(&scene), "precious").unwrap();
    let done = backup(&scene);
    assert!(done.status == 1 && done.stderr.contains("is there already"), "{done:?}");
    assert_eq!(fs::read(file(&scene)).unwrap(), b"precious");
    fs::remove_file(file(&scene)).unwrap();
    std::os::unix::fs::symlink(scene.path("elsewhere"), file(&scene)).unwrap();
    assert_eq!(backup(&scene).status, 1);
    assert!(!scene.path("elsewhere").exists());
}

#[test]
fn a_bad_passphrase_half_a_file_a_changed_one_or_none_changes_nothing() {
    let scene = Scene::with(&["alice"]);
    backup(&scene).assert_done();
    fs::remove_file(scene.keyring()).unwrap();
    let whole = fs::read(file(&scene)).unwrap();
    let refused = |passphrase: &str, problem: &str| {
        let done = restore(&scene, passphrase, &[]);
        assert!(done.status == 1 && done.stderr.contains(problem), "{problem}: {done:?}");
        assert!(done.stderr.contains(file(&scene).to_str().unwrap()), "{done:?}");
        assert!(!scene.keyring().exists());
    };
    refused("correct horse battery stable", "does not open with this passphrase");
    for length in [0, 10, 60, whole.len() / 2, whole.len() - 1] {
        fs::write(file(&scene), &whole[..length]).unwrap();
        refused(PASSPHRASE, "not a whole backup");
    }
    let mut changed = whole;
    *changed.last_mut().unwrap() ^= 1;
    fs::write(file(&scene), &changed).unwrap();
    refused(PASSPHRASE, "not a whole backup");
    fs::remove_file(file(&scene)).unwrap();
    refused(PASSPHRASE, "is missing");
}

#[test]
fn what_is_in_it_has_to_be_a_keyring_and_is_not_repeated() {
    let scene = Scene::with(&["alice"]);
    let other = scene.path("other");
    fs::write(&other, "version = 1\nactive = \"k1\"\nMYSECRETWORDS = 1\n").unwrap();
    let mut age =
        Terminal::open(Command::new("/usr/bin/age").args(["-p", "-o"]).arg(file(&scene)).arg(&other));
    for _ in 0..2 {
        age.expect("passphrase");
        age.expect(":");
        age.types(PASSPHRASE);
    }
    let ended = age.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    fs::remove_file(scene.keyring()).unwrap();
    let done = restore(&scene, PASSPHRASE, &[]);
    assert!(done.status == 1 && done.stderr.contains(file(&scene).to_str().unwrap()), "{done:?}");
    assert!(!done.stderr.contains("MYSECRETWORDS") && !scene.keyring().exists(), "{done:?}");
}

#[test]
fn another_machines_keyring_is_refused() {
    let (scene, other) = (Scene::with(&["alice"]), Scene::with(&["bob"]));
    backup(&other).assert_done();
    fs::copy(file(&other), file(&scene)).unwrap();
    let before = fs::read(scene.keyring()).unwrap();
    for options in [&[][..], &["--replace"]] {
        let done = restore(&scene, PASSPHRASE, options);
        assert!(done.status == 1 && done.stderr.contains("would not open any more"), "{done:?}");
        assert_eq!(fs::read(scene.keyring()).unwrap(), before);
    }
    fs::remove_file(scene.keyring()).unwrap();
    let done = restore(&scene, PASSPHRASE, &["--replace"]);
    assert!(done.status == 1 && done.stderr.contains("another machine's, or too old"), "{done:?}");
    assert!(!scene.keyring().exists());
}

#[test]
fn a_key_is_not_replaced_while_it_opens_a_part_of_an_enrolment() {
    let (mut scene, other) = (
        Scene::builder().account("alice").account("bob").enrolled("alice").build(),
        Scene::builder().build(),
    );
    let own = fs::read(scene.keyring()).unwrap();
    fs::copy(other.keyring(), scene.keyring()).unwrap();
    backup(&scene).assert_done();
    scene.enrol("bob", &[]);
    // Under the key in force; her phone is not.
    desk::run(scene.command(&["--json", "recovery-codes", "alice", "--yes"]), "").assert_done();
    fs::write(scene.keyring(), &own).unwrap();
    let done = restore(&scene, PASSPHRASE, &["--replace"]);
    assert!(done.status == 1 && done.stderr.contains("would not open any more"), "{done:?}");
    assert_eq!(fs::read(scene.keyring()).unwrap(), own);
}

#[test]
fn a_keyring_that_is_there_is_replaced_only_when_asked_and_if_nobody_loses_by_it() {
    let scene = Scene::with(&["alice"]);
    backup(&scene).assert_done();
    let done = restore(&scene, PASSPHRASE, &[]);
    assert!(done.status == 1 && done.stderr.contains("with the same keys"), "{done:?}");
    restore(&scene, PASSPHRASE, &["--replace"]).assert_done();
    scene.desk(&["keys", "rotate"]).assert_done();
    let rotated = fs::read(scene.keyring()).unwrap();
    let done = restore(&scene, PASSPHRASE, &["--replace"]);
    assert!(done.status == 1 && done.stderr.contains("1 enrolments that open now would not"), "{done:?}");
    assert_eq!(fs::read(scene.keyring()).unwrap(), rotated);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    // A keyring that is broken is what a backup is for.
    fs::remove_file(file(&scene)).unwrap();
    backup(&scene).assert_done();
    fs::write(scene.keyring(), "oh no").unwrap();
    let done = restore(&scene, PASSPHRASE, &[]);
    assert!(done.status == 1 && done.stderr.contains("is there, but broken"), "{done:?}");
    restore(&scene, PASSPHRASE, &["--replace"]).assert_done();
    assert_eq!(scene.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
    // One that others can read is as good as any, and is mended, not replaced.
    fs::set_permissions(scene.keyring(), fs::Permissions::from_mode(0o644)).unwrap();
    let done = restore(&scene, PASSPHRASE, &["--replace"]);
    assert!(done.status == 1 && done.stderr.contains("0600"), "{done:?}");
}

#[test]
fn killed_at_a_call_a_backup_is_whole_or_not_there() {
    let scene = Scene::with(&["alice"]);
    let path = file(&scene);
    let secret = passphrase(&scene, PASSPHRASE);
    let (to, from) = (path.to_str().unwrap(), secret.to_str().unwrap());
    let arguments = ["--json", "keys", "backup", to, "--passphrase-file", from];
    let command = || scene.command_with_small_backup_work(&arguments);
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
    let done = desk::run(command(), "");
    assert!(done.status == 0 || path.exists(), "{done:?}");
    sweep.assert_met(&made, [false, true]);
    // What ships, once, with the draft written and read back.
    drop(fs::remove_file(&path));
    let named = Point { name: "renameat2".to_owned(), occurrence: 1, paths: Vec::new(), line: String::new() };
    drop(strace::killed_at(&scene.command(&arguments), &named));
    assert!(!path.exists());
    desk::run(scene.command(&arguments), "").assert_done();
}

#[test]
fn killed_at_a_call_a_restoring_leaves_the_keyring_whole_or_not_there() {
    let scene = Scene::with(&["alice"]);
    backup(&scene).assert_done();
    let secret = passphrase(&scene, PASSPHRASE);
    let path = file(&scene);
    let arguments =
        ["--json", "keys", "restore", path.to_str().unwrap(), "--passphrase-file", secret.to_str().unwrap()];
    let kept = scene.path("kept");
    fs::rename(scene.keyring(), &kept).unwrap();
    let points = strace::record(&scene.command(&arguments), &[&scene.path(""), &scene.keyring()]);
    let start = points.iter().position(|point| point.line.contains(".new.")).unwrap();
    let (sweep, mut made) = (Sweep::today(), std::collections::BTreeSet::new());
    for (point, then) in sweep.points(points[start..].iter().zip((THEN..).step_by(60))) {
        drop(fs::remove_file(scene.keyring()));
        drop(strace::killed_at(&scene.command(&arguments), point));
        made.insert(scene.keyring().exists());
        if !scene.keyring().exists() {
            fs::copy(&kept, scene.keyring()).unwrap();
        }
        assert_eq!(scene.login_with_code_at("alice", then).code(), PamCode::SUCCESS, "{point:?}");
    }
    sweep.assert_met(&made, [false, true]);
}

#[test]
fn neither_passphrase_nor_key_is_left_in_memory_or_in_the_log() {
    let scene = Scene::with(&["alice"]);
    // No words: programs have some of their own.
    let chosen = HEXLOWER.encode(&random_bytes(16));
    let secrets = Secrets::default().key("the master key", &master_key(&scene));
    let secrets = secrets.bytes("the passphrase", chosen.as_bytes());
    let secret = passphrase(&scene, &chosen);
    let path = file(&scene);
    for what in ["backup", "restore"] {
        let arguments =
            ["--json", "keys", what, path.to_str().unwrap(), "--passphrase-file", secret.to_str().unwrap()];
        let (stopped, said) = stopped_at_its_end(&scene.command(&arguments));
        assert!(said.contains("k1"), "{said}");
        assert_no_trace(stopped.pid(), &secrets);
        drop(stopped);
        secrets.assert_none_in(&said);
        fs::remove_file(scene.keyring()).unwrap();
    }
    scene.journal.lines().iter().for_each(|line| secrets.assert_none_in(line));
}

fn file(scene: &Scene) -> PathBuf {
    scene.path("keyring.age")
}

fn passphrase(scene: &Scene, text: &str) -> PathBuf {
    let path = scene.path("passphrase");
    drop(fs::remove_file(&path));
    scene.write("passphrase", text)
}

fn backup(scene: &Scene) -> Done {
    let (file, secret) = (file(scene), passphrase(scene, PASSPHRASE));
    let arguments = ["--json", "keys", "backup", path(&file), "--passphrase-file", path(&secret)];
    desk::run(scene.command_with_small_backup_work(&arguments), "")
}

fn backup_by_what_ships(scene: &Scene) -> Done {
    keys(scene, "backup", PASSPHRASE, &[])
}

/// The work factor that a backup asks for: age-encryption.org/v1 has it at the end of a line of its header.
fn work_of(backup: &Path) -> u32 {
    let bytes = fs::read(backup).unwrap();
    let header = String::from_utf8_lossy(&bytes);
    let stanza = header.lines().find(|line| line.starts_with("-> scrypt ")).unwrap();
    stanza.rsplit(' ').next().unwrap().parse().unwrap()
}

fn restore(scene: &Scene, passphrase: &str, options: &[&str]) -> Done {
    keys(scene, "restore", passphrase, options)
}

fn keys(scene: &Scene, what: &str, text: &str, options: &[&str]) -> Done {
    let (file, secret) = (file(scene), passphrase(scene, text));
    let arguments = ["--json", "keys", what, path(&file), "--passphrase-file", path(&secret)];
    scene.desk(&[&arguments[..], options].concat())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A backup at a terminal that shows what is typed.
fn choose(scene: &Scene, first: &str, second: Option<&str>) -> Ended {
    let mut terminal = seen(scene, &["keys", "backup", path(&file(scene))]);
    terminal.expect("passphrase: ");
    terminal.types(first);
    if let Some(second) = second {
        terminal.expect("once more: ");
        terminal.types(second);
    }
    terminal.end()
}

/// A command at a terminal that shows what is typed, as people's do.
fn seen(scene: &Scene, arguments: &[&str]) -> Terminal {
    let command = scene.command(arguments);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "stty echo; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    Terminal::open(&shell)
}
