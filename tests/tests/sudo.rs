//! Real sudo inside a real ssh session.

use acceptance::built;
use acceptance::fixture::{Builder, Fixture};
use acceptance::journal::Event;
use acceptance::login::PROMPT;
use acceptance::sshd::{KEY_AND_CODE, Key, Sshd};
use acceptance::terminal::Terminal;

#[test]
fn sudo_asks_for_a_code_and_runs_with_a_right_one() {
    let mut alice = Session::with_a_code();
    alice.types_sudo(&alice.next_code());
    alice.shell.expect(RAN);
    let event = alice.fixture.journal.last();
    let fields = ["event", "user", "method"].map(|key| event.field(key));
    assert_eq!(fields, ["accepted", "alice", "totp"], "{event:?}");
    assert_eq!(event.module, "pam_totp(sudo:auth)");
    assert!(event.field("tty").contains("pts/"), "{event:?}");
}

#[test]
fn sudo_does_not_run_with_a_wrong_code() {
    let mut alice = Session::with_a_code();
    alice.types_sudo(&alice.fixture.authenticator("alice").wrong_code());
    alice.shell.expect(DID_NOT_RUN);
    assert!(!alice.shell.screen().contains(RAN), "{}", alice.shell.screen());
    assert_eq!(alice.fixture.journal.last().what(), "refused wrong");
}

#[test]
fn sudo_does_not_run_with_the_code_of_the_login() {
    let mut alice = Session::with_a_code();
    alice.types_sudo(&alice.logged_in_with.clone());
    alice.shell.expect(DID_NOT_RUN);
    assert_eq!(alice.fixture.journal.last().what(), "refused replayed");
}

#[test]
fn sudo_refuses_a_right_code_after_too_many_wrong_ones() {
    let mut alice = Session::with_a_code();
    alice.types_sudo(&alice.fixture.authenticator("alice").wrong_code());
    alice.shell.expect(DID_NOT_RUN);
    alice.types_sudo(&alice.next_code());
    alice.shell.expect(DID_NOT_RUN);
    assert_eq!(alice.fixture.journal.last().what(), "refused limited");
}

#[test]
fn sudo_asks_again_after_a_wrong_code_and_after_a_limited_one() {
    let mut alice = Session::with_a_code();
    let (wrong, right) = (alice.fixture.authenticator("alice").wrong_code(), alice.next_code());
    let more = "Defaults passwd_tries=3\n";
    alice.fixture.machine().write("sudoers.d/more-tries", 0o440, more);
    alice.types_sudo(&wrong);
    for code in [&right, &right] {
        alice.shell.expect(PROMPT);
        alice.shell.types(code);
    }
    alice.shell.expect(DID_NOT_RUN);
    let events: Vec<String> = alice.fixture.journal.events().iter().map(Event::what).collect();
    assert_eq!(events[1..], ["refused wrong", "refused limited", "refused limited"]);
}

#[test]
fn sudo_runs_with_a_recovery_code() {
    let mut fixture = builder().build();
    let codes = fixture.enrol("alice", &[]).recovery_codes;
    let mut alice = Session::start(fixture, &codes[0]);
    alice.types_sudo(&codes[1]);
    alice.shell.expect(RAN);
    assert_eq!(alice.fixture.journal.last().field("event"), "recovery_used");
}

#[test]
fn sudo_asks_for_the_code_of_its_caller() {
    let mut alice = Session::with_a_code();
    let (command, conf) = (built::command(), alice.fixture.conf());
    alice.shell.types(&format!("sudo {} --config {} status", command.display(), conf.display()));
    alice.shell.expect(PROMPT);
    alice.shell.types(&alice.next_code());
    alice.shell.expect("alice (uid ");
}

const RAN: &str = "\r\n0\r\n";
const DID_NOT_RUN: &str = "\r\ndid not run\r\n";

/// Alice, logged in over ssh with key and code, at her shell.
struct Session {
    shell: Terminal,
    _sshd: Sshd,
    fixture: Fixture,
    logged_in_with: String,
}

impl Session {
    fn with_a_code() -> Self {
        let fixture = builder().enrolled("alice").build();
        let code = fixture.code("alice");
        Self::start(fixture, &code)
    }

    fn start(mut fixture: Fixture, code: &str) -> Self {
        let stack = fixture.module("");
        let machine = fixture.machine();
        machine.service("sudo", &stack);
        machine.allow_sudo("alice");
        let sshd = fixture.sshd(KEY_AND_CODE, &stack);
        let mut shell = sshd.ssh("alice", Key::Offered, "/bin/sh");
        shell.expect(PROMPT);
        shell.types(code);
        shell.expect("$ ");
        Self { shell, _sshd: sshd, fixture, logged_in_with: code.to_owned() }
    }

    fn types_sudo(&mut self, code: &str) {
        self.shell.types("sudo id -u || echo did not run");
        self.shell.expect(PROMPT);
        self.shell.types(code);
    }

    /// The login has used up the code of the present step.
    fn next_code(&self) -> String {
        self.fixture.authenticator("alice").code_in(1)
    }
}

fn builder() -> Builder {
    Fixture::builder().config("[limit]\nattempts = 1").account("alice")
}
