//! Names and labels with characters that control a terminal, or change the direction of text (CVE-2021-42574): every exit of the
//! command escapes them.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use std::fs;

#[test]
fn list_shows_no_control_of_a_label() {
    assert_shows_none(&labelled(), &["list"]);
}

#[test]
fn status_shows_no_control_of_a_label() {
    assert_shows_none(&labelled(), &["status", "alice"]);
}

#[test]
fn explain_shows_no_control_of_a_name() {
    assert_shows_none(&named(), &["explain", NAME]);
}

#[test]
fn doctor_shows_no_control_of_a_name() {
    let fixture = named();
    // So that it has something to say about this person: the secret does not open with another keyring.
    fs::remove_file(fixture.keyring()).unwrap();
    fixture.totp_enroll(&["keys", "init", "--force"]).assert_done();
    assert_shows_none(&fixture, &["doctor"]);
}

#[test]
fn list_shows_no_control_of_a_name() {
    assert_shows_none(&named(), &["list"]);
}

#[test]
fn an_error_shows_no_control_of_a_name() {
    assert_shows_none(&Fixture::builder().build(), &["status", NAME]);
}

#[test]
fn a_wrong_command_line_shows_no_control() {
    assert_shows_none(&Fixture::builder().build(), &["status", &format!("--{NAME}")]);
}

#[test]
fn an_unlock_shows_no_control_of_a_name() {
    assert_shows_none(&named(), &["unlock", NAME]);
}

#[test]
fn the_reset_list_shows_no_control_of_a_name() {
    let fixture = named();
    fixture.totp_enroll(&["reset", "request", NAME, "--reason", "lost"]).assert_done();
    assert_shows_none(&fixture, &["reset", "list"]);
}

#[test]
fn a_waiting_notice_shows_no_control_of_a_name() {
    let fixture = named();
    fixture.configure("[notify]\ncommand = [\"/no/such/program\"]");
    fixture.totp_enroll(&["reset", "request", NAME, "--reason", "lost"]).assert_done();
    assert_shows_none(&fixture, &["notify", "--list"]);
}

#[test]
fn a_log_line_holds_no_control_of_a_label() {
    let fixture = labelled();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let line = fixture.journal.last().line;
    assert!(!line.contains(is_control), "{line:?}");
}

/// Right to left, an isolate, a mark, a line separator, no width.
const CONTROLS: [char; 5] = ['\u{202e}', '\u{2066}', '\u{200f}', '\u{2028}', '\u{feff}'];
const LABEL: &str = "x\u{202e}\u{2066}\u{200f}\u{2028}\u{feff}y";
/// An account that the system does not know may have such a name.
const NAME: &str = LABEL;

fn labelled() -> Fixture {
    let mut fixture = Fixture::builder().account("alice").build();
    let _ = fixture.enrol("alice", &["--label", LABEL]);
    fixture
}

fn named() -> Fixture {
    let fixture = Fixture::builder().build();
    let uri = fixture.write("uri", "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n");
    let import = ["import", "uri", uri.to_str().unwrap(), "--user", NAME, "--allow-unknown"];
    fixture.totp_enroll(&import).assert_done();
    fixture
}

/// Neither for a person nor for a program: what `--json` prints is looked at on a terminal as well.
fn assert_shows_none(fixture: &Fixture, arguments: &[&str]) {
    for json in [&[][..], &["--json"]] {
        let done = fixture.totp_enroll(&[json, arguments].concat());
        let shown = done.stdout + &done.stderr;
        assert!(!shown.contains(is_control), "{json:?} {arguments:?}: {shown:?}");
    }
}

fn is_control(char: char) -> bool {
    char != '\n' && (char.is_control() || CONTROLS.contains(&char))
}
