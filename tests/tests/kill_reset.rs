//! `reset` killed at every system call: a request is never silent, and the old enrolment stays or a token is available.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use acceptance::clock::THEN;
use acceptance::files::Files;
use acceptance::fixture::Fixture;
use acceptance::login::{Answer, PamCode};
use acceptance::operator::clear_login_uid;
use acceptance::reset_steps::wait_for_the_cool_down;
use acceptance::snapshot::{Snapshot, files_of};
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use acceptance::{clock, enroll_command};
use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn a_request_killed_at_any_call_is_made_or_not_and_never_silent() {
    let fixture = fixture("");
    let bobs = files_of(&fixture, "bob");
    let mut made = BTreeSet::new();
    killed_at_each(&fixture, &REQUEST, |point, _| {
        let is_made = !stages(&fixture).is_empty();
        made.insert(is_made);
        let status = fixture.totp_enroll(&["--json", "status", USER]);
        status.assert_done();
        assert!(!is_made || !status.json()["reset"].is_null(), "silent: {point:?}");
        assert_eq!(fixture.login_with_code_at(USER, THEN).code(), PamCode::SUCCESS, "{point:?}");
        let again = enroll_command::run(command(&fixture, &REQUEST), "");
        assert_eq!(again.status, i32::from(is_made), "{again:?} {point:?}");
        assert_eq!(stages(&fixture), ["unapproved"], "{point:?}");
        assert_eq!(files_of(&fixture, "bob"), bobs, "{point:?}");
    });
    Sweep::today().assert_met(&made, [false, true]);
}

#[test]
fn an_approval_killed_at_any_call_is_given_or_not() {
    let fixture = fixture("");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    let approve = ["--json", "reset", "approve", USER];
    let mut given = BTreeSet::new();
    killed_at_each(&fixture, &approve, |point, _| {
        let [stage] = stages(&fixture).try_into().unwrap();
        assert!(["unapproved", "cooling"].contains(&stage.as_str()), "{stage}: {point:?}");
        given.insert(stage == "cooling");
        let again = enroll_command::run(command(&fixture, &approve), "");
        assert_eq!(again.status, if stage == "cooling" { 4 } else { 0 }, "{again:?} {point:?}");
        assert_eq!(stages(&fixture), ["cooling"], "{point:?}");
    });
    Sweep::today().assert_met(&given, [false, true]);
}

#[test]
fn a_cancellation_killed_at_any_call_leaves_the_reset_or_none() {
    let fixture = fixture("");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    let cancel = ["--json", "reset", "cancel", USER, "--yes"];
    let mut left = BTreeSet::new();
    killed_at_each(&fixture, &cancel, |point, _| {
        left.insert(stages(&fixture).len());
        let again = enroll_command::run(command(&fixture, &cancel), "");
        assert!([0, 1].contains(&again.status), "{again:?} {point:?}");
        assert!(stages(&fixture).is_empty(), "{point:?}");
        let status = fixture.totp_enroll(&["--json", "status", USER]);
        assert!(status.json()["reset"].is_null(), "told of what is no more: {point:?}");
        assert_eq!(fixture.login_with_code_at(USER, THEN).code(), PamCode::SUCCESS, "{point:?}");
    });
    // Of the two things that it takes away the reset is the first: what is left is a notice, at most.
    assert!(!Sweep::today().is_complete() || left.contains(&0), "{left:?}");
}

#[test]
fn a_killed_completion_leaves_the_enrolment_or_a_token() {
    let fixture = fixture("[reset]\napprovals = 0\ncooldown = \"1s\"");
    let bobs = files_of(&fixture, "bob");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    wait_for_the_cool_down(&fixture);
    let complete = ["--json", "reset", "complete", USER, "--yes"];
    let mut enrolled = BTreeSet::new();
    killed_at_each(&fixture, &complete, |point, said| {
        let status = fixture.totp_enroll(&["--json", "status", USER]).status;
        assert!([0, NOT_ENROLLED].contains(&status), "status {status}: {point:?}");
        enrolled.insert(status == 0);
        let code = fixture.login_with_code_at(USER, THEN).code();
        let opens = if status == 0 { PamCode::SUCCESS } else { PamCode::AUTH_ERR };
        assert_eq!(code, opens, "{point:?}");
        if status == NOT_ENROLLED {
            assert_eq!(enrols_with(&fixture, "0000-0000-0000-0000"), PamCode::AUTH_ERR, "{point:?}");
        }
        let shown = serde_json::from_str::<serde_json::Value>(said).ok();
        let token = match shown.and_then(|document| Some(document["token"].as_str()?.to_owned())) {
            Some(token) => token,
            None => {
                let again = enroll_command::run(command(&fixture, &complete), "");
                assert_eq!(again.status, 0, "{again:?} {point:?}");
                enroll_command::token_in(&again.stdout)
            }
        };
        assert_eq!(enrols_with(&fixture, &token), PamCode::SUCCESS, "{point:?}");
        assert!(stages(&fixture).is_empty(), "{point:?}");
        assert_eq!(files_of(&fixture, "bob"), bobs, "{point:?}");
    });
    Sweep::today().assert_met(&enrolled, [false, true]);
}

#[test]
fn a_killed_enrolment_by_token_is_whole_or_can_be_repeated() {
    let fixture = fixture("[reset]\napprovals = 0\ncooldown = \"1s\"");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    wait_for_the_cool_down(&fixture);
    let completed =
        enroll_command::run(command(&fixture, &["--json", "reset", "complete", USER, "--yes"]), "");
    let token = enroll_command::token_in(&completed.stdout);
    let resets = fixture.state().join("resets");
    let mut paths = strace::stored(&fixture, USER);
    paths.extend([
        fixture.state().join("credentials").join(format!(".new.{USER}")),
        resets.join(format!("{USER}.toml")),
        resets.join(format!(".new.{USER}")),
        resets,
    ]);
    let login = || {
        let login = fixture.login(USER).types(&token);
        login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes").at(clock::now())
    };
    let snapshot = Snapshot::of(&fixture);
    let points = strace::record_login(&login(), &paths);
    let mut enrolled = BTreeSet::new();
    for point in Sweep::today().points(points) {
        snapshot.restore();
        assert!(strace::login_killed_at(&login(), &point).is_none(), "it had come to its end: {point:?}");
        let status = fixture.totp_enroll(&["--json", "status", USER]).status;
        assert!([0, NOT_ENROLLED].contains(&status), "status {status}: {point:?}");
        enrolled.insert(status == 0);
        if status == NOT_ENROLLED {
            assert_eq!(login().code(), PamCode::SUCCESS, "the token is lost: {point:?}");
        }
        assert_eq!(login().code(), PamCode::AUTH_ERR, "a token for two: {point:?}");
    }
    Sweep::today().assert_met(&enrolled, [false, true]);
}

/// An account of every Debian: strace follows nobody into a machine of its own.
const USER: &str = "daemon";
const REQUEST: [&str; 6] = ["--json", "reset", "request", USER, "--reason", "lost"];
/// The exit status for a user who is not enrolled.
const NOT_ENROLLED: i32 = 3;

fn fixture(config: &str) -> Fixture {
    clear_login_uid();
    let builder = Fixture::builder().config(config).arguments("after_first_factor");
    builder.enrolled(USER).enrolled("bob").build()
}

/// The requester is root; the approver is an account of every Debian.
fn command(fixture: &Fixture, arguments: &[&str]) -> Command {
    let mut command = fixture.command(arguments);
    if arguments.contains(&"approve") {
        command.env("SUDO_USER", "sys").env("SUDO_UID", "3");
    }
    command
}

/// Kills a command at each of its calls, and looks at what it left wherever that is not what was there before.
fn killed_at_each(fixture: &Fixture, arguments: &[&str], mut check: impl FnMut(&Point, &str)) {
    let snapshot = Snapshot::of(fixture);
    let points = strace::record(&command(fixture, arguments), &[&fixture.path("")]);
    let (sweep, mut changed) = (Sweep::today(), 0);
    for point in sweep.points(points) {
        snapshot.restore();
        let before = Files::below(&fixture.state());
        let said = strace::killed_at(&command(fixture, arguments), &point);
        if Files::below(&fixture.state()) != before {
            changed += 1;
            check(&point, &said);
        }
    }
    sweep.assert_more_than(3, changed, "changes");
}

fn stages(fixture: &Fixture) -> Vec<String> {
    let list = fixture.totp_enroll(&["--json", "reset", "list"]);
    list.assert_done();
    let list = list.json();
    let resets = list["resets"].as_array().unwrap().iter();
    resets.map(|reset| reset["stage"].as_str().unwrap().to_owned()).collect()
}

fn enrols_with(fixture: &Fixture, token: &str) -> PamCode {
    let login = fixture.login(USER).types(token);
    login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes").code()
}
