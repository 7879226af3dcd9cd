//! The passphrase of a backup: asked for twice, not shown, read from a file, and strong enough.

use super::{PASSPHRASE, file, passphrase, path, restore};
use acceptance::enroll_command;
use acceptance::files::Files;
use acceptance::fixture::Fixture;
use acceptance::terminal::{Ended, Terminal};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn a_passphrase_is_asked_for_twice_and_not_shown() {
    let fixture = Fixture::with(&["alice"]);
    let ended = choose(&fixture, PASSPHRASE, Some(PASSPHRASE));
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert!(!ended.screen.contains(PASSPHRASE) && !ended.screen.contains("staple"), "{}", ended.screen);
    fs::remove_file(fixture.keyring()).unwrap();
    let mut terminal = seen(&fixture, &["keys", "restore", file(&fixture).to_str().unwrap()]);
    terminal.expect("passphrase: ");
    terminal.types(PASSPHRASE);
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert!(!ended.screen.contains("staple"), "{}", ended.screen);
    // Afterwards what is typed is shown again: the terminal is as it was.
    let mut terminal = seen(&fixture, &["disable", "alice"]);
    terminal.expect(&enroll_command::asks_for_the_name("alice"));
    terminal.types("someone");
    assert!(
        terminal.end().screen.contains("someone"),
        "this terminal shows nothing, so nothing was shown here"
    );
}

#[test]
fn ctrl_c_at_the_passphrase_restores_the_terminal() {
    let fixture = Fixture::with(&["alice"]);
    let (command, path) =
        (fixture.command(&["keys", "backup", file(&fixture).to_str().unwrap()]), file(&fixture));
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
    let fixture = Fixture::with(&["alice"]);
    let before = Files::below(&fixture.path(""));
    for (first, second, problem) in [
        ("fourteen chars", Some("fourteen chars"), "at least 15"),
        ("aaaaaaaaaaaaaaaaaaaaa", Some("aaaaaaaaaaaaaaaaaaaaa"), "only 1 different character:"),
        (PASSPHRASE, Some("correct horse battery stable"), "passphrases differ"),
        ("", Some(""), "passphrase is empty"),
    ] {
        let ended = choose(&fixture, first, second);
        assert!(ended.status == 1 && ended.screen.contains(problem), "{problem}: {}", ended.screen);
    }
    before.assert_unchanged(&fixture.path(""));
}

#[test]
fn without_a_person_a_passphrase_is_asked_of_nobody() {
    let fixture = Fixture::with(&["alice"]);
    let done = fixture.totp_enroll(&["--json", "keys", "backup", file(&fixture).to_str().unwrap()]);
    assert!(done.status == 1 && done.stderr.contains("--passphrase-file"), "{done:?}");
    assert!(!file(&fixture).exists());
}

#[test]
fn a_passphrase_is_read_from_a_descriptor_or_a_private_file() {
    let fixture = Fixture::with(&["alice"]);
    let path = file(&fixture);
    let path = path.to_str().unwrap();
    let arguments = ["--json", "keys", "backup", path, "--passphrase-fd", "0"];
    let from_stdin = fixture.command_with_small_backup_work(&arguments);
    enroll_command::run(from_stdin, &format!("{PASSPHRASE}\n")).assert_done();
    fs::remove_file(fixture.keyring()).unwrap();
    restore(&fixture, PASSPHRASE, &[]).assert_done();
    let loose = passphrase(&fixture, PASSPHRASE);
    fs::set_permissions(&loose, fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(path).unwrap();
    let done = fixture.totp_enroll(&[
        "--json",
        "keys",
        "backup",
        path,
        "--passphrase-file",
        loose.to_str().unwrap(),
    ]);
    assert!(done.status == 1 && done.stderr.contains("0600"), "{done:?}");
}

/// A backup at a terminal that shows what is typed.
fn choose(fixture: &Fixture, first: &str, second: Option<&str>) -> Ended {
    let mut terminal = seen(fixture, &["keys", "backup", path(&file(fixture))]);
    terminal.expect("passphrase: ");
    terminal.types(first);
    if let Some(second) = second {
        terminal.expect("again: ");
        terminal.types(second);
    }
    terminal.end()
}

/// A command at a terminal that shows what is typed, as people's do.
fn seen(fixture: &Fixture, arguments: &[&str]) -> Terminal {
    let command = fixture.command(arguments);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "stty echo; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    Terminal::open(&shell)
}
