//! Logins and commands killed at every system call on stored data: no code is accepted twice, no enrolment is half written.

mod enrolment;

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::enroll_command;
use acceptance::files::Files;
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::{Login, PamCode};
use acceptance::snapshot::{NOT_ENROLLED, Snapshot, files_of, is_whole, renewed_codes};
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use std::collections::BTreeSet;
use std::fs;

#[test]
fn a_killed_login_uses_its_code_at_most_once() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let bobs = files_of(&fixture, "bob");
    assert_eq!(fixture.login_with_code_at("alice", THEN - 60).code(), PamCode::SUCCESS);
    let points = Sweep::today().points(points_of(&fixture, &fixture.login_with_code_at("alice", THEN)));
    let mut again = BTreeSet::new();
    for (point, then) in points.iter().zip((THEN + 120..).step_by(120)) {
        let login = fixture.login_with_code_at("alice", then);
        let logged = fixture.journal.events().len();
        let told = strace::login_killed_at(&login, point);
        let second = login.code();
        again.insert(second);
        let opened = [told.map(|outcome| outcome.code), Some(second)];
        let opened = opened.iter().filter(|code| **code == Some(PamCode::SUCCESS)).count();
        assert!(opened <= 1, "opened twice, killed at {point:?}");
        let events = fixture.journal.events();
        let accepted = events[logged..].iter().filter(|event| event.field("event") == "accepted").count();
        assert!(accepted <= 1, "accepted twice, killed at {point:?}: {events:?}");
        assert_eq!(status(&fixture, "alice"), 0, "{point:?}");
        assert_eq!(fixture.login_with_code_at("alice", then + 30).code(), PamCode::SUCCESS, "{point:?}");
        assert_eq!(files_of(&fixture, "bob"), bobs, "another process was touched, killed at {point:?}");
    }
    // Killed early the code is still good, killed late it is used: else nothing of this was shown.
    Sweep::today().assert_met(&again, [PamCode::SUCCESS, PamCode::AUTH_ERR]);
}

#[test]
fn a_killed_login_uses_its_recovery_code_at_most_once() {
    let fixture = Fixture::with(&["alice"]);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let login = fixture.login("alice").types(&codes[0]).at(THEN);
    let snapshot = Snapshot::of(&fixture);
    let points = points_of(&fixture, &login);
    let mut again = BTreeSet::new();
    for point in Sweep::today().points(points) {
        snapshot.restore();
        let told = strace::login_killed_at(&login, &point).map(|outcome| outcome.code);
        let second = login.clone().code();
        again.insert(second);
        assert!(
            told != Some(PamCode::SUCCESS) || second != PamCode::SUCCESS,
            "opened twice, killed at {point:?}"
        );
        assert_eq!(login.clone().code(), PamCode::AUTH_ERR, "opened a third time, killed at {point:?}");
        let next = fixture.login("alice").types(&codes[1]).at(THEN);
        assert_eq!(next.code(), PamCode::SUCCESS, "{point:?}");
    }
    Sweep::today().assert_met(&again, [PamCode::SUCCESS, PamCode::AUTH_ERR]);
}

#[test]
fn a_login_killed_after_judging_a_code_was_charged() {
    let fixture =
        Fixture::builder().config("[limit]\nlock_after = 1\nlock_for = \"1h\"").enrolled("alice").build();
    let login = fixture.login_with_code_at("alice", THEN);
    let snapshot = Snapshot::of(&fixture);
    let points = points_of(&fixture, &login);
    // Both slots as they are, the charge, the record.
    let recording = points.iter().filter(|point| point.name == "pwrite64").nth(2).unwrap();
    snapshot.restore();
    assert!(strace::login_killed_at(&login, recording).is_none());
    assert_eq!(login.code(), PamCode::AUTH_ERR, "a guess for nothing");
    assert_eq!(fixture.journal.last().what(), "refused locked", "a guess for nothing");
}

#[test]
fn recovery_codes_killed_leaves_the_old_set_or_the_new_one() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let bobs = files_of(&fixture, "bob");
    let old = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let mut old_works = BTreeSet::new();
    killed_at_each(&fixture, &RENEW, |point, said| {
        let old_set = opens(&fixture, "alice", &old[0]);
        old_works.insert(old_set);
        if let Some(new) = renewed_codes(said) {
            assert!(!old_set && opens(&fixture, "alice", &new[0]), "not the set that was shown: {point:?}");
        }
        assert_eq!(status(&fixture, "alice"), 0, "{point:?}");
        assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS, "{point:?}");
        let again = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
        assert!(!opens(&fixture, "alice", &old[1]), "an old code after a new set: {point:?}");
        assert!(opens(&fixture, "alice", &again[0]), "{point:?}");
        assert_eq!(files_of(&fixture, "bob"), bobs, "{point:?}");
    });
    Sweep::today().assert_met(&old_works, [false, true]);
}

#[test]
fn disable_killed_leaves_the_whole_enrolment_or_none() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let bobs = files_of(&fixture, "bob");
    let disable = ["--json", "disable", "alice", "--yes"];
    let mut enrolled = BTreeSet::new();
    killed_at_each(&fixture, &disable, |point, _| {
        enrolled.insert(is_whole(&fixture, "alice", THEN, &point.line));
        let again = fixture.totp_enroll(&disable);
        assert!([0, NOT_ENROLLED].contains(&again.status), "{point:?}: {again:?}");
        assert!(!is_whole(&fixture, "alice", THEN + 60, &point.line), "{point:?}");
        assert_eq!(files_of(&fixture, "bob"), bobs, "{point:?}");
        let phone = ("alice".to_owned(), fixture.authenticator("alice").clone());
        import(&fixture, &[phone], &[]).assert_done();
        assert!(is_whole(&fixture, "alice", THEN + 120, &point.line), "cannot come back: {point:?}");
    });
    Sweep::today().assert_met(&enrolled, [false, true]);
}

#[test]
fn a_killed_import_leaves_each_user_enrolled_or_not() {
    let mut fixture = Fixture::with(&["alice"]);
    let alices = files_of(&fixture, "alice");
    let people = ["carol", "dave"].map(|user| (user.to_owned(), Authenticator::random()));
    for (user, authenticator) in &people {
        fixture.note(user, authenticator.clone());
    }
    let users = fixture.write("users.oath", &users_file(&people));
    let arguments = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"];
    let mut enrolled = BTreeSet::new();
    killed_at_each(&fixture, &arguments, |point, _| {
        for (user, _) in &people {
            enrolled.insert(is_whole(&fixture, user, THEN, &point.line));
        }
        // Once more, without an option: who was enrolled before stays as they are, and that is no error.
        let again = import(&fixture, &people, &[]);
        assert_eq!(again.status, 0, "{point:?}: {again:?}");
        for (user, _) in &people {
            assert!(is_whole(&fixture, user, THEN + 60, &point.line), "{again:?} {point:?}");
        }
        assert_eq!(files_of(&fixture, "alice"), alices, "{point:?}");
    });
    Sweep::today().assert_met(&enrolled, [false, true]);
}

#[test]
fn unlock_killed_leaves_the_lock_or_lifts_it() {
    let fixture =
        Fixture::builder().config("[limit]\nlock_after = 1\nlock_for = \"1h\"").enrolled("alice").build();
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    let unlock = ["--json", "unlock", "alice"];
    let mut lifted = BTreeSet::new();
    killed_at_each(&fixture, &unlock, |point, _| {
        let code = fixture.login_with_code_at("alice", THEN).code();
        let is_locked = fixture.journal.last().what() == "refused locked";
        assert!(code == PamCode::SUCCESS || is_locked, "{code:?} {point:?}");
        lifted.insert(code);
        assert_eq!(status(&fixture, "alice"), 0, "{point:?}");
        fixture.totp_enroll(&unlock).assert_done();
        assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS, "{point:?}");
    });
    assert!(!Sweep::today().is_complete() || lifted.contains(&PamCode::SUCCESS));
}

#[test]
fn a_killed_repair_leaves_a_broken_ledger_or_a_good_one() {
    let fixture = Fixture::with(&["alice"]);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let used = fixture.code("alice");
    assert_eq!(fixture.login("alice").types(&used).code(), PamCode::SUCCESS);
    fs::write(fixture.ledger("alice"), vec![7; 4096]).unwrap();
    let repair = ["--json", "unlock", "alice", "--repair"];
    let mut repaired = BTreeSet::new();
    killed_at_each(&fixture, &repair, |point, _| {
        assert_ne!(fixture.login("alice").types(&used).code(), PamCode::SUCCESS, "{point:?}");
        let code = fixture.login_with_code_at("alice", THEN).code();
        assert!([PamCode::SUCCESS, PamCode::SYSTEM_ERR].contains(&code), "{code:?} {point:?}");
        repaired.insert(code);
        let again = fixture.totp_enroll(&repair);
        assert_eq!(again.status, 0, "{again:?} {point:?}");
        assert!(!opens(&fixture, "alice", &codes[0]), "a recovery code outlived the repair: {point:?}");
        assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS, "{point:?}");
    });
    assert!(!Sweep::today().is_complete() || repaired.contains(&PamCode::SUCCESS));
}

#[test]
fn keys_init_killed_leaves_a_whole_keyring_or_none() {
    let fixture = Fixture::builder().build();
    let init = ["keys", "init"];
    let nothing_yet = || {
        let _ = fs::remove_file(fixture.keyring());
        let _ = fs::remove_dir_all(fixture.state());
        let _ = fs::remove_file(fixture.generation_beside_keyring());
    };
    nothing_yet();
    let points = strace::record(&fixture.command(&init), &[&fixture.path("")]);
    let mut made = BTreeSet::new();
    for point in Sweep::today().points(points) {
        nothing_yet();
        let _ = strace::killed_at(&fixture.command(&init), &point);
        let whole = fs::read(fixture.keyring()).ok();
        made.insert(whole.is_some());
        assert_eq!(fixture.totp_enroll(&init).status, i32::from(whole.is_some()), "{point:?}");
        if let Some(whole) = whole {
            assert_eq!(fs::read(fixture.keyring()).unwrap(), whole, "{point:?}");
        }
        let phone = ("alice".to_owned(), Authenticator::random());
        import(&fixture, &[phone], &[]).assert_done();
        fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    }
    Sweep::today().assert_met(&made, [false, true]);
}

const RENEW: [&str; 4] = ["--json", "recovery-codes", "alice", "--yes"];

/// The calls of a login on what is stored, and those after it.
fn points_of(fixture: &Fixture, login: &Login) -> Vec<Point> {
    let mut points = strace::record_login(login, &strace::stored(fixture, "alice"));
    points.extend(strace::ending(login));
    points
}

/// Kills a command at each of its calls, and looks at what it left wherever that is not what was there before.
fn killed_at_each(fixture: &Fixture, arguments: &[&str], mut check: impl FnMut(&Point, &str)) {
    let snapshot = Snapshot::of(fixture);
    let points = strace::record(&fixture.command(arguments), &[&fixture.path("")]);
    let (sweep, mut changed) = (Sweep::today(), 0);
    for point in sweep.points(points) {
        snapshot.restore();
        let before = Files::below(&fixture.state());
        let said = strace::killed_at(&fixture.command(arguments), &point);
        if Files::below(&fixture.state()) != before {
            changed += 1;
            check(&point, &said);
        }
    }
    sweep.assert_more_than(3, changed, "changes");
}

fn import(
    fixture: &Fixture,
    people: &[(String, Authenticator)],
    options: &[&str],
) -> enroll_command::CommandOutput {
    let users = fixture.write("import.oath", &users_file(people));
    let users = users.to_string_lossy();
    let mut arguments = vec!["--json", "import", "oath", &users, "--allow-unknown"];
    arguments.extend(options);
    fixture.totp_enroll(&arguments)
}

fn status(fixture: &Fixture, user: &str) -> i32 {
    fixture.totp_enroll(&["--json", "status", user]).status
}

fn opens(fixture: &Fixture, user: &str, answer: &str) -> bool {
    fixture.login(user).types(answer).at(THEN).code() == PamCode::SUCCESS
}
