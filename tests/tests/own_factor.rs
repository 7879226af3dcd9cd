//! Changing one's own factor needs a present code, through the real sudo. The log names the caller of sudo and the user of the
//! login.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what is not there fails the test")]

use acceptance::clock;
use acceptance::enroll_command::{self, ASKS_FOR_A_CODE, ASKS_FOR_A_PRESENT_CODE, asks_for_the_name};
use acceptance::fixture::Fixture;
use acceptance::journal::Event;
use acceptance::login::PamCode;
use acceptance::terminal::Terminal;

#[test]
fn renewing_recovery_codes_needs_a_present_code() {
    let person = Person::new();
    person.without_a_code_nothing_happens(&["recovery-codes"]);
    let ended = person.with_a_code(&["recovery-codes"]).end();
    assert_eq!(
        (ended.status, enroll_command::recovery_codes(&ended.screen).len()),
        (0, 10),
        "{}",
        ended.screen
    );
    person.assert_logged("codes_regenerated");
}

#[test]
fn disabling_needs_a_present_code() {
    let person = Person::new();
    person.without_a_code_nothing_happens(&["disable"]);
    person.without_a_code_nothing_happens(&["disable", "--yes"]);
    assert_eq!(person.with_a_code(&["disable"]).end().status, 0);
    person.assert_logged("disabled");
}

#[test]
fn forgetting_devices_needs_a_present_code() {
    let person = Person::new();
    person.without_a_code_nothing_happens(&["devices", "--revoke-all"]);
    person.without_a_code_nothing_happens(&["devices", "--revoke-all", "--yes"]);
    assert_eq!(person.with_a_code(&["devices", "--revoke-all"]).end().status, 0);
    person.assert_logged("device_revoked");
}

#[test]
fn adding_an_authenticator_needs_a_present_code() {
    let person = Person::new();
    let add = ["enroll", "--add", "--label", "spare"];
    person.without_a_code_nothing_happens(&add);
    let mut terminal = person.with_a_code(&add);
    let spare = enroll_command::shown_authenticator(&mut terminal, &[]);
    terminal.types(&spare.code());
    assert_eq!(terminal.end().status, 0);
    person.assert_logged("enrolled");
}

#[test]
fn replacing_an_enrolment_needs_a_present_code() {
    let person = Person::new();
    person.without_a_code_nothing_happens(&["enroll", "--replace"]);
    person.without_a_code_nothing_happens(&["enroll", "--replace", "--yes"]);
    let mut terminal = person.with_a_code(&["enroll", "--replace"]);
    let new = enroll_command::shown_authenticator(&mut terminal, &[]);
    terminal.types(&new.code());
    assert_eq!(terminal.end().status, 0);
    person.assert_logged("enrolled");
}

#[test]
fn root_types_the_name_of_another_user_and_is_logged() {
    let mut fixture = Fixture::builder().account("alice").account("bob").enrolled("alice").build();
    let bob = fixture.machine().uid("bob");
    sudo_asks_nothing(&mut fixture, "bob");
    let mut terminal = fixture.through_sudo(bob, &["disable", "alice"]);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    assert_eq!(terminal.end().status, 0);
    assert_names(&fixture.journal.command_events().pop().unwrap(), "disabled", "bob", bob);
}

fn sudo_asks_nothing(fixture: &mut Fixture, account: &str) {
    fixture.machine().service("sudo", "auth required pam_permit.so");
    fixture.machine().allow_sudo(account);
}

/// Alice, enrolled, who may use sudo without a password.
struct Person {
    fixture: Fixture,
    uid: u32,
}

impl Person {
    fn new() -> Self {
        let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
        let uid = fixture.machine().uid("alice");
        sudo_asks_nothing(&mut fixture, "alice");
        Self { fixture, uid }
    }

    /// Gives a command, and a current code.
    fn with_a_code(&self, arguments: &[&str]) -> Terminal {
        let now = clock::well_inside_a_step(30, 10);
        let mut terminal = self.fixture.through_sudo(self.uid, arguments);
        terminal.expect(ASKS_FOR_A_PRESENT_CODE);
        terminal.types(&self.fixture.authenticator("alice").code_at(now));
        terminal
    }

    fn without_a_code_nothing_happens(&self, arguments: &[&str]) {
        let credential = std::fs::read(self.fixture.credential("alice")).unwrap();
        let mut terminal = self.fixture.through_sudo(self.uid, arguments);
        for code in self.fixture.authenticator("alice").wrong_codes(3) {
            terminal.expect(ASKS_FOR_A_PRESENT_CODE);
            terminal.types(&code);
        }
        assert!(terminal.expect_any_or_the_end(&[ASKS_FOR_A_CODE, ASKS_FOR_A_PRESENT_CODE]).is_none());
        let ended = terminal.end();
        assert_eq!(ended.status, 1, "{arguments:?}: {}", ended.screen);
        assert_eq!(std::fs::read(self.fixture.credential("alice")).unwrap(), credential, "{arguments:?}");
        assert_names(&self.fixture.journal.command_events().pop().unwrap(), "refused", "alice", self.uid);
        self.fixture.totp_enroll(&["unlock", "alice"]).assert_done();
    }

    /// The last event, and the one of the code before it.
    fn assert_logged(&self, name: &str) {
        let events = self.fixture.journal.done_by_commands();
        let [.., code, change] = events.as_slice() else { panic!("{events:?}") };
        assert_names(code, "accepted", "alice", self.uid);
        assert_names(change, name, "alice", self.uid);
        let again = self.fixture.login("alice").types(self.fixture.authenticator("alice").code());
        assert_ne!(again.code(), PamCode::SUCCESS, "the code was not used up");
    }
}

fn assert_names(event: &Event, name: &str, by: &str, uid: u32) {
    let fields = ["event", "user", "by", "loginuid"].map(|key| event.field(key));
    assert_eq!(fields, [name, "alice", by, &uid.to_string()], "{event:?}");
}
