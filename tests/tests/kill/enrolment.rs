//! Enrolments killed at every system call: the old enrolment or the new one, never half of one.

use super::{RENEW, opens, status};
use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::enroll_command;
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::PamCode;
use acceptance::snapshot::{NOT_ENROLLED, Snapshot};
use acceptance::strace::{self, Point, Trace};
use acceptance::sweep::Sweep;
use acceptance::terminal::{Ended, Terminal};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn a_killed_replacement_leaves_the_old_enrolment_or_the_new() {
    let mut fixture = Fixture::builder().account("alice").build();
    let old = fixture.enrol("alice", &[]);
    let replace = ["enroll", "alice", "--replace"];
    let mut in_place = BTreeSet::new();
    killed_after_its_code_at_each(&fixture, &replace, |new, ended, point| {
        let (by_old, by_new) = (opens_with(&fixture, &old.authenticator), opens_with(&fixture, new));
        assert!(by_old != by_new, "old {by_old}, new {by_new}, killed at {point:?}");
        in_place.insert(by_new);
        assert_eq!(opens(&fixture, "alice", &old.recovery_codes[0]), by_old, "half an enrolment: {point:?}");
        if let Some(code) = enroll_command::recovery_codes(&ended.screen).first() {
            assert!(opens(&fixture, "alice", code), "shown, but not good: {point:?}");
        }
        assert_eq!(status(&fixture, "alice"), 0, "{point:?}");
        let (_, again) = at_the_terminal(&fixture.command(&replace));
        assert_eq!(again.status, 0, "{point:?}: {}", again.screen);
    });
    Sweep::today().assert_met(&in_place, [false, true]);
}

#[test]
fn a_killed_first_enrolment_is_whole_or_absent() {
    let fixture = Fixture::builder().account("alice").build();
    let mut enrolled = BTreeSet::new();
    killed_after_its_code_at_each(&fixture, &["enroll", "alice"], |new, _, point| {
        let by_new = opens_with(&fixture, new);
        enrolled.insert(by_new);
        assert_eq!(status(&fixture, "alice"), if by_new { 0 } else { NOT_ENROLLED }, "{point:?}");
        let what = fixture.journal.last().what();
        assert!(by_new || what == "refused not_enrolled", "taken for an error: {what}: {point:?}");
        let again = if by_new { vec!["enroll", "alice", "--replace"] } else { vec!["enroll", "alice"] };
        let (_, again) = at_the_terminal(&fixture.command(&again));
        assert_eq!(again.status, 0, "{point:?}: {}", again.screen);
    });
    Sweep::today().assert_met(&enrolled, [false, true]);
}

#[test]
fn a_killed_addition_leaves_one_authenticator_or_both() {
    let mut fixture = Fixture::builder().account("alice").build();
    let old = fixture.enrol("alice", &[]);
    let add = ["enroll", "alice", "--add", "--label", "spare"];
    let mut added = BTreeSet::new();
    killed_after_its_code_at_each(&fixture, &add, |spare, _, point| {
        assert!(opens_with(&fixture, &old.authenticator), "the first is gone: {point:?}");
        let by_spare = opens_with(&fixture, spare);
        added.insert(by_spare);
        assert_eq!(status(&fixture, "alice"), 0, "{point:?}");
        assert!(opens(&fixture, "alice", &old.recovery_codes[0]), "{point:?}");
        if !by_spare {
            let (spare, again) = at_the_terminal(&fixture.command(&add));
            assert_eq!(again.status, 0, "{point:?}: {}", again.screen);
            assert!(opens_with(&fixture, &spare), "{point:?}");
        }
    });
    Sweep::today().assert_met(&added, [false, true]);
}

#[test]
fn drafts_of_killed_commands_do_no_harm() {
    let mut fixture = Fixture::with(&["alice"]);
    let new_users = ["carol", "dave"].map(|user| (user.to_owned(), Authenticator::random()));
    for (user, authenticator) in &new_users {
        fixture.note(user, authenticator.clone());
    }
    let users = fixture.write("users.oath", &users_file(&new_users));
    let import = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"];
    // Before each of them gets its name.
    kill_at_the_first(&fixture, &RENEW, "renameat");
    kill_at_the_first(&fixture, &import, "renameat2");
    fs::rename(fixture.keyring(), fixture.path("keyring.kept")).unwrap();
    kill_at_the_first(&fixture, &["keys", "init", "--force"], "renameat2");
    fs::rename(fixture.path("keyring.kept"), fixture.keyring()).unwrap();
    let drafts = drafts_below(&fixture.path(""));
    assert_eq!(drafts.len(), 3, "{drafts:?}");
    for draft in &drafts {
        assert_eq!(fs::metadata(draft).unwrap().mode() & 0o7777, 0o600, "{draft:?}");
    }
    fixture.totp_enroll(&import).assert_done();
    for user in ["alice", "carol", "dave"] {
        assert_eq!(fixture.login_with_code_at(user, THEN).code(), PamCode::SUCCESS);
        assert_eq!(status(&fixture, user), 0);
    }
    let list = fixture.totp_enroll(&["list"]);
    list.assert_done();
    assert!(!list.stdout.contains(".new."), "{list:?}");
    fixture.totp_enroll(&["keys", "list"]).assert_done();
    fixture.totp_enroll(&RENEW).assert_done();
    let left = drafts_below(&fixture.path(""));
    assert!(!left.iter().any(|draft| draft.ends_with(".new.alice")), "never taken away: {left:?}");
}

/// Kills an enrolment of alice at calls from its first write on, and looks at what it left.
fn killed_after_its_code_at_each(
    fixture: &Fixture,
    arguments: &[&str],
    mut check: impl FnMut(&Authenticator, &Ended, &Point),
) {
    let snapshot = Snapshot::of(fixture);
    let trace = Trace::new();
    let (_, ended) = at_the_terminal(&trace.recording(&fixture.command(arguments)));
    assert_eq!(ended.status, 0, "{}", ended.screen);
    let points = trace.points(&[&fixture.state()]);
    let of_the_store = points.iter().filter(|point| !point.line.contains("</dev/pts"));
    // Before the prompt, directories and the spare files of the spool are made.
    let is_of_a_ledger = |point: &Point| point.name.starts_with("pwrite") && point.line.contains("/ledgers/");
    let from_the_first_write = of_the_store.skip_while(|point| !is_of_a_ledger(point));
    for point in Sweep::today().points(from_the_first_write) {
        snapshot.restore();
        let trace = Trace::new();
        let (new, ended) = at_the_terminal(&trace.killing(&fixture.command(arguments), point));
        assert_eq!(ended.status, 128 + 9, "did not die at {point:?}: {}", ended.screen);
        check(&new, &ended, point);
    }
}

/// Alice is enrolled by root, up to and with her code; gives what her phone then has.
fn at_the_terminal(command: &Command) -> (Authenticator, Ended) {
    let mut terminal = Terminal::open(command);
    let (name, code) = (enroll_command::asks_for_the_name("alice"), enroll_command::ASKS_FOR_A_CODE);
    let (asked, mut shown) = terminal.expect_any(&[&name, code]);
    if asked == 0 {
        terminal.types("alice");
        shown = terminal.expect_any(&[code]).1;
    }
    let phone = enroll_command::authenticator_in(&shown);
    terminal.types(&phone.code());
    (phone, terminal.end())
}

fn opens_with(fixture: &Fixture, phone: &Authenticator) -> bool {
    opens(fixture, "alice", &phone.code_at(THEN))
}

/// Kills a command before it makes such a call for the first time.
fn kill_at_the_first(fixture: &Fixture, arguments: &[&str], call: &str) {
    let command = fixture.command(arguments);
    let point = Point { name: call.to_owned(), occurrence: 1, paths: Vec::new(), line: String::new() };
    drop(strace::killed_at(&command, &point));
}

fn drafts_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_draft =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".new."));
    let drafts = files.into_iter().filter(is_draft);
    drafts.chain(directories.iter().flat_map(|inner| drafts_below(inner))).collect()
}
