//! A ledger of version 1 becomes one of version 2 in use: many logins at once, killed at every call, on a full disk. Nothing that
//! was used is forgotten, and no lock is lifted.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a fixture that cannot be built fails its test"
)]

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::earlier_version::{STORED_CODES, STORED_SECRET, STORED_USER, lock_in_version_1, stored_by};
use acceptance::fixture::Fixture;
use acceptance::login::{Login, PamCode, Waiting};
use acceptance::snapshot::Snapshot;
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use std::collections::BTreeSet;
use std::fs;

#[test]
fn of_many_logins_that_convert_at_once_one_gets_in() {
    for typed in [phone().code_at(THEN), STORED_CODES[0].to_owned()] {
        let fixture = stored_by("version-1", &[STORED_USER]);
        let login = fixture.login(STORED_USER).types(typed).at(THEN);
        let waiting: Vec<Waiting> = vec![login; 24].into_iter().map(Login::hold).collect();
        let running: Vec<_> = waiting.into_iter().map(Waiting::release).collect();
        let codes: Vec<PamCode> = running
            .into_iter()
            .filter_map(|login| login.outcome().ok())
            .map(|outcome| outcome.code)
            .collect();
        assert_eq!(codes.len(), 24);
        assert_eq!(codes.iter().filter(|&&code| code == PamCode::SUCCESS).count(), 1, "{codes:?}");
        assert_eq!(version(&fixture), 2);
    }
}

#[test]
fn a_login_killed_while_it_converts_uses_its_code_at_most_once() {
    for typed in [phone().code_at(THEN), STORED_CODES[0].to_owned()] {
        let fixture = stored_by("version-1", &[STORED_USER]);
        let login = fixture.login(STORED_USER).types(typed).at(THEN);
        let (snapshot, mut again) = (Snapshot::of(&fixture), BTreeSet::new());
        for point in Sweep::today().points(points_of(&fixture, &login)) {
            snapshot.restore();
            let told = strace::login_killed_at(&login, &point).map(|outcome| outcome.code);
            let second = login.clone().code();
            again.insert(second);
            let opened = [told, Some(second)].iter().filter(|&&code| code == Some(PamCode::SUCCESS)).count();
            assert!(opened <= 1, "opened twice, killed at {point:?}");
            assert_eq!(login.clone().code(), PamCode::AUTH_ERR, "opened a third time, killed at {point:?}");
            let next = fixture.login(STORED_USER).types(phone().code_at(THEN + 60)).at(THEN + 60);
            assert_eq!(next.code(), PamCode::SUCCESS, "shut out, killed at {point:?}");
            assert_eq!(version(&fixture), 2, "{point:?}");
        }
        Sweep::today().assert_met(&again, [PamCode::SUCCESS, PamCode::AUTH_ERR]);
    }
}

#[test]
fn a_lock_of_version_1_outlasts_the_conversion() {
    let fixture = stored_by("version-1", &[STORED_USER]);
    lock_in_version_1(&fixture.ledger(STORED_USER), 99, THEN - 60..THEN + 3600);
    let at = |second: u64| fixture.login(STORED_USER).types(phone().code_at(second)).at(second);
    // A recovery code is judged during a lock: a wrong one converts the ledger, and the lock stands.
    let wrong = || fixture.login(STORED_USER).types("AAAA-AAAA-AAAA-AAAA").at(THEN);
    let snapshot = Snapshot::of(&fixture);
    for point in Sweep::today().points(points_of(&fixture, &wrong())) {
        snapshot.restore();
        let _ = strace::login_killed_at(&wrong(), &point);
        assert_ne!(at(THEN).code(), PamCode::SUCCESS, "the lock is gone, killed at {point:?}");
        assert_eq!(fixture.journal.last().what(), "refused locked", "{point:?}");
    }
    snapshot.restore();
    assert_ne!(wrong().code(), PamCode::SUCCESS);
    assert_ne!(at(THEN + 3599).code(), PamCode::SUCCESS);
    assert_eq!(fixture.journal.last().what(), "refused locked");
    // The number of wrong codes in a row is kept too: the hundredth disables.
    let typed = phone().wrong_codes_at(1, THEN + 3700).remove(0);
    assert_ne!(fixture.login(STORED_USER).types(typed).at(THEN + 3700).code(), PamCode::SUCCESS);
    assert_ne!(at(THEN + 3760).code(), PamCode::SUCCESS);
    assert_eq!(fixture.journal.last().what(), "refused disabled");
    assert_eq!(version(&fixture), 2);
}

#[test]
fn keys_upgrade_killed_forgets_nothing() {
    let fixture = stored_by("version-1", &[STORED_USER]);
    let used = fixture.login(STORED_USER).types(phone().code_at(THEN)).at(THEN);
    let snapshot = Snapshot::of(&fixture);
    let points = strace::record(&fixture.command(&UPGRADE), &[&fixture.path("")]);
    snapshot.restore();
    let mut versions = BTreeSet::new();
    for point in Sweep::today().points(points) {
        snapshot.restore();
        let _ = strace::killed_at(&fixture.command(&UPGRADE), &point);
        versions.insert((version(&fixture), credential_version(&fixture)));
        assert_eq!(used.clone().code(), PamCode::SUCCESS, "shut out, killed at {point:?}");
        assert_eq!(used.clone().code(), PamCode::AUTH_ERR, "{point:?}");
        fixture.totp_enroll(&UPGRADE).assert_done();
        assert_eq!((version(&fixture), credential_version(&fixture)), (2, 3), "{point:?}");
        assert_eq!(used.clone().code(), PamCode::AUTH_ERR, "forgotten, killed at {point:?}");
        let recovered = || fixture.login(STORED_USER).types(STORED_CODES[0]).at(THEN);
        assert_eq!(recovered().code(), PamCode::SUCCESS, "{point:?}");
        assert_eq!(recovered().code(), PamCode::AUTH_ERR, "{point:?}");
    }
    // Never (1, 3): the ledger of a credential of version 3 has a MAC.
    Sweep::today().assert_met(&versions, [(1, 1), (2, 1), (2, 3)]);
}

#[test]
fn without_space_a_login_says_what_to_do_and_keys_upgrade_needs_it_once() {
    let fixture = stored_by("version-1", &[STORED_USER]);
    let login = fixture.login(STORED_USER).types(phone().code_at(THEN)).at(THEN);
    let snapshot = Snapshot::of(&fixture);
    let points = points_of(&fixture, &login);
    let allocation = points.iter().find(|point| point.name == "fallocate").unwrap();
    snapshot.restore();
    let stored = fs::read(fixture.ledger(STORED_USER)).unwrap();
    assert_ne!(strace::login_failing_at(&login, allocation, "ENOSPC").code, PamCode::SUCCESS);
    let event = fixture.journal.last();
    assert!(event.field("problem").contains("free some space"), "{event:?}");
    assert_eq!(fs::read(fixture.ledger(STORED_USER)).unwrap(), stored);
    // A file system that cannot allocate is written to.
    for error in ["EOPNOTSUPP", "ENOSYS"] {
        assert_eq!(strace::login_failing_at(&login, allocation, error).code, PamCode::SUCCESS, "{error}");
        snapshot.restore();
    }
    fixture.totp_enroll(&UPGRADE).assert_done();
    let (_, trace) = strace::trace_login(&login);
    assert!(trace.points(&[]).iter().all(|point| point.name != "fallocate"));
    assert_eq!(login.code(), PamCode::AUTH_ERR, "the login under the trace used it");
}

#[test]
fn keys_upgrade_again_changes_nothing() {
    let fixture = stored_by("version-2", &[STORED_USER, "moved-in"]);
    let upgraded = || fixture.totp_enroll(&UPGRADE).json()["upgraded"].as_u64();
    let doctor_says = || fixture.totp_enroll(&["--json", "doctor"]).stdout.contains("not_converted");
    assert!(doctor_says());
    assert_eq!(upgraded(), Some(2));
    assert!(!doctor_says());
    let events = || fixture.journal.events().len();
    let (before, stored) = (events(), fixture.stored());
    assert_eq!(upgraded(), Some(0));
    stored.assert_unchanged(&fixture.state());
    assert_eq!(events(), before);
    let nobody = Fixture::builder().account("alice").build();
    assert_eq!(nobody.totp_enroll(&UPGRADE).json()["upgraded"].as_u64(), Some(0));
}

const UPGRADE: [&str; 3] = ["--json", "keys", "upgrade"];

#[test]
fn a_ledger_without_sources_keeps_its_failures_and_its_lock() {
    // Eleven wrong codes a minute apart, the last two of which started locks: the second lasts until THEN + 730.
    let fixture = stored_by("without-sources", &[STORED_USER]);
    let wrong = |second: u64| phone().wrong_codes_at(1, second).remove(0);
    let login = |typed: String, second: u64| {
        let _ = fixture.login(STORED_USER).types(typed).at(second).code();
        fixture.journal.last().what()
    };
    assert_eq!(login(phone().code_at(THEN + 640), THEN + 640), "refused locked");
    // The twelfth wrong code: the lock doubles again.
    assert_eq!(login(wrong(THEN + 731), THEN + 731), "locked wrong");
    assert_eq!(fixture.journal.last().field("seconds"), "240");
    let status = fixture.totp_enroll(&["--json", "status", STORED_USER]).stdout;
    assert!(status.contains("\"wrong_since_login\":12"), "{status}");
    // Twelve failures of three right codes in a million each: nothing of the year's budget was given away.
    assert!(login(STORED_CODES[0].to_owned(), THEN + 740).starts_with("recovery_used"));
    assert_eq!(login(phone().code_at(THEN + 760), THEN + 760), "accepted");
}

fn phone() -> Authenticator {
    Authenticator { secret: STORED_SECRET.to_vec(), ..Authenticator::random() }
}

/// The version of the stored ledger: that of its second block, which is written first, if it has one.
fn version(fixture: &Fixture) -> u8 {
    let bytes = fs::read(fixture.ledger(STORED_USER)).unwrap();
    let version =
        |at: usize| bytes.get(at..at + 12).filter(|head| head.starts_with(b"PTLEDGER")).map(|head| head[11]);
    version(4096).or_else(|| version(0)).unwrap()
}

fn credential_version(fixture: &Fixture) -> u8 {
    let text = fs::read_to_string(fixture.credential(STORED_USER)).unwrap();
    text.lines().next().unwrap().strip_prefix("version = ").unwrap().parse().unwrap()
}

fn points_of(fixture: &Fixture, login: &Login) -> Vec<Point> {
    let mut points = strace::record_login(login, &strace::stored(fixture, STORED_USER));
    points.extend(strace::ending(login));
    points
}
