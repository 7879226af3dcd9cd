//! A failing log changes no login, blocks nothing and does not harm the application.

use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::login::{Login, PamCode};
use acceptance::snapshot::renewed_codes;
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

#[test]
fn a_failing_call_on_the_log_changes_no_login() {
    // A success does not clear the wrong codes of unknown places.
    let lenient = "[limit]\nlock_after = 1000\ndisable_after = 1000\nyearly_risk = 0.01";
    let fixture = Fixture::builder().config(lenient).enrolled("alice").build();
    let points = points(&fixture, &fixture.login_with_code_at("alice", THEN));
    let mut lines = BTreeMap::new();
    let cases = points.iter().flat_map(|point| ERRORS.iter().map(move |error| (point, *error)));
    let sweep = Sweep::today();
    for ((point, error), then) in sweep.points(cases.zip((THEN + 120..).step_by(120))) {
        let right = fixture.login_with_code_at("alice", then);
        let wrong = fixture.authenticator("alice").wrong_codes_at(1, then).remove(0);
        let wrong = fixture.login("alice").types(wrong).at(then);
        let logged = fixture.journal.events().len();
        let logins = [(&right, PamCode::SUCCESS), (&right, PamCode::AUTH_ERR), (&wrong, PamCode::AUTH_ERR)];
        for (login, code) in logins {
            let outcome = strace::login_failing_at(login, point, error);
            assert_eq!(outcome.code, code, "{error} at {point:?}");
        }
        let heard = fixture.journal.events().len() - logged;
        assert!(heard <= 3, "said twice: {error} at {point:?}");
        *lines.entry(heard).or_insert(0) += 1;
    }
    // Where it says that there is no log there is no line; where it was not the log's call, or is made again, there is.
    let has_both = lines.contains_key(&0) && lines.contains_key(&3);
    assert!(has_both || !sweep.is_complete(), "{lines:?}");
}

#[test]
fn a_signal_during_the_send_writes_the_line_exactly_once() {
    let fixture = Fixture::with(&["alice"]);
    let points = points(&fixture, &fixture.login_with_code_at("alice", THEN));
    let send = points.iter().find(|point| point.name == "write").unwrap();
    let logged = fixture.journal.events().len();
    let login = fixture.login_with_code_at("alice", THEN + 120);
    assert_eq!(strace::login_failing_at(&login, send, "EINTR").code, PamCode::SUCCESS);
    assert_eq!(fixture.journal.events().len(), logged + 1);
}

#[test]
fn a_failing_call_on_the_log_keeps_a_recovery_code_used() {
    let fixture = Fixture::with(&["alice"]);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let points = points(&fixture, &fixture.login_with_code_at("alice", THEN));
    for (point, code) in Sweep::today().points(points.iter().zip(&codes)) {
        let login = fixture.login("alice").types(code).at(THEN);
        assert_eq!(strace::login_failing_at(&login, point, "EIO").code, PamCode::SUCCESS, "{point:?}");
        assert_eq!(strace::login_failing_at(&login, point, "EIO").code, PamCode::AUTH_ERR, "{point:?}");
    }
}

#[test]
fn a_file_in_place_of_the_log_socket_stops_nothing() {
    let fixture = Fixture::with(&["alice"]);
    let log = fixture.path("log");
    let things: [(&str, Put); 6] = [
        ("nothing", |_| {}),
        ("a socket whose daemon has died", |log| drop(UnixDatagram::bind(log))),
        ("a file", |log| drop(fs::write(log, "old"))),
        ("a directory", |log| drop(fs::create_dir(log))),
        ("a link to itself", |log| drop(symlink(log, log))),
        ("a socket of another kind", |log| drop(UnixListener::bind(log))),
    ];
    for ((thing, put), then) in things.into_iter().zip((THEN..).step_by(120)) {
        drop(fs::remove_file(&log).or_else(|_| fs::remove_dir(&log)));
        put(&log);
        decides_as_ever(&fixture, then, thing);
    }
}

#[test]
fn a_login_and_a_command_go_on_where_nobody_reads_the_log() {
    let fixture = Fixture::with(&["alice"]);
    fs::remove_file(fixture.path("log")).unwrap();
    let deaf = UnixDatagram::bind(fixture.path("log")).unwrap();
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"full", fixture.path("log")).is_ok() {}
    // Let go of after a minute: who waits for it for ever fails this test, and does not hang it.
    let (done, over) = mpsc::channel::<()>();
    let patience = thread::spawn(move || {
        let ended = over.recv_timeout(Duration::from_secs(60));
        drop(deaf);
        ended
    });
    decides_as_ever(&fixture, THEN, "a full socket");
    drop(done);
    assert_eq!(patience.join().unwrap(), Err(RecvTimeoutError::Disconnected), "waited for the log");
}

const ERRORS: [&str; 8] = ["EIO", "ENOBUFS", "EAGAIN", "EINTR", "ENOENT", "ECONNREFUSED", "EACCES", "EMFILE"];
const RENEW: [&str; 4] = ["--json", "recovery-codes", "alice", "--yes"];

/// Puts something in the place of the log.
type Put = fn(&Path);

/// The calls of a login that have to do with the log: its socket (of whatever kind: libpam and libc open some as well),
/// its address, how long it may take, and the line.
fn points(fixture: &Fixture, login: &Login) -> Vec<Point> {
    let (_, trace) = strace::trace_login(login);
    let log = fixture.path("log");
    let points = trace.points(&[&log, Path::new("socket(AF_UNIX"), Path::new("SO_SNDTIMEO")]);
    let of_the_log = |point: &Point| match point.name.as_str() {
        "write" => point.line.contains("pam_totp("),
        name => ["socket", "connect", "setsockopt"].contains(&name),
    };
    let points: Vec<Point> = points.into_iter().filter(of_the_log).collect();
    for name in ["socket", "connect", "setsockopt", "write"] {
        assert!(points.iter().any(|point| point.name == name), "no {name}: {points:?}");
    }
    points
}

/// Right once, used up, wrong, and a recovery code once; and a command.
fn decides_as_ever(fixture: &Fixture, then: u64, log: &str) {
    let right = fixture.login_with_code_at("alice", then);
    assert_eq!(right.clone().code(), PamCode::SUCCESS, "the log is {log}");
    assert_eq!(right.code(), PamCode::AUTH_ERR, "the log is {log}");
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, then).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(then).code(), PamCode::AUTH_ERR, "the log is {log}");
    let renewal = fixture.totp_enroll(&RENEW);
    let code = renewed_codes(&renewal.stdout).and_then(|codes| codes.first().cloned()).unwrap_or_default();
    assert!(renewal.status == 0 && !code.is_empty(), "the log is {log}: {renewal:?}");
    let login = fixture.login("alice").types(code).at(then);
    assert_eq!(login.clone().code(), PamCode::SUCCESS, "the log is {log}");
    assert_eq!(login.code(), PamCode::AUTH_ERR, "the log is {log}");
}
