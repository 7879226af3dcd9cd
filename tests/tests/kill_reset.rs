//! `reset` killed at every system call: a request is silent at no point, and an enrolment is the old one, or withdrawn with a
//! ticket to be had.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use acceptance::clock::THEN;
use acceptance::files::Files;
use acceptance::login::{Answer, PamCode};
use acceptance::operator::forget_who_logged_in;
use acceptance::resetting::wait_for_the_cool_down;
use acceptance::scene::Scene;
use acceptance::stand::{Stand, files_of};
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use acceptance::{clock, desk};
use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn a_request_killed_at_any_call_is_made_or_not_and_never_silent() {
    let scene = scene("");
    let bobs = files_of(&scene, "bob");
    let mut made = BTreeSet::new();
    killed_at_each(&scene, &REQUEST, |point, _| {
        let is_made = !stages(&scene).is_empty();
        made.insert(is_made);
        let status = scene.desk(&["--json", "status", USER]);
        status.assert_done();
        assert!(!is_made || !status.json()["reset"].is_null(), "silent: {point:?}");
        assert_eq!(scene.login_with_code_at(USER, THEN).code(), PamCode::SUCCESS, "{point:?}");
        let again = desk::run(command(&scene, &REQUEST), "");
        assert_eq!(again.status, i32::from(is_made), "{again:?} {point:?}");
        assert_eq!(stages(&scene), ["unapproved"], "{point:?}");
        assert_eq!(files_of(&scene, "bob"), bobs, "{point:?}");
    });
    Sweep::today().assert_met(&made, [false, true]);
}

#[test]
fn an_approval_killed_at_any_call_is_given_or_not() {
    let scene = scene("");
    desk::run(command(&scene, &REQUEST), "").assert_done();
    let approve = ["--json", "reset", "approve", USER];
    let mut given = BTreeSet::new();
    killed_at_each(&scene, &approve, |point, _| {
        let [stage] = stages(&scene).try_into().unwrap();
        assert!(["unapproved", "cooling"].contains(&stage.as_str()), "{stage}: {point:?}");
        given.insert(stage == "cooling");
        let again = desk::run(command(&scene, &approve), "");
        assert_eq!(again.status, if stage == "cooling" { 4 } else { 0 }, "{again:?} {point:?}");
        assert_eq!(stages(&scene), ["cooling"], "{point:?}");
    });
    Sweep::today().assert_met(&given, [false, true]);
}

#[test]
fn a_cancellation_killed_at_any_call_leaves_the_reset_or_none() {
    let scene = scene("");
    desk::run(command(&scene, &REQUEST), "").assert_done();
    let cancel = ["--json", "reset", "cancel", USER, "--yes"];
    let mut left = BTreeSet::new();
    killed_at_each(&scene, &cancel, |point, _| {
        left.insert(stages(&scene).len());
        let again = desk::run(command(&scene, &cancel), "");
        assert!([0, 1].contains(&again.status), "{again:?} {point:?}");
        assert!(stages(&scene).is_empty(), "{point:?}");
        let status = scene.desk(&["--json", "status", USER]);
        assert!(status.json()["reset"].is_null(), "told of what is no more: {point:?}");
        assert_eq!(scene.login_with_code_at(USER, THEN).code(), PamCode::SUCCESS, "{point:?}");
    });
    // Of the two things that it takes away the reset is the first: what is left is a notice, at most.
    assert!(!Sweep::today().is_complete() || left.contains(&0), "{left:?}");
}

#[test]
fn a_completion_killed_at_any_call_leaves_the_old_enrolment_or_a_ticket_to_be_had() {
    let scene = scene("[reset]\napprovals = 0\ncooldown = \"1s\"");
    let bobs = files_of(&scene, "bob");
    desk::run(command(&scene, &REQUEST), "").assert_done();
    wait_for_the_cool_down(&scene);
    let complete = ["--json", "reset", "complete", USER, "--yes"];
    let mut enrolled = BTreeSet::new();
    killed_at_each(&scene, &complete, |point, said| {
        let status = scene.desk(&["--json", "status", USER]).status;
        assert!([0, NOT_ENROLLED].contains(&status), "status {status}: {point:?}");
        enrolled.insert(status == 0);
        let code = scene.login_with_code_at(USER, THEN).code();
        let opens = if status == 0 { PamCode::SUCCESS } else { PamCode::AUTH_ERR };
        assert_eq!(code, opens, "{point:?}");
        if status == NOT_ENROLLED {
            assert_eq!(enrols_with(&scene, "0000-0000-0000-0000"), PamCode::AUTH_ERR, "{point:?}");
        }
        let shown = serde_json::from_str::<serde_json::Value>(said).ok();
        let ticket = match shown.and_then(|document| Some(document["ticket"].as_str()?.to_owned())) {
            Some(ticket) => ticket,
            None => {
                let again = desk::run(command(&scene, &complete), "");
                assert_eq!(again.status, 0, "{again:?} {point:?}");
                desk::ticket_in(&again.stdout)
            }
        };
        assert_eq!(enrols_with(&scene, &ticket), PamCode::SUCCESS, "{point:?}");
        assert!(stages(&scene).is_empty(), "{point:?}");
        assert_eq!(files_of(&scene, "bob"), bobs, "{point:?}");
    });
    Sweep::today().assert_met(&enrolled, [false, true]);
}

#[test]
fn an_enrolment_by_ticket_killed_at_any_call_is_whole_or_the_ticket_is_good_still() {
    let scene = scene("[reset]\napprovals = 0\ncooldown = \"1s\"");
    desk::run(command(&scene, &REQUEST), "").assert_done();
    wait_for_the_cool_down(&scene);
    let completed = desk::run(command(&scene, &["--json", "reset", "complete", USER, "--yes"]), "");
    let ticket = desk::ticket_in(&completed.stdout);
    let resets = scene.state().join("resets");
    let mut paths = strace::stored(&scene, USER);
    paths.extend([
        scene.state().join("credentials").join(format!(".new.{USER}")),
        resets.join(format!("{USER}.toml")),
        resets.join(format!(".new.{USER}")),
        resets,
    ]);
    let login = || {
        let login = scene.login(USER).types(&ticket);
        login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes").at(clock::now())
    };
    let stand = Stand::of(&scene);
    let points = strace::record_login(&login(), &paths);
    let mut enrolled = BTreeSet::new();
    for point in Sweep::today().points(points) {
        stand.put_back();
        assert!(strace::login_killed_at(&login(), &point).is_none(), "it had come to its end: {point:?}");
        let status = scene.desk(&["--json", "status", USER]).status;
        assert!([0, NOT_ENROLLED].contains(&status), "status {status}: {point:?}");
        enrolled.insert(status == 0);
        if status == NOT_ENROLLED {
            assert_eq!(login().code(), PamCode::SUCCESS, "the ticket is lost: {point:?}");
        }
        assert_eq!(login().code(), PamCode::AUTH_ERR, "a ticket for two: {point:?}");
    }
    Sweep::today().assert_met(&enrolled, [false, true]);
}

/// An account of every Debian: strace follows nobody into a machine of its own.
const USER: &str = "daemon";
const REQUEST: [&str; 6] = ["--json", "reset", "request", USER, "--reason", "lost"];
/// The exit status for somebody who is not enrolled.
const NOT_ENROLLED: i32 = 3;

fn scene(config: &str) -> Scene {
    forget_who_logged_in();
    let builder = Scene::builder().config(config).arguments("after_first_factor");
    builder.enrolled(USER).enrolled("bob").build()
}

/// Whoever requests is root alone, whoever approves an account of every Debian.
fn command(scene: &Scene, arguments: &[&str]) -> Command {
    let mut command = scene.command(arguments);
    if arguments.contains(&"approve") {
        command.env("SUDO_USER", "sys").env("SUDO_UID", "3");
    }
    command
}

/// Kills a command at each of its calls, and looks at what it left wherever that is not what was there before.
fn killed_at_each(scene: &Scene, arguments: &[&str], mut check: impl FnMut(&Point, &str)) {
    let stand = Stand::of(scene);
    let points = strace::record(&command(scene, arguments), &[&scene.path("")]);
    let (sweep, mut changed) = (Sweep::today(), 0);
    for point in sweep.points(points) {
        stand.put_back();
        let before = Files::below(&scene.state());
        let said = strace::killed_at(&command(scene, arguments), &point);
        if Files::below(&scene.state()) != before {
            changed += 1;
            check(&point, &said);
        }
    }
    sweep.assert_more_than(3, changed, "changes");
}

fn stages(scene: &Scene) -> Vec<String> {
    let list = scene.desk(&["--json", "reset", "list"]);
    list.assert_done();
    let list = list.json();
    let resets = list["resets"].as_array().unwrap().iter();
    resets.map(|reset| reset["stage"].as_str().unwrap().to_owned()).collect()
}

fn enrols_with(scene: &Scene, ticket: &str) -> PamCode {
    let login = scene.login(USER).types(ticket);
    login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes").code()
}
