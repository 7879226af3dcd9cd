//! `keys rotate` while logins, enrolments and other commands go on.

use super::{RotationSnapshot, keys, opens, rotate};
use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::PamCode;
use acceptance::snapshot::{NOT_ENROLLED, renewed_codes};
use acceptance::wait;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn nobody_is_refused_while_the_keys_are_rotated() {
    let people = ["alice", "bob", "carol"];
    let fixture = Fixture::with(&people);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let logins = people.map(|user| {
            let (fixture, over) = (&fixture, &over);
            scope.spawn(move || {
                let mut then = THEN;
                while !over.load(Ordering::Relaxed) {
                    let outcome = fixture.login_with_code_at(user, then).run();
                    assert_eq!(outcome.code, PamCode::SUCCESS, "{user}: {:?}", fixture.journal.events());
                    then += 30;
                }
                (then - THEN) / 30
            })
        });
        let rotated: Vec<CommandOutput> = (0..25).map(|_| rotate(&fixture)).collect();
        over.store(true, Ordering::Relaxed);
        let logins = logins.map(|login| login.join().unwrap());
        assert!(logins.iter().all(|&count| count > 5), "{logins:?}");
        rotated.iter().for_each(CommandOutput::assert_done);
    });
}

#[test]
fn a_login_that_waited_while_its_keys_were_rotated_gets_in() {
    let fixture = Fixture::with(&["alice"]);
    let before = RotationSnapshot::of(&fixture);
    rotate(&fixture).assert_done();
    let after = [fixture.keyring(), fixture.credential("alice")].map(|file| (fs::read(&file).unwrap(), file));
    before.restore(&fixture);
    let ledger = Flock::lock(File::open(fixture.ledger("alice")).unwrap(), FlockArg::LockExclusive).unwrap();
    let login = fixture.login_with_code_at("alice", THEN).hold().release();
    // By then it has read the keyring, and waits for the ledger.
    wait::until_open(login.pid(), &fixture.ledger("alice"));
    for (content, file) in after {
        fs::write(file, content).unwrap();
    }
    drop(ledger);
    assert_eq!(login.outcome().map(|outcome| outcome.code).ok(), Some(PamCode::SUCCESS));
}

#[test]
fn an_enrolment_confirmed_after_a_rotation_is_valid() {
    let mut fixture = Fixture::builder().account("alice").enrolled("bob").build();
    let mut terminal = fixture.at_terminal(&["enroll", "alice"]);
    let phone = enroll_command::shown_authenticator(&mut terminal, &[]);
    rotate(&fixture).assert_done();
    terminal.types(&phone.code());
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    fixture.note("alice", phone);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let code = enroll_command::recovery_codes(&ended.screen).remove(0);
    assert_eq!(opens(&fixture, "alice", &code), PamCode::SUCCESS);
}

#[test]
fn changes_of_other_commands_during_a_rotation_are_kept() {
    let people: Vec<String> = (0..40).map(|n| format!("user{n}")).collect();
    let fixture = people.iter().fold(Fixture::builder(), |builder, user| builder.enrolled(user)).build();
    let over = AtomicBool::new(false);
    let codes: Vec<(&String, Vec<String>)> = thread::scope(|scope| {
        let rotating = scope.spawn(|| {
            let mut rotated = Vec::new();
            while !over.load(Ordering::Relaxed) {
                rotated.push(rotate(&fixture));
            }
            rotated
        });
        let codes = people[..20].iter().map(|user| {
            let done = fixture.totp_enroll(&["--json", "recovery-codes", user, "--yes"]);
            (user, renewed_codes(&done.stdout).unwrap_or_else(|| panic!("{done:?}")))
        });
        let codes = codes.collect();
        for user in &people[20..] {
            fixture.totp_enroll(&["--json", "disable", user, "--yes"]).assert_done();
        }
        over.store(true, Ordering::Relaxed);
        let rotated = rotating.join().unwrap();
        assert!(rotated.len() > 1);
        rotated.iter().for_each(CommandOutput::assert_done);
        codes
    });
    for (user, codes) in codes {
        assert_eq!(opens(&fixture, user, &codes[0]), PamCode::SUCCESS, "{user}");
        assert_eq!(fixture.login_with_code_at(user, THEN).code(), PamCode::SUCCESS, "{user}");
    }
    for user in &people[20..] {
        assert_eq!(fixture.totp_enroll(&["--json", "status", user]).status, NOT_ENROLLED, "{user} is back");
    }
    rotate(&fixture).assert_done();
}

#[test]
fn people_are_enrolled_while_the_keys_are_rotated() {
    let fixture = Fixture::with(&["alice"]);
    let people: Vec<(String, Authenticator)> =
        (0..30).map(|n| (format!("user{n}"), Authenticator::random())).collect();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let rotating = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                rotate(&fixture).assert_done();
            }
        });
        for person in &people {
            let users = fixture.write("users.oath", &users_file(std::slice::from_ref(person)));
            let users = users.to_string_lossy();
            fixture.totp_enroll(&["--json", "import", "oath", &users, "--allow-unknown"]).assert_done();
        }
        over.store(true, Ordering::Relaxed);
        rotating.join().unwrap();
    });
    for (user, phone) in &people {
        assert_eq!(opens(&fixture, user, &phone.code_at(THEN)), PamCode::SUCCESS, "{user}");
    }
}

#[test]
fn of_two_rotations_at_once_one_refuses() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let ledger = Flock::lock(File::open(fixture.ledger("alice")).unwrap(), FlockArg::LockExclusive).unwrap();
    let first = thread::scope(|scope| {
        let first = scope.spawn(|| rotate(&fixture));
        wait::until("there is a new key beside the old one", || {
            assert!(!first.is_finished(), "it made no new key beside the old one");
            keys(&fixture).len() == 2
        });
        let before = fs::read(fixture.keyring()).unwrap();
        let second = rotate(&fixture);
        assert_eq!(second.status, 1, "{second:?}");
        assert!(second.stderr.contains("is changing the keys"), "{second:?}");
        assert_eq!(fs::read(fixture.keyring()).unwrap(), before);
        first.join().unwrap()
    });
    // She could not be held: she is named, and her key stays.
    assert_eq!(first.status, 1, "{first:?}");
    assert_eq!(first.json()["left"][0]["user"], "alice", "{first:?}");
    assert_eq!((&first.json()["resealed"], keys(&fixture).len()), (&1.into(), 2));
    drop(ledger);
    let again = rotate(&fixture);
    again.assert_done();
    assert_eq!((&again.json()["resealed"], keys(&fixture).len()), (&1.into(), 1));
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}
