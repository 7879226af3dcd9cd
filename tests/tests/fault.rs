//! Logins with a failing system call on stored data, on a full disk and on a read-only one: recorded, or refused with the
//! reason in the log.

use acceptance::clock::THEN;
use acceptance::counter_token::CounterToken;
use acceptance::damage::LENIENT;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::snapshot::{Snapshot, renewed_codes};
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

#[test]
fn a_login_on_a_failing_disk_is_recorded_or_refused() {
    each_call_of_a_login_fails(&["EIO", "ENOSPC", "EROFS"]);
}

#[test]
fn a_login_with_a_failing_call_is_recorded_or_refused() {
    each_call_of_a_login_fails(&["EACCES", "EMFILE", "EINTR"]);
}

#[test]
fn a_recovery_code_with_a_failing_call_is_accepted_once() {
    let fixture = Fixture::with(&["alice"]);
    fixture.service(LENIENT, &fixture.module("nullok"));
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let login = |code: &str| fixture.login_at(LENIENT, "alice").types(code).at(THEN);
    let points = strace::record_login(&login(&codes[0]), &strace::stored(&fixture, "alice"));
    // Ten codes a set: the calls that write are what a recovery code has of its own.
    let written = |point: &&Point| ["pwrite64", "fdatasync", "flock"].contains(&point.name.as_str());
    let points: Vec<&Point> = points.iter().filter(written).collect();
    assert!(points.len() > 4, "{points:?}");
    let cases =
        ["EIO", "ENOSPC"].into_iter().flat_map(|error| points.iter().map(move |point| (error, point)));
    for (error, point) in Sweep::today().points(cases) {
        let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
        let logged = fixture.journal.events().len();
        let outcome = strace::login_failing_at(&login(&codes[0]), point, error);
        refused_and_said_or_recorded(&fixture, outcome.code, logged, &format!("{error} at {point:?}"));
        let opened = usize::from(outcome.code == PamCode::SUCCESS);
        let opened = opened + usize::from(login(&codes[0]).code() == PamCode::SUCCESS);
        assert!(opened <= 1, "opened twice, {error} at {point:?}");
        assert_eq!(login(&codes[1]).code(), PamCode::SUCCESS, "{error} at {point:?}");
    }
}

#[test]
fn no_failing_call_lets_a_wrong_code_go_uncharged() {
    for limit in ["[limit]\nattempts = 1", "[limit]\nlock_after = 1\nlock_for = \"1h\""] {
        let fixture = Fixture::builder().config(limit).enrolled("alice").build();
        let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
        let login = fixture.login("alice").types(wrong).at(THEN);
        let snapshot = Snapshot::of(&fixture);
        let points = strace::record_login(&login, &[fixture.ledger("alice")]);
        let mut codes = BTreeSet::new();
        let cases = points.iter().flat_map(|point| strace::ERRORS.iter().map(move |error| (point, *error)));
        for (point, error) in Sweep::today().points(cases) {
            snapshot.restore();
            let case = format!("{error} at {point:?}, {limit}");
            let outcome = strace::login_failing_at(&login, point, error);
            codes.insert(outcome.code);
            let event = fixture.journal.last();
            if outcome.code == PamCode::SYSTEM_ERR {
                assert_eq!(event.field("event"), "error", "{event:?}: {case}");
            } else {
                assert_eq!(outcome.code, PamCode::AUTH_ERR, "{case}");
                let right = fixture.login_with_code_at("alice", THEN).code();
                assert_eq!(right, PamCode::AUTH_ERR, "a guess for nothing: {case}");
                let what = fixture.journal.last().what();
                assert!(["refused limited", "refused locked"].contains(&what.as_str()), "{what}: {case}");
            }
        }
        Sweep::today().assert_met(&codes, [PamCode::SYSTEM_ERR, PamCode::AUTH_ERR]);
    }
}

#[test]
fn a_login_works_on_a_full_disk() {
    let mut fixture = on_a_small_disk();
    let enrolment = fixture.enrol("alice", &[]);
    fill(&mut fixture);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR, "not recorded");
    assert_eq!(fixture.login("alice").types(&enrolment.recovery_codes[0]).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types(&enrolment.recovery_codes[0]).code(), PamCode::AUTH_ERR);
}

/// A copy of the state that leaves out empty blocks (rsync -S, tar -S) can bring this about.
#[test]
fn a_sparse_ledger_on_a_full_disk_tells_nothing_of_a_code() {
    let mut fixture = on_a_small_disk();
    let recovery_codes = fixture.enrol("alice", &[]).recovery_codes;
    for (slot, recovery_code, then) in
        [("0", &recovery_codes[0], THEN), ("4096", &recovery_codes[1], THEN + 600)]
    {
        let authenticator = fixture.authenticator("alice");
        let wrong = authenticator.wrong_codes_at(1, then).remove(0);
        for (right, wrong) in
            [(authenticator.code_at(then), wrong), (recovery_code.clone(), "0000-0000-0000-0000".to_owned())]
        {
            let [right, wrong] = [right, wrong].map(|typed| {
                on_its_machine(
                    &mut fixture,
                    &format!("fallocate --punch-hole --offset {slot} --length 4096 \"$1/ledgers/alice\""),
                );
                fill(&mut fixture);
                let code = fixture.login("alice").types(typed).at(then).code();
                on_its_machine(&mut fixture, "rm \"$1/filling\"");
                code
            });
            assert!(right == PamCode::SUCCESS || right == wrong, "right {right:?}, wrong {wrong:?}: {slot}");
        }
    }
}

#[test]
fn a_counter_token_works_on_a_full_disk() {
    let (mut fixture, fob) = (on_a_small_disk(), CounterToken::random());
    fob.enrol(&fixture, "alice", None, 5);
    fill(&mut fixture);
    for (typed, last) in [(fob.press(5), 5), (fob.presses(35, 1).join(" "), 36)] {
        let login = |typed: &str| fixture.login("alice").types(typed).at(THEN).code();
        assert_eq!(login(&typed), PamCode::SUCCESS);
        assert_eq!(login(&typed), PamCode::AUTH_ERR, "not recorded");
        assert_eq!(fixture.journal.last().what(), "refused replayed");
        assert_eq!(login(&fob.press(last)), PamCode::AUTH_ERR, "not recorded");
    }
}

#[test]
fn a_sparse_ledger_on_a_full_disk_moves_no_counter() {
    let (mut fixture, fob) = (on_a_small_disk(), CounterToken::random());
    fob.enrol(&fixture, "alice", None, 5);
    let wrong = fob.wrong_codes(1).remove(0);
    for (slot, right, wrong, next) in [
        ("0", fob.press(5), wrong, 6),
        ("4096", fob.presses(35, 1).join(" "), [fob.press(35), fob.press(37)].join(" "), 37),
    ] {
        let [wrong, right] = [&wrong, &right].map(|typed| {
            let punch = format!("fallocate --punch-hole --offset {slot} --length 4096 \"$1/ledgers/alice\"");
            on_its_machine(&mut fixture, &punch);
            fill(&mut fixture);
            let code = fixture.login("alice").types(typed).at(THEN).code();
            let is_same =
                code == PamCode::SUCCESS || fixture.login("alice").types(typed).at(THEN).code() == code;
            on_its_machine(&mut fixture, "rm \"$1/filling\"");
            assert!(is_same, "{code:?}: {slot}");
            (code, typed.clone())
        });
        assert!(right.0 == PamCode::SUCCESS || right.0 == wrong.0, "{right:?}, {wrong:?}: {slot}");
        if right.0 != PamCode::SUCCESS {
            assert_eq!(
                fixture.login("alice").types(&right.1).at(THEN).code(),
                PamCode::SUCCESS,
                "used up: {slot}"
            );
        }
        assert_eq!(
            fixture.login("alice").types(&right.1).at(THEN).code(),
            PamCode::AUTH_ERR,
            "twice: {slot}"
        );
        assert_eq!(fixture.login("alice").types(fob.press(next)).at(THEN).code(), PamCode::SUCCESS, "{slot}");
    }
}

#[test]
fn on_a_full_disk_the_old_enrolment_stays() {
    let mut fixture = on_a_small_disk();
    let enrolment = fixture.enrol("alice", &[]);
    fill(&mut fixture);
    let renew = fixture.totp_enroll(&RENEW);
    assert_eq!(renew.status, 1, "{renew:?}");
    assert!(renew.stderr.contains("No space left"), "{renew:?}");
    let users = fixture.write("users.oath", "HOTP/T30/6 bob - 3132333435363738393031323334353637383930\n");
    let import =
        fixture.totp_enroll(&["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"]);
    assert_eq!(import.status, 1, "{import:?}");
    assert_eq!(fixture.totp_enroll(&["--json", "status", "bob"]).status, 3);
    assert_eq!(fixture.login("alice").types(&enrolment.recovery_codes[0]).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_login_on_a_read_only_disk_is_refused_and_says_so() {
    let mut fixture = on_a_small_disk();
    let enrolment = fixture.enrol("alice", &[]);
    fixture.service(LENIENT, &fixture.module("nullok"));
    on_its_machine(&mut fixture, "mount -o remount,ro \"$1\"");
    for answer in [fixture.authenticator("alice").code_at(THEN), enrolment.recovery_codes[0].clone()] {
        for service in ["app", LENIENT] {
            let code = fixture.login_at(service, "alice").types(&answer).at(THEN).code();
            assert_eq!(code, PamCode::SYSTEM_ERR, "{service}");
            let event = fixture.journal.last();
            assert_eq!(event.field("event"), "error", "{event:?}");
            assert!(event.line.contains("Read-only file system"), "{event:?}");
            assert_eq!(event.field("file"), fixture.ledger("alice").to_str().unwrap(), "{event:?}");
        }
    }
    let renew = fixture.totp_enroll(&RENEW);
    assert!(renew.status == 1 && renew.stderr.contains("Read-only file system"), "{renew:?}");
    on_its_machine(&mut fixture, "mount -o remount,rw \"$1\"");
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

const RENEW: [&str; 4] = ["--json", "recovery-codes", "alice", "--yes"];

/// Each call on stored data fails once with each error, in a stack that lets in who is not enrolled.
fn each_call_of_a_login_fails(errors: &[&'static str]) {
    let fixture = Fixture::with(&["alice"]);
    fixture.service(LENIENT, &fixture.module("nullok"));
    let login = |then| {
        let code = fixture.authenticator("alice").code_at(then);
        fixture.login_at(LENIENT, "alice").types(code).at(then)
    };
    assert_eq!(login(THEN - 60).code(), PamCode::SUCCESS);
    let points = strace::record_login(&login(THEN), &strace::stored(&fixture, "alice"));
    let mut codes = BTreeSet::new();
    let cases = points.iter().flat_map(|point| errors.iter().map(move |error| (point, *error)));
    let sweep = Sweep::today();
    for ((point, error), then) in sweep.points(cases.zip((THEN + 120..).step_by(120))) {
        let case = format!("{error} at {point:?}");
        let logged = fixture.journal.events().len();
        let first = strace::login_failing_at(&login(then), point, error).code;
        refused_and_said_or_recorded(&fixture, first, logged, &case);
        codes.insert(first);
        if first == PamCode::SUCCESS {
            assert_eq!(login(then).code(), PamCode::AUTH_ERR, "not recorded: {case}");
        }
        assert_eq!(login(then + 30).code(), PamCode::SUCCESS, "{case}");
    }
    // Some do no harm (the boot id, a close) and most do: else nothing of this was shown.
    let has_both = codes.contains(&PamCode::SUCCESS) && codes.contains(&PamCode::SYSTEM_ERR);
    assert!(has_both || !sweep.is_complete(), "{codes:?}");
}

/// One line was logged: that the login was accepted, or an error that has a reason.
fn refused_and_said_or_recorded(fixture: &Fixture, code: PamCode, logged: usize, case: &str) {
    assert_ne!(code, PamCode::IGNORE, "{case}");
    assert_ne!(code, PamCode::ABORT, "a panic: {case}");
    let events: Vec<_> = fixture.journal.events().into_iter().skip(logged).collect();
    assert_eq!(events.len(), 1, "not one line: {case}: {events:?}");
    let event = fixture.journal.last();
    if code == PamCode::SUCCESS {
        assert!(["accepted", "recovery_used"].contains(&event.field("event")), "{case}: {event:?}");
    } else {
        let is_unrecorded = code == PamCode::AUTH_ERR && event.what() == "refused unrecorded";
        assert!(event.field("event") == "error" || is_unrecorded, "{case}: {event:?}");
        let why = event.line.contains("cannot ") || !event.field("problem").is_empty();
        assert!(why, "no reason: {case}: {event:?}");
    }
}

/// A fixture with its state on a small file system of its own.
fn on_a_small_disk() -> Fixture {
    let mut fixture = Fixture::builder().account("alice").build();
    let _ = fs::remove_dir_all(fixture.state());
    on_its_machine(&mut fixture, "mkdir -m 700 \"$1\" && mount -t tmpfs -o size=64k,mode=700 small \"$1\"");
    fixture
}

fn fill(fixture: &mut Fixture) {
    on_its_machine(fixture, "! cat /dev/zero >\"$1/filling\" 2>/dev/null");
}

/// Runs a script where the fixture's mounts are seen, with the state directory as its argument.
fn on_its_machine(fixture: &mut Fixture, script: &str) {
    let state = fixture.state();
    let mut command: Command = fixture.machine().namespace().command("/bin/sh");
    let done = command.args(["-c", script, "sh"]).arg(state).status();
    assert!(done.is_ok_and(|status| status.success()), "{script}");
}
