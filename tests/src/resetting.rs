//! A reset on its way: alice, who lost everything, and the operators bob and carol.

use crate::clock::{self, THEN};
use crate::desk::{self, Done};
use crate::login::{Answer, Login, Outcome};
use crate::scene::{Builder, Scene};
use crate::wait;

/// Seconds of an hour, which is the cool-down.
pub const HOUR: u64 = 3600;
/// Seconds of a day, after which a request and a ticket expire.
pub const DAY: u64 = 24 * HOUR;
/// What sshd says of a first factor.
pub const KEY: &str = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeyOfMyLaptop01";

/// Alice, enrolled, and bob and carol, who may reset her.
#[must_use]
pub fn builder(config: &str) -> Builder {
    ["alice", "bob", "carol"]
        .iter()
        .fold(Scene::builder().config(config), |b, name| b.account(name))
        .enrolled("alice")
}

/// The same, built.
#[must_use]
pub fn scene(config: &str) -> Scene {
    builder(config).build()
}

/// Requested, approved; in an hour from [`THEN`] it can be completed.
#[must_use]
pub fn ready(config: &str) -> Scene {
    ready_at(config, THEN)
}

/// The same in an hour from now.
#[must_use]
pub fn ready_now() -> Scene {
    ready_at("", clock::now())
}

/// The same in an hour from some moment.
///
/// # Panics
/// When it is not so.
#[must_use]
pub fn ready_at(config: &str, then: u64) -> Scene {
    let scene = scene(config);
    requests(&scene, "bob", then).assert_done();
    approves(&scene, "carol", then).assert_done();
    scene
}

/// An operator requests the reset of alice.
#[must_use]
pub fn requests(scene: &Scene, who: &str, then: u64) -> Done {
    let arguments = ["--json", "reset", "request", "alice", "--reason", "the phone is in the river"];
    scene.desk_of(who, &arguments, then)
}

/// An operator approves it.
#[must_use]
pub fn approves(scene: &Scene, who: &str, then: u64) -> Done {
    scene.desk_of(who, &["--json", "reset", "approve", "alice"], then)
}

/// An operator completes it.
#[must_use]
pub fn completes(scene: &Scene, who: &str, then: u64) -> Done {
    scene.desk_of(who, &["--json", "reset", "complete", "alice", "--yes"], then)
}

/// The ticket that it left.
///
/// # Panics
/// When it was not done.
#[must_use]
pub fn ticket_in(done: &Done) -> String {
    done.assert_done();
    desk::ticket_in(&done.stdout)
}

/// Alice after her key, with her present code.
#[must_use]
pub fn introduced(scene: &Scene, then: u64) -> Login {
    scene.login_with_code_at("alice", then).after(KEY)
}

/// Alice after her key, who types a ticket and sets her phone up.
#[must_use]
pub fn enrols_with(scene: &Scene, ticket: &str, then: u64) -> Login {
    let login = scene.login("alice").after(KEY).types(ticket);
    login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes").at(then)
}

/// Waits until every reset of a scene can be completed.
///
/// # Panics
/// When one never can.
pub fn wait_for_the_cool_down(scene: &Scene) {
    wait::until("every reset has cooled down", || {
        let list = scene.desk(&["--json", "reset", "list"]).json();
        list["resets"].as_array().unwrap().iter().all(|reset| reset["stage"] == "ready")
    });
}

/// Everything that was asked and said at a login.
#[must_use]
pub fn said(outcome: &Outcome) -> String {
    outcome.prompts.iter().map(|prompt| format!("{}\n", prompt.text)).collect()
}
