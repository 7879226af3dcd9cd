//! The generation of the state, in two copies: a crash between them shuts nobody out, and a state that was restored from a backup is
//! refused until `totp-enroll restored` has made void what it could bring back.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a fixture that cannot be built fails its test"
)]

use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::login::{Login, PamCode};
use acceptance::reset_steps;
use acceptance::snapshot::{Snapshot, renewed_codes};
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn a_crash_between_the_two_copies_shuts_nobody_out() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN - 60).code(), PamCode::SUCCESS);
    let [state, beside] = copies(&fixture);
    let old = of_another_boot(&fixture);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let new = fs::read(&state).unwrap();
    assert_eq!(fs::read(&beside).unwrap(), new, "a boot moves both");
    assert_ne!(new, old);
    // What a power cut can leave: the state's copy is on the disk before the other one is begun.
    for ((in_state, by_keyring), then) in
        [(&old, &old), (&new, &old), (&new, &new)].into_iter().zip((THEN + 60..).step_by(60))
    {
        fs::write(&state, in_state).unwrap();
        fs::write(&beside, by_keyring).unwrap();
        assert_eq!(fixture.login_with_code_at("alice", then).code(), PamCode::SUCCESS);
        assert_eq!(fs::read(&state).unwrap(), fs::read(&beside).unwrap(), "it is repaired");
    }
    fs::remove_file(&beside).unwrap();
    assert_eq!(fixture.login_with_code_at("alice", THEN + 600).code(), PamCode::SUCCESS);
    assert_eq!(fs::read(&state).unwrap(), fs::read(&beside).unwrap());
}

#[test]
fn the_copy_in_the_state_is_on_the_disk_before_the_other_is_written() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN - 60).code(), PamCode::SUCCESS);
    of_another_boot(&fixture);
    let (outcome, trace) = strace::trace_login(&fixture.login_with_code_at("alice", THEN));
    assert_eq!(outcome.code, PamCode::SUCCESS);
    let points = trace.points(&[fixture.path("").as_path()]);
    let at = |call: &str, name: &str| {
        points.iter().position(|point| point.name.starts_with(call) && point.line.contains(name)).unwrap()
    };
    let renamed = at("rename", ".new.generation\"");
    let synced = points[..renamed].iter().rposition(|point| point.name.contains("sync")).unwrap();
    assert!(points[synced].line.contains(".new.generation"), "{:?}", points[synced]);
    let directory = points[renamed..].iter().position(|point| point.name == "fsync").unwrap() + renamed;
    assert!(directory < at("open", ".new.keyring."), "{points:#?}");
}

#[test]
fn a_login_killed_while_the_generation_moves_shuts_nobody_out() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN - 60).code(), PamCode::SUCCESS);
    of_another_boot(&fixture);
    let snapshot = Snapshot::of(&fixture);
    let points = points_of(&fixture, &fixture.login_with_code_at("alice", THEN));
    let mut again = BTreeSet::new();
    for point in Sweep::today().points(points) {
        snapshot.restore();
        let login = fixture.login_with_code_at("alice", THEN);
        let told = strace::login_killed_at(&login, &point).map(|outcome| outcome.code);
        let second = login.code();
        again.insert(second);
        assert!(matches!(second, PamCode::SUCCESS | PamCode::AUTH_ERR), "{second:?}, killed at {point:?}");
        assert!(told.is_none() || second == PamCode::AUTH_ERR, "opened twice, killed at {point:?}");
        assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS, "{point:?}");
        let [state, beside] = copies(&fixture).map(|file| fs::read(file).unwrap());
        assert_eq!(state, beside, "killed at {point:?}");
    }
    Sweep::today().assert_met(&again, [PamCode::SUCCESS, PamCode::AUTH_ERR]);
}

#[test]
fn where_a_copy_cannot_be_written_logins_go_on_and_doctor_says_so() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN - 60).code(), PamCode::SUCCESS);
    of_another_boot(&fixture);
    let snapshot = Snapshot::of(&fixture);
    let points = points_of(&fixture, &fixture.login_with_code_at("alice", THEN));
    let of_copies = |point: &Point| point.line.contains(".new.") && point.line.contains("generation");
    let cases: Vec<(&str, &Point)> = ["EIO", "ENOSPC", "EROFS"]
        .into_iter()
        .flat_map(|error| points.iter().filter(|point| of_copies(point)).map(move |point| (error, point)))
        .collect();
    assert!(cases.len() > 12, "{cases:?}");
    for (error, point) in Sweep::today().points(cases) {
        snapshot.restore();
        let outcome = strace::login_failing_at(&fixture.login_with_code_at("alice", THEN), point, error);
        assert_eq!(outcome.code, PamCode::SUCCESS, "{error} at {point:?}");
    }
    snapshot.restore();
    let [_, beside] = copies(&fixture);
    fs::create_dir(draft_of(&beside)).unwrap();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert!(findings(&fixture).contains("restore_unnoticed"));
    fs::remove_dir(draft_of(&beside)).unwrap();
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
    assert!(!findings(&fixture).contains("restore_unnoticed"));
}

#[test]
fn a_restored_state_is_refused_until_it_is_accepted_and_brings_nothing_back() {
    let fixture = Fixture::with(&["alice"]);
    let codes =
        renewed_codes(&fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).stdout).unwrap();
    let by_code = |then| fixture.login_with_code_at("alice", then);
    let by_recovery_code = || fixture.login("alice").types(&codes[0]).at(THEN);
    let [_, beside] = copies(&fixture);
    let backup = Snapshot::of(&fixture);
    of_another_boot(&fixture);
    assert_eq!(by_code(THEN).code(), PamCode::SUCCESS);
    assert_eq!(by_recovery_code().code(), PamCode::SUCCESS);

    let by_keyring = fs::read(&beside).unwrap();
    backup.restore();
    // What is beside the keyring is not in a backup of the state.
    fs::write(&beside, by_keyring).unwrap();
    for login in [by_code(THEN), by_code(THEN + 60), by_recovery_code()] {
        assert_eq!(login.code(), PamCode::SYSTEM_ERR);
        assert!(fixture.journal.last().field("problem").contains("restored from a backup"));
    }
    let finding = findings(&fixture);
    assert!(finding.contains("state_restored") && finding.contains("totp-enroll restored"), "{finding}");
    let all = fixture.totp_enroll(&["--json", "doctor"]).json();
    let serious: Vec<&serde_json::Value> =
        all["findings"].as_array().unwrap().iter().filter(|one| one["severity"] == "serious").collect();
    assert_eq!(serious[0]["name"], "state_restored", "{serious:#?}");
    assert_eq!(
        finding.matches("restored from a backup").count(),
        1,
        "it is said once, not for each person: {finding}"
    );
    assert_eq!(fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).status, 1);
    let upgrade = fixture.totp_enroll(&["keys", "upgrade"]);
    assert!(upgrade.status == 1 && upgrade.stderr.contains("totp-enroll restored"), "{upgrade:?}");

    fixture.command_of_root(&["--json", "restored", "--yes"], THEN + 1).assert_done();
    assert!(fixture.journal.lines().iter().any(|line| line.contains("event=state_restored by=")));
    assert_eq!(by_recovery_code().code(), PamCode::AUTH_ERR, "a recovery code came back");
    assert_eq!(by_code(THEN).code(), PamCode::AUTH_ERR, "a code came back");
    assert!(!findings(&fixture).contains("state_restored"));
    let again = fixture.totp_enroll(&["restored", "--yes"]);
    assert_eq!(again.status, 1);
    assert!(again.stderr.contains("not known to be restored"), "{again:?}");
}

#[test]
fn in_a_restored_state_no_reset_is_requested() {
    let fixture = Fixture::builder()
        .account("alice")
        .enrolled("alice")
        .config("[reset]\napprovals = 1\ncooldown = \"1h\"")
        .build();
    let backup = Snapshot::of(&fixture);
    of_another_boot(&fixture);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let newer = fs::read(&copies(&fixture)[1]).unwrap();
    backup.restore();
    fs::write(&copies(&fixture)[1], newer).unwrap();
    let request =
        || fixture.command_of_root(&["--json", "reset", "request", "alice", "--reason", "lost"], THEN + 60);
    let refused = request();
    assert!(refused.status == 1 && refused.stdout.contains("totp-enroll restored"), "{refused:?}");
    fixture.totp_enroll(&["--json", "restored", "--yes"]).assert_done();
    request().assert_done();
}

#[test]
fn a_reset_token_of_a_restored_state_is_void() {
    let fixture = reset_steps::ready("");
    let ready = THEN + 3600;
    let token = reset_steps::token_in(&reset_steps::completes(&fixture, "bob", ready));
    let backup = Snapshot::of(&fixture);
    of_another_boot(&fixture);
    assert_eq!(fixture.login_with_code_at("alice", ready).code(), PamCode::AUTH_ERR, "not enrolled");
    let newer = fs::read(&copies(&fixture)[1]).unwrap();
    backup.restore();
    fs::write(&copies(&fixture)[1], newer).unwrap();
    fixture.command_of_root(&["--json", "restored", "--yes"], ready).assert_done();
    assert_ne!(reset_steps::enrols_with(&fixture, &token, ready + 60).code(), PamCode::SUCCESS);
}

#[test]
fn a_state_with_an_enrolment_that_cannot_be_voided_is_not_accepted() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let backup = Snapshot::of(&fixture);
    of_another_boot(&fixture);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let newer = fs::read(&copies(&fixture)[1]).unwrap();
    backup.restore();
    fs::write(&copies(&fixture)[1], newer).unwrap();
    fs::write(fixture.credential("bob"), "version = 3\n").unwrap();
    let refused = fixture.totp_enroll(&["restored", "--yes"]);
    assert!(refused.status == 1 && refused.stderr.contains("bob: "), "{refused:?}");
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SYSTEM_ERR);
    fixture.totp_enroll(&["disable", "bob", "--yes"]).assert_done();
    fixture.totp_enroll(&["restored", "--yes"]).assert_done();
    assert_eq!(fixture.login_with_code_at("alice", THEN + 120).code(), PamCode::SUCCESS);
}

#[test]
fn two_states_with_one_keyring_know_nothing_of_each_other() {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let config = fs::read_to_string(fixture.conf()).unwrap();
    let other = fixture.state().with_file_name("other-state").display().to_string();
    fs::write(fixture.conf(), config.replace(&fixture.state().display().to_string(), &other)).unwrap();
    for command in [&["enroll", "alice", "--batch"][..], &["recovery-codes", "alice", "--yes"]] {
        fixture.totp_enroll(&[&["--json"], command].concat()).assert_done();
    }
    assert!(!findings(&fixture).contains("state_restored"));
    fs::write(fixture.conf(), config).unwrap();
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
}

#[test]
fn a_restored_state_is_named_to_who_is_not_enrolled() {
    let fixture = Fixture::builder().account("alice").account("bob").enrolled("alice").build();
    let backup = Snapshot::of(&fixture);
    of_another_boot(&fixture);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let newer = fs::read(&copies(&fixture)[1]).unwrap();
    backup.restore();
    fs::write(&copies(&fixture)[1], newer).unwrap();
    let enrolment = fixture.totp_enroll(&["--json", "enroll", "bob", "--batch"]);
    assert!(enrolment.status == 1 && enrolment.stdout.contains("totp-enroll restored"), "{enrolment:?}");
    for command in [["disable", "bob", "--yes"], ["recovery-codes", "bob", "--yes"]] {
        let refused = fixture.totp_enroll(&[&["--json"], &command[..]].concat());
        assert!(refused.status == 3 && refused.stdout.contains("is not enrolled"), "{refused:?}");
    }
}

#[test]
fn an_edited_ledger_and_a_reordered_list_of_recovery_codes_are_refused() {
    let fixture = Fixture::with(&["alice"]);
    let codes =
        renewed_codes(&fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).stdout).unwrap();
    let by_recovery_code = |at: usize| fixture.login("alice").types(&codes[at]).at(THEN);
    assert_eq!(by_recovery_code(0).code(), PamCode::SUCCESS);

    // The mark is the place in the list: with the first two exchanged, the used code would be good again.
    let (credential, sound) =
        (fixture.credential("alice"), fs::read_to_string(fixture.credential("alice")).unwrap());
    let (head, hashes) = sound.split_once("hashes = [").unwrap();
    let mut hashes: Vec<&str> = hashes.trim_end().trim_end_matches(']').split(", ").collect();
    hashes.swap(0, 1);
    fs::write(&credential, format!("{head}hashes = [{}]\n", hashes.join(", "))).unwrap();
    for at in [0, 1, 2] {
        assert_ne!(by_recovery_code(at).code(), PamCode::SUCCESS, "code {at} of a reordered list");
    }
    fs::write(&credential, &sound).unwrap();
    assert_eq!(by_recovery_code(0).code(), PamCode::AUTH_ERR);

    // A ledger that another enrolment, or an earlier moment, had in the other place.
    let (ledger, bytes) = (fixture.ledger("alice"), fs::read(fixture.ledger("alice")).unwrap());
    let mut moved = bytes.clone();
    moved.rotate_left(bytes.len() / 2);
    fs::write(&ledger, moved).unwrap();
    assert_eq!(by_recovery_code(1).code(), PamCode::SYSTEM_ERR);
    assert!(fixture.journal.last().field("problem").contains("modified by something other"));
    fs::write(&ledger, bytes).unwrap();
    assert_eq!(by_recovery_code(1).code(), PamCode::SUCCESS);
}

/// The copy in the state, and the one beside the keyring.
fn copies(fixture: &Fixture) -> [PathBuf; 2] {
    [fixture.state().join("generation"), fixture.generation_beside_keyring()]
}

/// The file that is renamed to a copy.
fn draft_of(copy: &Path) -> PathBuf {
    copy.with_file_name(format!(".new.{}", copy.file_name().unwrap().display()))
}

/// As if the generation had been written at another boot: the next login moves it.
fn of_another_boot(fixture: &Fixture) -> Vec<u8> {
    let [state, beside] = copies(fixture);
    let text = fs::read_to_string(&state).unwrap();
    let mut words: Vec<&str> = text.trim_end().split(' ').collect();
    words[4] = "0123abcd";
    let older = format!("{}\n", words.join(" "));
    fs::write(state, &older).unwrap();
    fs::write(beside, &older).unwrap();
    older.into_bytes()
}

fn findings(fixture: &Fixture) -> String {
    fixture.totp_enroll(&["--json", "doctor"]).stdout
}

fn points_of(fixture: &Fixture, login: &Login) -> Vec<Point> {
    let [_, beside] = copies(fixture);
    let mut paths = strace::stored(fixture, "alice");
    paths.extend([fixture.state().join("generation"), fixture.state().join(".new.generation")]);
    paths.extend([draft_of(&beside), beside]);
    // Its directories.
    paths.extend([fixture.path("").components().collect()]);
    strace::record_login(login, &paths)
}
