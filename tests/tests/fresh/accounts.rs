//! Freshness and other accounts or connections: a code counts only where the account that typed it is in control.

use super::{NO_CODE_AT_SSHD, RAN, SPARED_ELSEWHERE, Site, builder, records, sudo};
use acceptance::login::{PROMPT, PamCode};
use acceptance::machine::PASSWORD;
use acceptance::sshd::{KEY_AND_CODE, Key, NO_TERMINAL, PASSWORD_METHOD};
use acceptance::terminal::Terminal;

const IS_ALICE: &str = "is alice\r\n";
const SU_IS_FRESH: &str = "[service.su.fresh]\nfor = \"15m\"";
const SU_IS_FRESH_AND_SSHD_ASKS_NOBODY: &str =
    "[service.su.fresh]\nfor = \"15m\"\n[service.sshd.require]\nexempt_networks = [\"127.0.0.0/8\"]";

#[test]
fn a_code_typed_in_another_accounts_shell_is_not_fresh_there() {
    let site = Site::with_bob(SU_IS_FRESH_AND_SSHD_ASKS_NOBODY, "");
    let mut shell = site.logs_in_as("bob");
    assert_eq!(su_alice(&mut shell, "su"), PROMPT);
    shell.types(&site.fixture.code("alice"));
    shell.expect(IS_ALICE);
    assert_eq!(records(&site.fixture), 0);
    assert_eq!(su_alice(&mut shell, "su"), PROMPT);
    shell.types("no code");
    shell.expect("did not run");
}

#[test]
fn a_terminal_that_another_account_feeds_is_not_fresh() {
    let mut fixture = builder().account("bob").config(NO_CODE_AT_SSHD).build();
    let codes = fixture.enrol("alice", &[]).recovery_codes;
    fixture.machine().service("su", "auth required pam_unix.so");
    let site = Site::of(fixture, "fresh=15m");
    let mut shell = site.logs_in_as("bob");
    // What alice's shell reads, and what it shows, goes through bob's processes.
    shell.types("su --pty alice");
    shell.expect("Password: ");
    shell.types(PASSWORD);
    shell.expect("$ ");
    assert_eq!(sudo(&mut shell), PROMPT);
    shell.types(&codes[0]);
    shell.expect(RAN);
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn another_account_below_a_fresh_session_is_asked() {
    for become_bob in ["su bob", "sudo -u bob /bin/sh"] {
        let site = Site::with_bob(SU_IS_FRESH, "fresh=15m");
        let mut shell = site.logs_in_with_a_code();
        assert_eq!(su_alice(&mut shell, "su"), IS_ALICE, "her own");
        shell.types(&format!("{become_bob} || echo did not become bob"));
        if become_bob.starts_with("su ") {
            shell.expect("Password: ");
            shell.types(PASSWORD);
            shell.expect(PROMPT);
            shell.types(&site.fixture.code("bob"));
        }
        shell.expect("$ ");
        for command in ["su", "exec su"] {
            assert_eq!(su_alice(&mut shell, command), PROMPT, "{become_bob}: {command}");
            shell.types("no code");
            shell.expect(if command == "su" { "did not run" } else { "Authentication failure" });
        }
    }
}

#[test]
fn sudo_with_targetpw_is_not_fresh_for_another_account() {
    let mut site = Site::with_bob(SU_IS_FRESH, "fresh=15m");
    site.add_to_sudoers("Defaults:bob targetpw\nbob ALL=(ALL:ALL) ALL\n");
    let mut shell = site.logs_in_with_a_code();
    shell.types("sudo -u bob /bin/sh");
    shell.expect("$ ");
    // It takes the place of bob's shell, so that no process of bob's is left but sudo itself.
    shell.types("exec sudo -u alice sh -c 'echo is $(id -un)'");
    assert_eq!(shell.expect_any(&[PROMPT, "is alice"]).0, 0);
    shell.types("no code");
}

#[test]
fn root_between_a_fresh_session_and_sudo_changes_nothing() {
    let site = Site::new(builder().config(SPARED_ELSEWHERE), "fresh=15m");
    let mut shell = site.logs_in_with_a_code();
    shell.types("sudo /bin/sh");
    shell.expect("# ");
    shell.types("setpriv --reuid alice --regid alice --init-groups /bin/sh");
    shell.expect("$ ");
    assert_eq!(sudo(&mut shell), RAN);
}

#[test]
fn a_session_without_a_terminal_is_as_fresh_as_its_connection() {
    let site = Site::new(builder().config(SPARED_ELSEWHERE), "fresh=15m");
    let mut ssh = site.sshd.ssh_with("alice", Key::Offered, "sudo -S id -u", NO_TERMINAL);
    ssh.expect(PROMPT);
    ssh.types(&site.fixture.code("alice"));
    let ended = ssh.end();
    assert_eq!((ended.status, ended.last.trim()), (0, "0"), "{}", ended.screen);
}

#[test]
fn connections_in_one_session_of_a_server_share_nothing() {
    for methods in [KEY_AND_CODE, PASSWORD_METHOD] {
        let mut fixture = builder().config(SPARED_ELSEWHERE).enrolled("alice").build();
        let line = fixture.module("fresh=15m");
        let password = "auth required pam_unix.so";
        let (stack, line) = match methods {
            PASSWORD_METHOD => (format!("{line} forward_pass\n{password} use_first_pass"), "password: "),
            _ => (line, PROMPT),
        };
        let sshd = fixture.sshd_of_a_super_server(methods, &stack);
        let mut shell = sshd.ssh("alice", Key::Offered, "/bin/sh");
        shell.expect(line);
        let password = if methods == PASSWORD_METHOD { PASSWORD } else { "" };
        shell.types(&format!("{password}{}", fixture.code("alice")));
        shell.expect("$ ");
        assert_eq!(records(&fixture), 0, "{methods}");
        let mut other = sshd.ssh("alice", Key::Offered, "/bin/sh");
        assert_eq!(other.expect_any(&[line, "$ "]).0, 0, "{methods}");
        other.types(password);
        let _ = other.end();
    }
}

#[test]
fn a_remote_login_through_another_program_leaves_no_record() {
    let fixture = builder().arguments("fresh=15m").enrolled("alice").build();
    let at_sshd = fixture.login_with_code("alice").through_sshd().from_host("192.0.2.7");
    assert_eq!(at_sshd.code(), PamCode::SUCCESS);
    assert_eq!(records(&fixture), 1);
    let fixture = builder().arguments("fresh=15m").enrolled("alice").build();
    assert_eq!(fixture.login_with_code("alice").from_host("192.0.2.7").code(), PamCode::SUCCESS);
    assert_eq!(records(&fixture), 0);
}

/// Calls su with alice's password; gives what happens first, the prompt for a code or the end.
fn su_alice(shell: &mut Terminal, su: &str) -> &'static str {
    shell.types(&format!("{su} alice -c 'echo is $(id -un)' || echo did not run"));
    shell.expect("Password: ");
    shell.types(PASSWORD);
    match shell.expect_any(&[PROMPT, IS_ALICE]).0 {
        0 => PROMPT,
        _ => IS_ALICE,
    }
}
