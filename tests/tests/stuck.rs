//! A process is stopped while it holds a ledger: its user is refused as busy until it ends, and no other user waits.

use acceptance::clock::THEN;
use acceptance::damage::LENIENT;
use acceptance::enroll_command;
use acceptance::fixture::Fixture;
use acceptance::login::{PamCode, Running};
use acceptance::snapshot::renewed_codes;
use acceptance::strace::{Injection, Trace};
use acceptance::wait;
use nix::sys::signal::{Signal, kill};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_stopped_login_makes_its_own_user_busy_and_nobody_else() {
    let fixture = Fixture::with(&["alice", "bob"]);
    fixture.service(LENIENT, &fixture.module("nullok"));
    let codes =
        renewed_codes(&fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).stdout).unwrap();
    settle_generation(&fixture);
    let stuck = stopped_at(&fixture, "flock");
    let holder = stuck.trace().wait_for("stopped by SIGSTOP");
    for answer in [fixture.authenticator("alice").code_at(THEN + 30), codes[0].clone()] {
        assert_eq!(fixture.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS);
        let start = Instant::now();
        assert_eq!(fixture.login("alice").types(&answer).at(THEN + 30).code(), PamCode::AUTH_ERR);
        assert!(start.elapsed() >= Duration::from_secs(3), "did not wait: {:?}", start.elapsed());
        let event = fixture.journal.last();
        assert_eq!((event.what().as_str(), event.field("user")), ("refused busy", "alice"));
        assert!(event.field("hint").contains("/proc/locks"), "{event:?}");
        fixture.totp_enroll(&["unlock", "bob"]).assert_done();
    }
    let locks = fs::read_to_string("/proc/locks").unwrap();
    assert!(locks.contains(&format!(" {holder} ")), "not where the log says to look: {locks}");
    let lenient = fixture.login_at(LENIENT, "alice").types("123456").at(THEN + 30);
    assert_eq!(lenient.code(), PamCode::AUTH_ERR, "busy was taken for not enrolled");
    kill(holder, Signal::SIGCONT).unwrap();
    assert_eq!(stuck.outcome().map(|outcome| outcome.code).ok(), Some(PamCode::SUCCESS));
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR, "opened twice");
    assert_eq!(fixture.login_with_code_at("alice", THEN + 30).code(), PamCode::SUCCESS);
}

#[test]
fn when_a_stopped_login_is_ended_its_user_gets_in_again() {
    for call in ["flock", "pwrite64"] {
        let fixture = Fixture::with(&["alice"]);
        settle_generation(&fixture);
        let stuck = stopped_at(&fixture, call);
        let holder = stuck.trace().wait_for("stopped by SIGSTOP");
        let waiting = fixture.login_with_code_at("alice", THEN + 30).hold().release();
        // It looks for the lock again and again; now it gets it.
        wait::until_open(waiting.pid(), &fixture.ledger("alice"));
        kill(holder, Signal::SIGKILL).unwrap();
        assert!(stuck.outcome().is_err(), "was not killed");
        assert_eq!(waiting.outcome().map(|outcome| outcome.code).ok(), Some(PamCode::SUCCESS), "{call}");
        assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR, "{call}");
        assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS, "{call}");
    }
}

#[test]
fn a_stopped_command_makes_its_user_busy_until_it_ends() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let trace = Trace::new();
    let command = fixture.command(&["--json", "recovery-codes", "alice", "--yes"]);
    let traced = trace.injecting(&command, &[stop("renameat")]);
    let running = thread::spawn(move || enroll_command::run(traced, ""));
    let holder = trace.wait_for("stopped by SIGSTOP");
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused busy");
    assert_eq!(fixture.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS);
    let other = fixture.totp_enroll(&["--json", "unlock", "alice"]);
    assert!(other.status == 1 && other.stderr.contains("is using the enrolment"), "{other:?}");
    kill(holder, Signal::SIGCONT).unwrap();
    let done = running.join().unwrap();
    assert_eq!(done.status, 0, "{done:?}");
    let set = renewed_codes(&done.stdout).unwrap();
    assert_eq!(fixture.login("alice").types(&set[0]).at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

/// Alice logs in with the code of [`THEN`], and is stopped after the first such call on her ledger.
fn stopped_at(fixture: &Fixture, call: &'static str) -> Running {
    fixture.login_with_code_at("alice", THEN).injecting(&[stop(call)]).hold().release()
}

/// The first login of a day moves the generation of the state, under a lock of its own.
fn settle_generation(fixture: &Fixture) {
    assert_eq!(fixture.login_with_code_at("alice", THEN - 60).code(), PamCode::SUCCESS);
}

/// The call is made; the process comes back from it when it is let go on.
fn stop(call: &'static str) -> Injection {
    Injection { call, action: "signal=STOP:when=1".to_owned() }
}
