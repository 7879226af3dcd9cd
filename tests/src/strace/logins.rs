//! Logins under strace(1): recorded, killed at a call, or with a call that fails.

use super::{Call, Fault, Point, Trace, in_full, only};
use crate::login::{Login, Outcome};
use crate::{built, clock};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The calls of a login on exactly these `paths`, in order. With a stopped clock there are others in between, of
/// libfaketime, and never the same number.
///
/// # Panics
/// When it does not run to its end.
#[must_use]
pub fn record_login(login: &Login, paths: &[PathBuf]) -> Vec<Point> {
    let trace = Trace::new();
    drop(outcome(&run_login(&trace, login, &only(paths))).expect("recorded a login that was killed"));
    let mut points = trace.points(&[Path::new("")]);
    for point in &mut points {
        paths.clone_into(&mut point.paths);
    }
    points
}

/// Makes a login with every call recorded; gives its outcome as well.
///
/// # Panics
/// When it does not run to its end.
#[must_use]
pub fn trace_login(login: &Login) -> (Outcome, Trace) {
    let trace = Trace::new();
    let out = run_login(&trace, login, &[]);
    (outcome(&out).expect("recorded a login that was killed"), trace)
}

/// The calls with which a login ends: its line in the log, its answer, and its exit. Makes the login.
///
/// # Panics
/// When it does not run to its end, or logs nothing.
#[must_use]
pub fn ending(login: &Login) -> Vec<Point> {
    let (_, trace) = trace_login(login);
    let points = trace.points(&[]);
    assert!(points.iter().any(|point| point.line.contains("pam_totp(")), "logged nothing: {points:?}");
    points
}

/// Makes a login that is killed at a call. Gives its outcome if it was written before that.
///
/// # Panics
/// When it ran to its end: then there was no such call.
#[must_use]
pub fn login_killed_at(login: &Login, point: &Point) -> Option<Outcome> {
    let out = run_login(&Trace::new(), login, &point.options(Fault::Kill));
    assert_eq!(out.status.signal(), Some(9), "did not die at {point:?}: {out:?}");
    serde_json::from_slice(&out.stdout).ok()
}

/// Every call of a login, in full.
///
/// # Panics
/// When it is killed by a signal.
#[must_use]
pub fn calls_of_login(login: &Login) -> Vec<Call> {
    let trace = Trace::new();
    drop(outcome(&run_login(&trace, login, &in_full())).expect("recorded a login that was killed"));
    trace.calls()
}

/// Makes a login of which a call fails.
///
/// # Panics
/// When the process is killed by a signal, writes to stderr, or never makes that call.
#[must_use]
pub fn login_failing_at(login: &Login, point: &Point, error: &'static str) -> Outcome {
    let trace = Trace::new();
    let out = run_login(&trace, login, &point.options(Fault::Error(error)));
    assert!(trace.text().contains("(INJECTED)"), "there was no such call: {point:?}: {}", trace.text());
    outcome(&out).unwrap_or_else(|signal| panic!("killed by signal {signal} when {point:?} failed: {error}"))
}

fn run_login(trace: &Trace, login: &Login, options: &[String]) -> Output {
    let program = built::pam_login();
    let mut command = match login.namespace {
        None => Command::new(&program),
        Some(namespace) => namespace.command(&program),
    };
    if let Some(second) = login.clock {
        clock::stop(&mut command, second);
    }
    let mut child = trace
        .around(&command, options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("no strace: install tests/apt-packages");
    // In one write, so that it is one read on the other side, and calls can be counted.
    let request = serde_json::to_string(login).unwrap() + "\n";
    drop(child.stdin.take().unwrap().write_all(request.as_bytes()));
    let out = child.wait_with_output().unwrap();
    trace.sweep();
    out
}

fn outcome(out: &Output) -> Result<Outcome, i32> {
    if let Some(signal) = out.status.signal() {
        return Err(signal);
    }
    assert_eq!(String::from_utf8_lossy(&out.stderr), "", "something was written to the host's stderr");
    Ok(serde_json::from_slice(&out.stdout).expect("not one outcome on the host's stdout"))
}
