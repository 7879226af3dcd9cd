//! Logins by counter token that are killed, whose calls fail, or whose disk is full: a code or a pair opens once, and not before
//! its use is recorded.

use acceptance::clock::THEN;
use acceptance::counter_token::{CounterToken, phone_and_fob};
use acceptance::fixture::Fixture;
use acceptance::login::{Login, PamCode};
use acceptance::snapshot::Snapshot;
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use std::collections::BTreeSet;

#[test]
fn a_killed_login_uses_its_counter_code_at_most_once() {
    each_kill_leaves_it_good_or_used(5, 6, |fob| fob.press(5));
}

#[test]
fn a_killed_login_uses_its_two_codes_at_most_once() {
    each_kill_leaves_it_good_or_used(36, 37, |fob| fob.presses(35, 1).join(" "));
}

#[test]
fn a_counter_code_with_a_failing_call_is_accepted_once() {
    each_failing_call_leaves_it_good_or_used(6, |fob| fob.press(5));
}

#[test]
fn two_codes_with_a_failing_call_are_accepted_once() {
    each_failing_call_leaves_it_good_or_used(37, |fob| fob.presses(35, 1).join(" "));
}

#[test]
fn no_counter_code_is_accepted_whose_record_is_not_synced() {
    for typed in [|fob: &CounterToken| fob.press(5), |fob: &CounterToken| fob.presses(35, 1).join(" ")] {
        let (fixture, fob) = phone_and_fob(Fixture::builder());
        let login = fixture.login("alice").types(typed(&fob)).at(THEN);
        let snapshot = Snapshot::of(&fixture);
        let points = strace::record_login(&login, &[fixture.ledger("alice")]);
        let syncs: Vec<&Point> = points.iter().filter(|point| point.name == "fdatasync").collect();
        assert!(!syncs.is_empty(), "nothing is synced: {points:?}");
        for (sync, error) in syncs.into_iter().flat_map(|sync| DISK_ERRORS.map(|error| (sync, error))) {
            snapshot.restore();
            let code = strace::login_failing_at(&login, sync, error).code;
            assert_ne!(code, PamCode::SUCCESS, "{error} at {sync:?}");
        }
    }
}

/// What a broken disk, a full one, a size limit and a quota answer.
const DISK_ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EFBIG", "EDQUOT"];

fn login(fixture: &Fixture, typed: &str) -> Login {
    fixture.login("alice").types(typed).at(THEN)
}

fn each_kill_leaves_it_good_or_used(last: u64, next: u64, typed: fn(&CounterToken) -> String) {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    let login_by_fob = login(&fixture, &typed(&fob));
    let snapshot = Snapshot::of(&fixture);
    let mut points = strace::record_login(&login_by_fob, &strace::stored(&fixture, "alice"));
    points.extend(strace::ending(&login(&fixture, &fob.press(next))));
    let mut again = BTreeSet::new();
    for point in Sweep::today().points(points) {
        snapshot.restore();
        let told = strace::login_killed_at(&login_by_fob, &point).map(|outcome| outcome.code);
        let second = login_by_fob.clone().code();
        again.insert(second);
        let reason = fixture.journal.last().what();
        assert_eq!(second == PamCode::SUCCESS, reason == "accepted", "{reason}, killed at {point:?}");
        assert!(second == PamCode::SUCCESS || reason == "refused replayed", "{reason}, killed at {point:?}");
        let opened = [told, Some(second)].into_iter().filter(|code| *code == Some(PamCode::SUCCESS)).count();
        assert!(opened <= 1, "opened twice, killed at {point:?}");
        assert_eq!(login_by_fob.clone().code(), PamCode::AUTH_ERR, "opened again, killed at {point:?}");
        let alone = login(&fixture, &fob.press(last)).code();
        assert_eq!(alone, PamCode::AUTH_ERR, "its last code opened again, killed at {point:?}");
        assert_eq!(login(&fixture, &fob.press(next)).code(), PamCode::SUCCESS, "{point:?}");
        assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS, "{point:?}");
    }
    // Killed early it is still good, killed late it is used: else nothing of this was shown.
    Sweep::today().assert_met(&again, [PamCode::SUCCESS, PamCode::AUTH_ERR]);
}

fn each_failing_call_leaves_it_good_or_used(next: u64, typed: fn(&CounterToken) -> String) {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    let login_by_fob = login(&fixture, &typed(&fob));
    let snapshot = Snapshot::of(&fixture);
    let points = strace::record_login(&login_by_fob, &strace::stored(&fixture, "alice"));
    let mut codes = BTreeSet::new();
    let cases = points.iter().flat_map(|point| DISK_ERRORS.iter().map(move |error| (point, *error)));
    for (point, error) in Sweep::today().points(cases) {
        snapshot.restore();
        let case = format!("{error} at {point:?}");
        let first = strace::login_failing_at(&login_by_fob, point, error).code;
        codes.insert(first);
        let event = fixture.journal.last();
        let is_error = event.field("event") == "error" || event.what() == "refused unrecorded";
        assert_eq!(first != PamCode::SUCCESS, is_error, "{event:?}: {case}");
        let second = login_by_fob.clone().code();
        assert!(first != PamCode::SUCCESS || second != PamCode::SUCCESS, "opened twice: {case}");
        assert_eq!(login_by_fob.clone().code(), PamCode::AUTH_ERR, "opened again: {case}");
        assert_eq!(fixture.journal.last().what(), "refused replayed", "{case}");
        assert_eq!(login(&fixture, &fob.press(next)).code(), PamCode::SUCCESS, "{case}");
    }
    let has_both = codes.contains(&PamCode::SUCCESS) && codes.len() > 1;
    assert!(has_both || !Sweep::today().is_complete(), "{codes:?}");
}
