//! Enrolling at a terminal, from the QR code to the recovery codes.

use acceptance::enroll_command::{self, ASKS_FOR_A_CODE};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::terminal::Terminal;
use acceptance::{clock, qr};
use data_encoding::BASE32_NOPAD;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

#[test]
fn an_enrolled_user_gets_in_with_the_next_code() {
    let mut fixture = alice();
    let phone = fixture.enrol("alice", &[]).authenticator;
    assert_eq!(fixture.login("alice").types(phone.code_in(1)).code(), PamCode::SUCCESS);
}

#[test]
fn the_qr_code_holds_the_manual_key() {
    let mut fixture = alice();
    let enrolment = fixture.enrol(
        "alice",
        &["--issuer", "Example Inc", "--algorithm", "SHA256", "--digits", "8", "--period", "60"],
    );
    let uri = qr::read(&enrolment.screen).unwrap();
    let (path, query) = uri.strip_prefix("otpauth://totp/").unwrap().split_once('?').unwrap();
    assert_eq!(path.replace("%3A", ":"), "Example%20Inc:alice", "{uri}");
    let query: BTreeSet<&str> = query.split('&').collect();
    let secret = format!("secret={}", BASE32_NOPAD.encode(&enrolment.authenticator.secret));
    let expected = [secret.as_str(), "issuer=Example%20Inc", "algorithm=SHA256", "digits=8", "period=60"];
    assert_eq!(query, BTreeSet::from(expected), "{uri}");
}

#[test]
fn the_account_and_the_issuer_are_shown() {
    let mut fixture = alice();
    let screen = fixture.enrol("alice", &["--issuer", "Example Inc"]).screen;
    assert!(screen.contains("alice") && screen.contains("Example Inc"), "{screen}");
}

#[test]
fn the_issuer_is_the_host_by_default() {
    let mut fixture = alice();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let uri = qr::read(&fixture.enrol("alice", &[]).screen).unwrap();
    assert!(uri.contains(&format!("issuer={}", host.trim())), "{uri}");
}

#[test]
fn the_manual_key_is_shown_in_groups_of_four() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    let shown = terminal.expect(ASKS_FOR_A_CODE);
    let key = shown.split_once("manual key: ").unwrap().1.lines().next().unwrap().trim();
    assert!(key.split(' ').all(|group| group.len() == 4), "{key}");
}

#[test]
fn the_uri_is_shown_when_asked_for_and_not_otherwise() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    let shown = terminal.expect(ASKS_FOR_A_CODE);
    assert!(!shown.contains("otpauth://totp/"), "{shown}");
    terminal.types("uri");
    let shown = terminal.expect(ASKS_FOR_A_CODE);
    assert!(shown.contains("otpauth://totp/"), "{shown}");
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--show-uri"]);
    assert!(terminal.expect(ASKS_FOR_A_CODE).contains("otpauth://totp/"));
}

#[test]
fn asking_for_the_uri_is_not_one_of_the_five_tries() {
    let mut fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    let phone = enroll_command::shown_authenticator(&mut terminal, &[]);
    for _ in 0..6 {
        terminal.types("uri");
        terminal.expect(ASKS_FOR_A_CODE);
    }
    terminal.types(&phone.code());
    assert_eq!(terminal.end().status, 0);
    fixture.note("alice", phone);
    assert_eq!(fixture.login_with_code_at("alice", clock::THEN).code(), PamCode::SUCCESS);
}

#[test]
fn ten_recovery_codes_are_shown_that_cannot_be_misread() {
    let mut fixture = alice();
    let codes = fixture.enrol("alice", &[]).recovery_codes;
    let different: BTreeSet<&String> = codes.iter().collect();
    assert_eq!(different.len(), 10, "{codes:?}");
    let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ-";
    assert!(codes.concat().chars().all(|c| alphabet.contains(c)), "{codes:?}");
}

#[test]
fn a_wrong_code_can_be_followed_by_a_right_one_of_the_same_key() {
    let mut fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    let phone = enroll_command::shown_authenticator(&mut terminal, &[]);
    for code in phone.wrong_codes(4) {
        terminal.types(&code);
        let shown = terminal.expect(ASKS_FOR_A_CODE);
        assert!(!shown.contains("manual key"), "{shown}");
    }
    terminal.types(&phone.code());
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    fixture.note("alice", phone);
    assert_eq!(fixture.login_with_code_at("alice", clock::THEN).code(), PamCode::SUCCESS);
}

#[test]
fn after_five_wrong_codes_nobody_is_enrolled() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    let phone = enroll_command::shown_authenticator(&mut terminal, &[]);
    let wrong = phone.wrong_codes(5);
    for code in &wrong[..4] {
        terminal.types(code);
        terminal.expect(ASKS_FOR_A_CODE);
    }
    terminal.types(&wrong[4]);
    let ended = terminal.end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert_eq!(enroll_command::recovery_codes(&ended.screen), [""; 0]);
    assert_not_enrolled(&fixture, "alice");
}

#[test]
fn ctrl_c_leaves_nobody_enrolled() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    terminal.expect(ASKS_FOR_A_CODE);
    terminal.presses_ctrl('c');
    assert_ne!(terminal.end().status, 0);
    assert_not_enrolled(&fixture, "alice");
}

#[test]
fn ctrl_d_leaves_nobody_enrolled() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    terminal.expect(ASKS_FOR_A_CODE);
    terminal.presses_ctrl('d');
    assert_eq!(terminal.end().status, 1);
    assert_not_enrolled(&fixture, "alice");
}

#[test]
fn a_terminal_that_goes_away_leaves_nobody_enrolled() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    terminal.expect(ASKS_FOR_A_CODE);
    drop(terminal);
    assert_not_enrolled(&fixture, "alice");
}

#[test]
fn without_a_terminal_nobody_is_enrolled() {
    let fixture = alice();
    for arguments in [&["enroll", "alice"][..], &["--json", "enroll", "alice"]] {
        let done = fixture.totp_enroll(arguments);
        assert!([1, 2].contains(&done.status), "{done:?}");
        let said = format!("{}{}", done.stdout, done.stderr);
        assert!(said.contains("terminal"), "{done:?}");
        assert!(!done.stdout.contains("manual key") && !done.stdout.contains("otpauth"), "{done:?}");
        assert_not_enrolled(&fixture, "alice");
    }
}

#[test]
fn a_name_without_an_account_is_not_enrolled() {
    let fixture = alice();
    for name in ["nobody-by-that-name", "../alice", "", "al ice", "alice\n"] {
        let ended = fixture.at_terminal(&["enroll", name]).end();
        assert!([1, 2].contains(&ended.status), "{name:?}: {ended:?}");
        assert!(!ended.screen.contains("manual key"), "{name:?}: {ended:?}");
    }
}

#[test]
fn the_caller_of_sudo_is_enrolled_by_default() {
    let fixture = alice();
    let mut terminal = Terminal::open(&fixture.command_of("alice", &["enroll"]));
    let phone = enroll_command::shown_authenticator(&mut terminal, &[]);
    terminal.types(&phone.code());
    assert_eq!(terminal.end().status, 0);
    fixture.totp_enroll(&["status", "alice"]).assert_done();
}

#[test]
fn impossible_parameters_are_a_usage_error() {
    let fixture = alice();
    for option in [
        ["--digits", "5"],
        ["--digits", "9"],
        ["--period", "0"],
        ["--period", "3000"],
        ["--algorithm", "MD5"],
    ] {
        let ended = fixture.at_terminal(&["enroll", "alice", option[0], option[1]]).end();
        assert_eq!(ended.status, 2, "{option:?}: {}", ended.screen);
    }
}

#[test]
fn an_enrolment_is_one_line_in_the_log_without_a_secret() {
    let mut fixture = alice();
    let enrolment = fixture.enrol("alice", &["--label", "work phone"]);
    let events = fixture.journal.done_by_commands();
    let enrolled: Vec<_> = events.iter().filter(|event| event.field("event") == "enrolled").collect();
    let [event] = enrolled.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.field("user"), event.field("by")), ("alice", "root"), "{event:?}");
    let log = fixture.journal.lines().concat();
    let key = BASE32_NOPAD.encode(&enrolment.authenticator.secret);
    assert!(!log.contains(&key) && !log.contains(&enrolment.recovery_codes[0]), "{log}");
}

#[test]
fn no_secret_or_recovery_code_is_stored_in_the_clear() {
    let mut fixture = alice();
    let enrolment = fixture.enrol("alice", &[]);
    let files = acceptance::files::Files::below(&fixture.path(""));
    let key = BASE32_NOPAD.encode(&enrolment.authenticator.secret);
    for secret in [enrolment.authenticator.secret.as_slice(), key.as_bytes()] {
        assert!(!files.hold(secret));
    }
    for code in &enrolment.recovery_codes {
        assert!(!files.hold(code.as_bytes()) && !files.hold(code.replace('-', "").as_bytes()));
    }
}

#[test]
fn what_is_stored_can_be_read_by_root_alone() {
    let mut fixture = alice();
    let _ = fixture.enrol("alice", &[]);
    let directories = [fixture.state().join("credentials"), fixture.state().join("ledgers")];
    for (path, mode) in directories.iter().map(|path| (path.clone(), 0o40_700)).chain([
        (fixture.credential("alice"), 0o100_600),
        (fixture.ledger("alice"), 0o100_600),
        (fixture.keyring(), 0o100_600),
    ]) {
        let meta = fs::symlink_metadata(&path).unwrap();
        assert_eq!((meta.mode(), meta.uid(), meta.gid()), (mode, 0, 0), "{}", path.display());
    }
}

#[test]
fn a_loose_umask_loosens_nothing() {
    let mut fixture = alice();
    let mut command = std::process::Command::new("/bin/sh");
    let enroll = fixture.command(&["enroll", "alice"]);
    command.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(enroll.get_program()).args(enroll.get_args());
    let enrolment = enroll_command::confirm(Terminal::open(&command), &[]);
    fixture.note("alice", enrolment.authenticator);
    assert_eq!(
        fixture.login_with_code_at("alice", clock::THEN).code(),
        PamCode::SUCCESS,
        "the modes were refused"
    );
}

fn alice() -> Fixture {
    Fixture::builder().account("alice").build()
}

fn assert_not_enrolled(fixture: &Fixture, user: &str) {
    assert_eq!(fixture.totp_enroll(&["status", user]).status, 3, "{user} is enrolled");
    assert!(!fixture.credential(user).exists());
}
