//! A real sshd and the real ssh client, with the stacks of docs/switching-on.md.

use acceptance::fixture::Fixture;
use acceptance::login::{PROMPT, PamCode};
use acceptance::machine::PASSWORD;
use acceptance::sshd::{KEY_AND_CODE, Key, ONLY_PAM, PASSWORD_METHOD, Sshd};
use acceptance::terminal::Terminal;

const INSIDE: &str = "echo inside as $(id -un)";

#[test]
fn a_key_and_a_code_let_in() {
    let (fixture, sshd) = key_and_code();
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    answer(&mut ssh, &fixture.code("alice"));
    assert_let_in(ssh, "alice");
    let event = fixture.journal.last();
    let fields = ["event", "user", "method", "rhost", "tty"].map(|key| event.field(key));
    assert_eq!(fields, ["accepted", "alice", "totp", "127.0.0.1", "ssh"], "{event:?}");
    assert_eq!(event.module, "pam_totp(sshd:auth)");
}

#[test]
fn a_key_without_a_code_does_not() {
    let (fixture, sshd) = key_and_code();
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    answer(&mut ssh, "");
    assert_kept_out(ssh);
    assert_eq!(fixture.journal.last().what(), "refused malformed");
}

#[test]
fn a_code_without_a_key_does_not() {
    let (fixture, sshd) = key_and_code();
    assert_kept_out(sshd.ssh("alice", Key::None, INSIDE));
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS);
}

#[test]
fn a_wrong_code_does_not() {
    let (fixture, sshd) = key_and_code();
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    answer(&mut ssh, &fixture.authenticator("alice").wrong_code());
    assert_kept_out(ssh);
    assert_eq!(fixture.journal.last().what(), "refused wrong");
}

#[test]
fn a_second_try_on_the_same_connection_may_be_right() {
    let (fixture, sshd) = key_and_code();
    let mut ssh = sshd.ssh_with("alice", Key::Offered, INSIDE, "NumberOfPasswordPrompts=2");
    answer(&mut ssh, &fixture.authenticator("alice").wrong_code());
    answer(&mut ssh, &fixture.code("alice"));
    assert_let_in(ssh, "alice");
}

#[test]
fn a_code_lets_in_once() {
    let (fixture, sshd) = key_and_code();
    let code = fixture.code("alice");
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    answer(&mut ssh, &code);
    assert_let_in(ssh, "alice");
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    answer(&mut ssh, &code);
    assert_kept_out(ssh);
    assert_eq!(fixture.journal.last().what(), "refused replayed");
}

#[test]
fn a_recovery_code_lets_in_once() {
    let mut fixture = Fixture::builder().account("alice").build();
    let code = fixture.enrol("alice", &[]).recovery_codes.remove(0);
    let stack = fixture.module("");
    let sshd = fixture.sshd(KEY_AND_CODE, &stack);
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    answer(&mut ssh, &code);
    assert_let_in(ssh, "alice");
    assert_eq!(fixture.journal.last().field("event"), "recovery_used");
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    answer(&mut ssh, &code);
    assert_kept_out(ssh);
}

#[test]
fn a_password_and_a_code_let_in() {
    let (fixture, sshd) = password_and_code();
    let mut ssh = sshd.ssh("alice", Key::None, INSIDE);
    ssh.expect("Password: ");
    ssh.types(PASSWORD);
    answer(&mut ssh, &fixture.code("alice"));
    assert_let_in(ssh, "alice");
}

#[test]
fn a_wrong_password_and_a_right_code_do_not() {
    let (fixture, sshd) = password_and_code();
    let mut ssh = sshd.ssh("alice", Key::None, INSIDE);
    ssh.expect("Password: ");
    ssh.types("not the password");
    answer(&mut ssh, &fixture.code("alice"));
    assert_kept_out(ssh);
}

#[test]
fn an_unknown_name_is_asked_and_refused() {
    let (fixture, sshd) = password_and_code();
    let mut ssh = sshd.ssh("mallory", Key::None, INSIDE);
    ssh.expect("Password: ");
    ssh.types(PASSWORD);
    answer(&mut ssh, &fixture.code("alice"));
    assert_kept_out(ssh);
    let event = fixture.journal.last();
    assert_eq!((event.field("event"), event.field("user")), ("refused", "mallory"), "{event:?}");
}

#[test]
fn an_account_that_is_not_enrolled_is_asked_and_refused() {
    let mut fixture = Fixture::builder().account("alice").account("bob").enrolled("alice").build();
    let stack = fixture.module("");
    let sshd = fixture.sshd(KEY_AND_CODE, &stack);
    let mut ssh = sshd.ssh("bob", Key::Offered, INSIDE);
    answer(&mut ssh, &fixture.code("alice"));
    assert_kept_out(ssh);
    assert_eq!(fixture.journal.last().what(), "refused not_enrolled");
}

#[test]
fn a_password_sent_to_the_code_prompt_charges_nothing() {
    let mut fixture =
        Fixture::builder().config("[limit]\nattempts = 1").account("alice").enrolled("alice").build();
    let stack = fixture.module("");
    let sshd = fixture.sshd(PASSWORD_METHOD, &stack);
    for _ in 0..3 {
        let mut ssh = sshd.ssh("alice", Key::None, INSIDE);
        ssh.expect("password: ");
        ssh.types(PASSWORD);
        assert_kept_out(ssh);
        assert_eq!(fixture.journal.last().what(), "refused malformed");
    }
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS);
}

#[test]
fn a_password_like_a_recovery_code_charges_nothing() {
    let mut fixture =
        Fixture::builder().config("[limit]\nattempts = 1").account("alice").enrolled("alice").build();
    let stack = fixture.module("");
    let sshd = fixture.sshd(PASSWORD_METHOD, &stack);
    for password in ["the horse is staple", "Tr0ub4dor3xampl3", "ABCDEFGHJKMNPQRS"] {
        let mut ssh = sshd.ssh("alice", Key::None, INSIDE);
        ssh.expect("password: ");
        ssh.types(password);
        assert_kept_out(ssh);
    }
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS);
}

#[test]
fn a_locked_user_is_refused_with_a_right_code() {
    let mut fixture =
        Fixture::builder().config("[limit]\nattempts = 1").account("alice").enrolled("alice").build();
    let stack = fixture.module("");
    let sshd = fixture.sshd(KEY_AND_CODE, &stack);
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    answer(&mut ssh, &fixture.authenticator("alice").wrong_code());
    assert_kept_out(ssh);
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    answer(&mut ssh, &fixture.code("alice"));
    ssh.expect("Recovery code: ");
    assert_eq!(fixture.journal.last().what(), "refused limited");
    ssh.types(&fixture.code("alice"));
    assert_kept_out(ssh);
    assert_eq!(fixture.journal.last().what(), "refused malformed");
}

#[test]
fn sshd_lives_on_after_every_refusal() {
    let (fixture, mut sshd) = key_and_code();
    for text in ["", "x", "\u{1}\u{2}", "000000", &"9".repeat(900)] {
        let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
        answer(&mut ssh, text);
        assert_kept_out(ssh);
    }
    assert!(sshd.is_alive(), "{}", sshd.log());
    for trouble in ["signal", "crash", "fatal", "abort"] {
        assert!(!sshd.log().to_lowercase().contains(trouble), "{}", sshd.log());
    }
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    answer(&mut ssh, &fixture.code("alice"));
    assert_let_in(ssh, "alice");
}

fn key_and_code() -> (Fixture, Sshd) {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let stack = fixture.module("");
    let sshd = fixture.sshd(KEY_AND_CODE, &stack);
    (fixture, sshd)
}

/// The password first, and the code whatever its result.
fn password_and_code() -> (Fixture, Sshd) {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let stack = format!("auth required pam_unix.so\n{}", fixture.module(""));
    let sshd = fixture.sshd(ONLY_PAM, &stack);
    (fixture, sshd)
}

fn answer(ssh: &mut Terminal, text: &str) {
    ssh.expect(PROMPT);
    ssh.types(text);
}

fn assert_let_in(ssh: Terminal, user: &str) {
    let ended = ssh.end();
    assert_eq!(
        (ended.status, ended.last.trim()),
        (0, format!("inside as {user}").as_str()),
        "{}",
        ended.screen
    );
}

fn assert_kept_out(ssh: Terminal) {
    let ended = ssh.end();
    assert!(ended.status == 255 && !ended.screen.contains("inside as"), "{} {}", ended.status, ended.screen);
    assert!(ended.screen.contains("Permission denied"), "{}", ended.screen);
}
