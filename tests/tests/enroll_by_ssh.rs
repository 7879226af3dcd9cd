//! `enroll_at_login` on a real sshd with the real client, which shows the texts before the prompts.

use acceptance::authenticator::{Authenticator, MANUAL_KEY, shown_key};
use acceptance::clock;
use acceptance::enroll_command;
use acceptance::fixture::Fixture;
use acceptance::login::PROMPT;
use acceptance::qr;
use acceptance::sshd::{KEY_AND_CODE, Key, ONLY_PAM, Sshd};
use acceptance::terminal::Terminal;

#[test]
fn ssh_enrols_with_a_key_and_from_then_on_asks_for_codes() {
    let (fixture, sshd) = sshd(KEY_AND_CODE, "");
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    let shown = ssh.expect(ASKS_FOR_THE_FIRST_CODE);
    let phone = Authenticator::shown(&shown);
    let uri = qr::read_uncoloured(&shown).unwrap();
    let key: String = shown_key(&shown).split(' ').collect();
    assert!(uri.contains(&format!("secret={key}&")), "{uri} {key}");
    // The next step's code is good a little early, one drift step ahead; so no test waits for it.
    let now = clock::well_inside_a_step(30, 10);
    ssh.types(&phone.code_at(now));
    let shown = ssh.expect(ASKS_WHETHER_SAVED);
    let recovery = enroll_command::recovery_codes(&shown);
    assert_eq!(recovery.len(), 10, "{shown}");
    ssh.types("yes");
    assert_let_in(ssh, "alice");
    assert_eq!(fixture.journal.last().what(), "enrolled");
    let first_factor = fixture.journal.last().field("first_factor").to_owned();
    assert_eq!(first_factor, "publickey");
    for code in [&phone.code_at(now + 30), &recovery[0]] {
        let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
        let before = ssh.expect(PROMPT);
        assert!(!before.contains(MANUAL_KEY), "{before}");
        ssh.types(code);
        assert_let_in(ssh, "alice");
    }
}

#[test]
fn ssh_shows_an_ascii_qr_code_where_the_client_shows_no_blocks() {
    let (_fixture, sshd) = sshd(KEY_AND_CODE, "");
    let mut ssh = sshd.ssh_in("C", "alice", Key::Offered, INSIDE, "NumberOfPasswordPrompts=1");
    let shown = ssh.expect(ASKS_FOR_THE_FIRST_CODE);
    assert!(qr::read_uncoloured(&shown).is_err(), "then nobody needs the other one: {shown}");
    let key: String = shown_key(&shown).split(' ').collect();
    ssh.types("ascii");
    let shown = ssh.expect(ASKS_FOR_THE_FIRST_CODE);
    let uri = qr::read_uncoloured(&shown).unwrap();
    assert!(uri.contains(&format!("secret={key}&")), "{uri} {key}");
}

#[test]
fn ssh_lets_in_and_reminds_a_user_who_cancels_before_the_day() {
    let (fixture, sshd) = sshd(KEY_AND_CODE, "enroll_by = 9999-12-31");
    // A shell: with a single command sshd does not show messages after the last prompt.
    let mut ssh = sshd.ssh("alice", Key::Offered, "");
    ssh.expect(ASKS_FOR_THE_FIRST_CODE);
    ssh.types("");
    ssh.expect("days are left");
    ssh.types(&format!("{INSIDE}; exit"));
    assert_let_in(ssh, "alice");
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, NOT_ENROLLED);
}

#[test]
fn ssh_refuses_a_user_who_cancels_after_the_day() {
    let (fixture, sshd) = sshd(KEY_AND_CODE, "enroll_by = 2020-01-01");
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    let shown = ssh.expect(ASKS_FOR_THE_FIRST_CODE);
    let phone = Authenticator::shown(&shown);
    let _ = clock::well_inside_a_step(30, 3);
    ssh.types(&phone.code());
    ssh.expect(ASKS_WHETHER_SAVED);
    ssh.types("");
    assert_kept_out(ssh);
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, NOT_ENROLLED);
    assert_eq!(fixture.journal.last().what(), "refused cancelled");
}

#[test]
fn ssh_that_is_ended_at_a_prompt_has_enrolled_nobody() {
    let (fixture, sshd) = sshd(KEY_AND_CODE, "");
    let before = fixture.stored();
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    let shown = ssh.expect(ASKS_FOR_THE_FIRST_CODE);
    let phone = Authenticator::shown(&shown);
    let _ = clock::well_inside_a_step(30, 3);
    ssh.types(&phone.code());
    ssh.expect(ASKS_WHETHER_SAVED);
    ssh.presses_ctrl('c');
    assert_ne!(ssh.end().status, 0);
    before.assert_unchanged(&fixture.state());
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    ssh.expect(ASKS_FOR_THE_FIRST_CODE);
}

#[test]
fn ssh_enrols_nobody_under_a_key_that_was_rotated_out() {
    let (fixture, sshd) = sshd(KEY_AND_CODE, "");
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    let phone = Authenticator::shown(&ssh.expect(ASKS_FOR_THE_FIRST_CODE));
    let _ = clock::well_inside_a_step(30, 3);
    ssh.types(&phone.code());
    ssh.expect(ASKS_WHETHER_SAVED);
    fixture.totp_enroll(&["--json", "keys", "rotate"]).assert_done();
    ssh.types("yes");
    assert_kept_out(ssh);
    assert_eq!(fixture.journal.last().what(), "refused keys_rotated");
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, NOT_ENROLLED);
}

#[test]
fn ssh_enrols_nobody_before_a_first_factor() {
    let (fixture, sshd) = sshd(ONLY_PAM, "");
    let mut ssh = sshd.ssh("alice", Key::None, INSIDE);
    let shown = ssh.expect(PROMPT);
    assert!(!shown.contains(MANUAL_KEY), "{shown}");
    ssh.types("123456");
    assert_kept_out(ssh);
    assert_eq!(fixture.journal.last().what(), "refused not_enrolled");
}

const INSIDE: &str = "echo inside as $(id -un)";
/// The end of the prompts, before the word for leaving.
const ASKS_FOR_THE_FIRST_CODE: &str = "Enter alone: ";
const ASKS_WHETHER_SAVED: &str = "nothing is enrolled): ";
/// The exit status of the command for a user who is not enrolled.
const NOT_ENROLLED: i32 = 3;

fn sshd(methods: &str, more: &str) -> (Fixture, Sshd) {
    let config = format!("[require]\nenroll_at_login = true\n{more}");
    let mut fixture = Fixture::builder().config(&config).account("alice").build();
    // Another line has to accept where the module ignores.
    let stack = format!("{}\nauth required pam_permit.so", fixture.module(""));
    let sshd = fixture.sshd(methods, &stack);
    (fixture, sshd)
}

fn assert_let_in(ssh: Terminal, user: &str) {
    let ended = ssh.end();
    let inside = ended.last.contains(&format!("inside as {user}"));
    assert!(ended.status == 0 && inside, "{} {}", ended.status, ended.screen);
}

fn assert_kept_out(ssh: Terminal) {
    let ended = ssh.end();
    assert!(ended.status == 255 && !ended.screen.contains("inside as"), "{} {}", ended.status, ended.screen);
}
