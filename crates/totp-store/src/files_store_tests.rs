//! Tests of the files on the disk: names, listings, slots, and errors.

use super::*;
use crate::FileEntry;
use crate::files_store::{LedgerFile, read_file};
use crate::fixture::{Fixture, NOON, PATIENCE, PHONE, alice, at, code, logged_in, once_more_wrong, word};
use crate::trusted_files::{Lock, lock};
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use totp_core::enrolment::ExpectedEnrolment;
use totp_core::fixture::AllKeys;
use totp_core::ledger::Ledger;
use totp_core::ledger::slot::SLOT;
use totp_core::ledger::slots::{Conversion, LENGTH, NextSlot, Slots};
use totp_core::store::{Document, Durability, Entries, Entry, Held, Hold, Reseal, Store, Users};

fn enrolled() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    fixture
}

fn entry(fixture: &Fixture) -> FileEntry {
    fixture.store.entry(&alice().user, PATIENCE).unwrap().unwrap()
}

/// The two slots of alice's ledger, if they belong to her enrolment.
fn slots(fixture: &Fixture) -> [Option<Ledger>; 2] {
    let credential = entry(fixture).credential().unwrap().unwrap().clone();
    let file = std::fs::read(fixture.file("ledgers/alice")).unwrap();
    let without = |at: usize| {
        let mut file = file.clone();
        file[at..at + SLOT].fill(0);
        Slots::of(&file).newest_of(&credential, &AllKeys::default()).unwrap().map(|(ledger, _)| ledger)
    };
    [without(SLOT), without(0)]
}

/// Alice's ledger with a change.
fn changed(fixture: &Fixture) -> Ledger {
    once_more_wrong(entry(fixture).ledger().unwrap().clone())
}

#[test]
fn a_durable_write_is_on_both_slots() {
    let fixture = enrolled();
    let [Some(first), Some(second)] = slots(&fixture) else { panic!("hers") };
    assert_eq!(first, second);

    let next = changed(&fixture);
    entry(&fixture).record(&next).unwrap();
    assert_eq!(slots(&fixture), [Some(next.clone()), Some(next)]);

    let next = changed(&fixture);
    let Ok(Hold::Held(mut held)) = fixture.store.hold(&alice().user, PATIENCE) else { panic!("held") };
    held.replace(&next, Durability::Machine).unwrap();
    drop(held);
    assert_eq!(slots(&fixture), [Some(next.clone()), Some(next)]);
}

#[test]
fn a_login_leaves_the_slot_before_it() {
    let fixture = enrolled();
    let before = entry(&fixture).ledger().unwrap().clone();
    let next = changed(&fixture);
    let Ok(Hold::Held(mut held)) = fixture.store.hold(&alice().user, PATIENCE) else { panic!("held") };
    held.replace(&next, Durability::Process).unwrap();
    drop(held);
    let slots = slots(&fixture);
    assert!(slots.contains(&Some(before)) && slots.contains(&Some(next)));
}

#[test]
fn messages_name_the_files() {
    let fixture = enrolled();
    assert_eq!(
        fixture.store.name_of(Document::Credential, &alice().user),
        fixture.file("credentials/alice.toml").to_str().unwrap()
    );
    assert_eq!(
        fixture.store.name_of(Document::Ledger, &alice().user),
        fixture.file("ledgers/alice").to_str().unwrap()
    );
    assert!(fixture.file("credentials/alice.toml").exists() && fixture.file("ledgers/alice").exists());
}

#[test]
fn an_error_of_a_ledger_names_its_file() {
    let fixture = enrolled();
    std::fs::set_permissions(fixture.file("ledgers/alice"), PermissionsExt::from_mode(0o644)).unwrap();
    let error = fixture.store.entry(&alice().user, PATIENCE).err().unwrap();
    assert_eq!(error.about(), fixture.file("ledgers/alice").to_str().unwrap());
}

#[test]
fn a_write_that_fails_names_the_ledger() {
    let fixture = enrolled();
    let path = fixture.file("ledgers/alice");
    let unlocked = entry(&fixture);
    let FileEntry { store, dirs, component, later, key, file: LedgerFile { user, file, .. }, .. } = unlocked;
    drop(file);
    let Ok(Lock::Locked(file)) = lock(File::open(&path).unwrap().into(), &path, None) else { panic!("free") };
    let file = LedgerFile { file, path: path.clone(), user };
    let read_only = FileEntry { store, dirs, component, later, file, key, credential: None, found: None };
    let error = read_only.record(&Ledger::default()).unwrap_err();
    assert_eq!((error.about(), error.problem()), (path.to_str().unwrap(), "cannot write: Bad file number"));
}

#[test]
fn users_with_a_credential_are_listed_and_drafts_are_not() {
    let fixture = enrolled();
    assert_eq!(fixture.store.users().unwrap(), [alice().user]);
    for name in ["zoe.toml", "%C3%A4.toml", "bob.toml", ".new.carol"] {
        std::fs::write(fixture.file("credentials").join(name), "").unwrap();
    }
    let names: Vec<_> = fixture.store.users().unwrap().iter().map(|user| user.as_str().to_owned()).collect();
    assert_eq!(names, ["alice", "bob", "zoe", "ä"]);
}

#[test]
fn a_foreign_file_among_credentials_is_named() {
    for foreign in ["README", "%61lice.toml", ".toml", "a b.toml", "alice.toml.bak"] {
        let fixture = enrolled();
        let file = fixture.file("credentials").join(foreign);
        std::fs::write(&file, "").unwrap();
        assert_eq!(fixture.store.users().unwrap_err().about(), file.to_str().unwrap());
    }
}

#[test]
fn an_enrolment_is_missing_known_or_unreadable() {
    let mut fixture = Fixture::new();
    let in_place = |fixture: &Fixture| fixture.store.expected(&alice().user).unwrap();
    assert_eq!(in_place(&fixture), ExpectedEnrolment::Nothing);
    fixture.enrol(PHONE);
    let id = entry(&fixture).credential().unwrap().unwrap().owner().id;
    assert_eq!(in_place(&fixture), ExpectedEnrolment::Enrolment(id));
    std::fs::write(fixture.file("credentials/alice.toml"), "what").unwrap();
    assert_eq!(in_place(&fixture), ExpectedEnrolment::Unreadable);
    std::fs::set_permissions(fixture.file("credentials/alice.toml"), PermissionsExt::from_mode(0o666))
        .unwrap();
    assert!(matches!(fixture.store.expected(&alice().user), Err(StoreError::Unsafe { .. })));
}

#[test]
fn a_ledger_of_another_length_is_damaged() {
    let fixture = enrolled();
    let whole = std::fs::read(fixture.file("ledgers/alice")).unwrap();
    for length in [1, SLOT, LENGTH - 1, LENGTH + 1, 3 * SLOT, 9 * SLOT] {
        let mut bytes = whole.repeat(3);
        bytes.truncate(length);
        bytes.resize(length, 0);
        std::fs::write(fixture.file("ledgers/alice"), bytes).unwrap();
        assert!(word(fixture.login(&code(PHONE, NOON), at(NOON))).contains("is damaged"), "{length}");
    }
    std::fs::write(fixture.file("ledgers/alice"), whole).unwrap();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn syncing_missing_credentials_is_an_error() {
    let fixture = enrolled();
    assert!(fixture.store.sync_credentials().is_ok());
    std::fs::rename(fixture.file("credentials"), fixture.file("elsewhere")).unwrap();
    let error = fixture.store.sync_credentials().unwrap_err();
    assert_eq!(error.about(), fixture.file("credentials").to_str().unwrap());
}

#[test]
fn a_whole_ledger_is_read_by_one_call() {
    let fixture = enrolled();
    let path = fixture.file("ledgers/alice");
    let file = File::open(&path).unwrap();
    // Reading the count is a call too, which the next count includes.
    let [before, between] = [read_calls(), read_calls()];
    read_file(&file, &path).unwrap();
    assert_eq!(read_calls() - between, between - before + 1);
}

/// The number of read system calls of this thread (`syscr`, proc_pid_io(5)).
fn read_calls() -> u64 {
    let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    counts.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap().parse().unwrap()
}

#[test]
fn a_ledger_that_cannot_be_read_written_or_synced_is_an_error() {
    let fixture = enrolled();
    let path = fixture.file("ledgers/alice");
    let unread = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    assert_eq!(
        StoreError::from(read_file(&unread, &path).err().unwrap()).problem(),
        "cannot read: Bad file number"
    );
    let slot = NextSlot { place: 0, sequence: 9, conversion: Conversion::None };
    let opened = |fd: std::os::fd::OwnedFd| {
        let Ok(Lock::Locked(file)) = lock(fd, &path, None) else { panic!("locked") };
        LedgerFile { file, path: path.clone(), user: alice().user }
    };
    let refused = opened(File::open(&path).unwrap().into()).write(&Ledger::default(), slot, None);
    assert_eq!(StoreError::from(refused.unwrap_err()).problem(), "cannot write: Bad file number");
}

#[test]
fn a_ledger_of_a_later_version_is_refused() {
    let fixture = enrolled();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    let file = fixture.file("ledgers/alice");
    let sound = std::fs::read(&file).unwrap();
    for slot in [0, SLOT] {
        let mut bytes = sound.clone();
        bytes[slot + 11] = 3;
        std::fs::write(&file, &bytes).unwrap();
        let refused = fixture.store.hold(&alice().user, PATIENCE).err().unwrap().to_string();
        assert!(refused.contains("version 3 is newer than this program reads (2): upgrade it"), "{refused}");
        assert!(fixture.store.entry(&alice().user, PATIENCE).is_err());
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
        let entry = fixture.store.entry_to_withdraw(&alice().user, PATIENCE).unwrap().unwrap();
        assert!(entry.ledger().is_none());
        // A kill before the credential goes leaves what refuses still.
        let next_slot = entry.next_slot().unwrap();
        entry.write(&Ledger::default(), next_slot).unwrap();
        drop(entry);
        assert!(fixture.store.hold(&alice().user, PATIENCE).is_err());
        std::fs::write(&file, &bytes).unwrap();
    }
    let entry = fixture.store.entry_to_withdraw(&alice().user, PATIENCE).unwrap().unwrap();
    let permitted = fixture.store.expected(&alice().user).unwrap();
    totp_core::enrolment::withdraw(entry, permitted).unwrap();
    assert!(matches!(fixture.store.hold(&alice().user, PATIENCE), Ok(Hold::NotEnrolled)));
}

#[test]
fn a_later_version_is_refused_by_its_number_whatever_its_length() {
    let fixture = enrolled();
    let file = fixture.file("ledgers/alice");
    let mut slot = std::fs::read(&file).unwrap()[..SLOT].to_vec();
    slot[11] = 3;
    for length in [12, 1000, SLOT, SLOT + 20, 4 * SLOT] {
        let mut bytes = slot.clone();
        bytes.resize(length, 0);
        std::fs::write(&file, &bytes).unwrap();
        let refused = fixture.store.hold(&alice().user, PATIENCE).err().unwrap().to_string();
        assert!(refused.contains("version 3 is newer than this program reads"), "{length}: {refused}");
        assert!(fixture.store.entry(&alice().user, PATIENCE).is_err(), "{length}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }
}

#[test]
fn every_write_of_one_hold_is_the_one_that_is_read_next() {
    use totp_core::store::Durability::{Machine, Process};
    let fixture = enrolled();
    let Ok(Hold::Held(mut held)) = fixture.store.hold(&alice().user, PATIENCE) else { panic!("held") };
    let mut ledger = held.ledger().clone();
    for (at_write, durability) in
        [Process, Machine, Process, Machine, Machine, Process, Process].into_iter().enumerate()
    {
        let at_write = at_write as u64 + 1;
        ledger = logged_in(ledger, at_write);
        held.replace(&ledger, durability).unwrap();
        let file = std::fs::read(fixture.file("ledgers/alice")).unwrap();
        let found = Slots::of(&file).newest_of(held.credential(), &AllKeys::default());
        let (read, _) = found.unwrap().unwrap();
        assert_eq!(read.last_login().map(|login| login.at), Some(at_write));
    }
}
