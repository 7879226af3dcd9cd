//! sudo and su with the lines of `docs/stacks.md` in Debian's own service files, at a terminal.

use acceptance::login::PROMPT;
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::terminal::Terminal;

/// sudo, and sudo-rs.
const ASKS_FOR_THE_PASSWORD: [&str; 2] = ["password for alice: ", "[sudo: authenticate] Password: "];

#[test]
fn sudo_asks_for_the_password_and_a_code_of_its_caller() {
    for (service, command) in [("sudo", "sudo id -u"), ("sudo-i", "sudo -i id -u")] {
        let mut site = Site::by(&["sudo", "sudo-i"]);
        site.assert_sound(&["sudo", "sudo-i"]);
        site.fixture.machine().allow_sudo("alice");
        let mut shell = shell_of(&mut site, "alice");
        shell.types(&format!("{command} || echo did not run"));
        shell.expect_any(&ASKS_FOR_THE_PASSWORD);
        shell.types(PASSWORD);
        shell.expect(PROMPT);
        shell.types(&site.fixture.code("alice"));
        shell.expect("\r\n0\r\n");
        let event = site.fixture.journal.last();
        let fields = (event.module.as_str(), event.field("event"), event.field("user"));
        assert_eq!(fields, (format!("pam_totp({service}:auth)").as_str(), "accepted", "alice"));
        leaves(shell);
    }
}

#[test]
fn sudo_does_not_run_by_the_password_alone() {
    let mut site = Site::by(&["sudo", "sudo-i"]);
    site.fixture.machine().allow_sudo("alice");
    let mut shell = shell_of(&mut site, "alice");
    for command in ["sudo id -u", "sudo -i id -u"] {
        shell.types(&format!("{command} || echo did not run"));
        shell.expect_any(&ASKS_FOR_THE_PASSWORD);
        shell.types(PASSWORD);
        shell.expect(PROMPT);
        shell.types("");
        shell.expect("did not run");
    }
    leaves(shell);
}

#[test]
fn su_asks_for_the_password_and_a_code_of_the_target() {
    for (command, service) in [("su bob -c 'id -un'", "su"), ("su -l bob -c 'id -un'", "su-l")] {
        let mut site = Site::by(&["su"]);
        site.as_shipped("su-l");
        site.assert_sound(&["su", "su-l"]);
        let mut shell = shell_of(&mut site, "alice");
        shell.types(command);
        shell.expect("Password: ");
        shell.types(PASSWORD);
        shell.expect(PROMPT);
        shell.types(&site.fixture.code("bob"));
        shell.expect("\r\nbob\r\n");
        assert_eq!(site.fixture.journal.events().len(), 1, "asked once");
        let event = site.fixture.journal.last();
        assert_eq!(
            (event.module, event.line.contains("user=bob")),
            (format!("pam_totp({service}:auth)"), true)
        );
        shell.types(&format!("{command}; echo status $?"));
        shell.expect("Password: ");
        shell.types(PASSWORD);
        shell.expect(PROMPT);
        shell.types("");
        shell.expect("su: Authentication failure");
        shell.expect("status 1");
        leaves(shell);
    }
}

#[test]
fn su_does_not_ask_root() {
    let mut site = Site::by(&["su"]);
    let mut su = site.fixture.machine().namespace().command("/usr/bin/su");
    let ended = Terminal::open(su.args(["bob", "-c", "id -un"])).end();
    assert_eq!((ended.status, ended.screen.lines().last()), (0, Some("bob")), "{}", ended.screen);
    assert!(site.fixture.journal.events().is_empty());
}

/// An account's shell at a terminal, without a login.
fn shell_of(site: &mut Site, account: &str) -> Terminal {
    let machine = site.fixture.machine();
    let uid = machine.uid(account).to_string();
    let mut shell = machine.namespace().command("/usr/bin/setpriv");
    shell.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "/bin/sh"]);
    let mut terminal = Terminal::open(shell.env("LC_ALL", "C.UTF-8"));
    terminal.expect("$ ");
    terminal
}

/// A shell at a terminal does not end when it is asked to by a signal.
fn leaves(mut shell: Terminal) {
    shell.types("exit");
    assert_eq!(shell.end().status, 0);
}
