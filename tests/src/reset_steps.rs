//! The steps of a reset: of alice, who lost everything, by the operators bob and carol.

use crate::clock::{self, THEN};
use crate::enroll_command::{self, CommandOutput};
use crate::fixture::{Builder, Fixture};
use crate::login::{Answer, Login, Outcome};
use crate::wait;

/// Seconds of an hour, which is the cool-down.
pub const HOUR: u64 = 3600;
/// Seconds of a day, after which a request and a token expire.
pub const DAY: u64 = 24 * HOUR;
/// What sshd says of a first factor.
pub const KEY: &str = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeyOfMyLaptop01";

/// Alice, enrolled, and bob and carol, who may reset her.
#[must_use]
pub fn builder(config: &str) -> Builder {
    ["alice", "bob", "carol"]
        .iter()
        .fold(Fixture::builder().config(config), |b, name| b.account(name))
        .enrolled("alice")
}

/// The same, built.
#[must_use]
pub fn fixture(config: &str) -> Fixture {
    builder(config).build()
}

/// Requested, approved; in an hour from [`THEN`] it can be completed.
#[must_use]
pub fn ready(config: &str) -> Fixture {
    ready_at(config, THEN)
}

/// The same in an hour from now.
#[must_use]
pub fn ready_now() -> Fixture {
    ready_at("", clock::now())
}

/// The same in an hour from some moment.
///
/// # Panics
/// When it is not so.
#[must_use]
pub fn ready_at(config: &str, then: u64) -> Fixture {
    let fixture = fixture(config);
    requests(&fixture, "bob", then).assert_done();
    approves(&fixture, "carol", then).assert_done();
    fixture
}

/// An operator requests the reset of alice.
#[must_use]
pub fn requests(fixture: &Fixture, who: &str, then: u64) -> CommandOutput {
    let arguments = ["--json", "reset", "request", "alice", "--reason", "the phone is in the river"];
    fixture.command_of_operator(who, &arguments, then)
}

/// An operator approves it.
#[must_use]
pub fn approves(fixture: &Fixture, who: &str, then: u64) -> CommandOutput {
    fixture.command_of_operator(who, &["--json", "reset", "approve", "alice"], then)
}

/// An operator completes it.
#[must_use]
pub fn completes(fixture: &Fixture, who: &str, then: u64) -> CommandOutput {
    fixture.command_of_operator(who, &["--json", "reset", "complete", "alice", "--yes"], then)
}

/// The token that it left.
///
/// # Panics
/// When it was not done.
#[must_use]
pub fn token_in(done: &CommandOutput) -> String {
    done.assert_done();
    enroll_command::token_in(&done.stdout)
}

/// Alice after her key, with her current code.
#[must_use]
pub fn introduced(fixture: &Fixture, then: u64) -> Login {
    fixture.login_with_code_at("alice", then).after(KEY)
}

/// Alice after her key, who types a token and sets her phone up.
#[must_use]
pub fn enrols_with(fixture: &Fixture, token: &str, then: u64) -> Login {
    let login = fixture.login("alice").after(KEY).types(token);
    login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes").at(then)
}

/// Waits until every reset of a fixture can be completed.
///
/// # Panics
/// When one never can.
pub fn wait_for_the_cool_down(fixture: &Fixture) {
    wait::until("every reset has cooled down", || {
        let list = fixture.totp_enroll(&["--json", "reset", "list"]).json();
        list["resets"].as_array().unwrap().iter().all(|reset| reset["stage"] == "ready")
    });
}

/// All prompts and messages of a login.
#[must_use]
pub fn said(outcome: &Outcome) -> String {
    outcome.prompts.iter().map(|prompt| format!("{}\n", prompt.text)).collect()
}
