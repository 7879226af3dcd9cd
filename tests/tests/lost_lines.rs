//! Lines that the log does not take: each is written later in the same call, or counted in a later line.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what is not there fails the test")]

use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::journal::Event;
use acceptance::login::PamCode;
use acceptance::strace;
use std::fs;
use std::os::unix::net::UnixDatagram;

#[test]
fn a_line_that_is_refused_once_is_written_at_the_end_of_the_call() {
    let fixture = Fixture::with(&["alice"]);
    let (_, trace) = strace::trace_login(&fixture.login_with_code_at("alice", THEN));
    let mut points = trace.points(&[]).into_iter();
    let line = points.find(|point| point.name == "write" && point.line.contains("pam_totp(")).unwrap();
    let logged = fixture.journal.events().len();
    let login = fixture.login_with_code_at("alice", THEN + 120);
    assert_eq!(strace::login_failing_at(&login, &line, "EAGAIN").code, PamCode::SUCCESS);
    let lines: Vec<String> = fixture.journal.events().iter().skip(logged).map(Event::what).collect();
    assert_eq!(lines, ["accepted"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN + 240).code(), PamCode::SUCCESS);
    assert_eq!(fixture.journal.last().field("lines_lost"), "", "it was not lost");
}

#[test]
fn where_there_is_no_log_nothing_is_counted() {
    let fixture = Fixture::with(&["alice"]);
    fs::remove_file(fixture.path("log")).unwrap();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let log = FullLog(bind(&fixture));
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
    assert_eq!(log.event().field("lines_lost"), "");
}

#[test]
fn refusals_by_a_lock_neither_fill_nor_empty_the_count() {
    let fixture =
        Fixture::builder().config("[limit]\nlock_after = 1\nlock_for = \"1h\"").enrolled("alice").build();
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    let full = FullLog::of(&fixture);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    for _ in 0..2 {
        assert_ne!(fixture.login_with_code_at("alice", THEN + 30).code(), PamCode::SUCCESS);
    }
    assert_ne!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
    full.empty();
    assert_eq!(fixture.login_with_code_at("alice", THEN + 7200).code(), PamCode::SUCCESS);
    assert_eq!(full.event().field("lines_lost"), "2");
}

#[test]
fn a_line_says_how_many_before_it_were_lost() {
    let fixture = Fixture::with(&["alice"]);
    let full = FullLog::of(&fixture);
    for wrong in fixture.authenticator("alice").wrong_codes_at(2, THEN) {
        assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    }
    full.empty();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(full.event().field("lines_lost"), "2");
}

#[test]
fn lost_lines_are_counted_in_one_later_line() {
    let fixture = Fixture::with(&["alice"]);
    let full = FullLog::of(&fixture);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    full.empty();
    let counts = [THEN + 60, THEN + 120].map(|then| {
        assert_eq!(fixture.login_with_code_at("alice", then).code(), PamCode::SUCCESS);
        full.event().field("lines_lost").to_owned()
    });
    assert_eq!(counts, ["1", ""]);
}

#[test]
fn lost_lines_of_refusals_by_a_lock_are_counted_too() {
    let fixture =
        Fixture::builder().config("[limit]\nlock_after = 1\nlock_for = \"1h\"").enrolled("alice").build();
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    let full = FullLog::of(&fixture);
    assert_ne!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
    full.empty();
    assert_eq!(fixture.login_with_code_at("alice", THEN + 7200).code(), PamCode::SUCCESS);
    assert_eq!(full.event().field("lines_lost"), "1");
}

#[test]
fn a_lost_line_of_a_command_is_counted_too() {
    let fixture = Fixture::with(&["alice"]);
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    let full = FullLog::of(&fixture);
    fixture.totp_enroll(&["--json", "unlock", "alice"]).assert_done();
    full.empty();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    // That it begins, and that it is done.
    assert_eq!(full.event().field("lines_lost"), "2");
}

fn bind(fixture: &Fixture) -> UnixDatagram {
    let log = UnixDatagram::bind(fixture.path("log")).unwrap();
    log.set_nonblocking(true).unwrap();
    log
}

/// A log that any account has filled: what is sent to it waits in vain, until it is emptied.
struct FullLog(UnixDatagram);

impl FullLog {
    fn of(fixture: &Fixture) -> Self {
        let path = fixture.path("log");
        fs::remove_file(&path).unwrap();
        let log = bind(fixture);
        let flood = UnixDatagram::unbound().unwrap();
        flood.set_nonblocking(true).unwrap();
        while flood.send_to(b"<13>flood", &path).is_ok() {}
        Self(log)
    }

    fn empty(&self) {
        while self.0.recv(&mut [0; 4096]).is_ok() {}
    }

    /// The one line that it has taken since.
    fn event(&self) -> Event {
        let mut line = vec![0; 4096];
        let length = self.0.recv(&mut line).expect("no line");
        line.truncate(length);
        Event::parse(&String::from_utf8(line).unwrap())
    }
}
