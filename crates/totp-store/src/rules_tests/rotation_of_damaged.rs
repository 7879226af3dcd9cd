//! Tests of a rotation over files where one enrolment lacks a file, or has one that cannot be used.

use super::rotation::{fixture, rotate, said};
use crate::fixture::{Fixture, NOON, PATIENCE, PHONE, SPARE, at, code, draft, keyring, word};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use totp_core::enrolment::{NewUser, enrol_all};
use totp_core::ledger::slot::SLOT;
use totp_core::store::Entries;
use totp_core::user::{Account, User};

type Damage = fn(&Path);

/// Each names the file and what to do, and keeps nobody else's enrolment from being resealed.
#[test]
fn an_enrolment_with_a_file_missing_or_damaged_is_named_and_stops_nobody() {
    let (credential, ledger) = ("credentials/bob.toml", "ledgers/bob");
    let remove = |file: &Path| std::fs::remove_file(file).unwrap();
    let directory = |file: &Path| {
        std::fs::remove_file(file).unwrap();
        std::fs::create_dir(file).unwrap();
    };
    let open_to_all = |file: &Path| std::fs::set_permissions(file, Permissions::from_mode(0o666)).unwrap();
    let cases: [(&str, Damage, &str); 6] = [
        (credential, remove, "credentials/bob.toml is missing: restore"),
        (ledger, remove, "unlock --repair"),
        (credential, directory, "is not a regular file"),
        (ledger, directory, "Is a directory"),
        (credential, open_to_all, "chmod"),
        (ledger, open_to_all, "chmod"),
    ];
    for (file, damage, expected) in cases {
        let (mut fixture, _) = fixture();
        enrol_bob(&mut fixture);
        damage(&fixture.file(file));
        for resealed in [1, 0] {
            let rotated = rotate(&fixture);
            let said = said(&rotated);
            assert_eq!((rotated.resealed, said.len()), (resealed, 1), "{file}: {said:?}");
            assert!(said[0].contains(expected), "{file}: {said:?}");
            assert!(rotated.unnamed.is_empty(), "{file}");
        }
        assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    }
}

/// A command was killed while it removed the enrolment, or made it: no key is needed for it.
#[test]
fn a_ledger_of_nobody_with_an_old_slot_needs_no_key() {
    let (mut fixture, _) = fixture();
    enrol_bob(&mut fixture);
    let ledger = fixture.file("ledgers/bob");
    let mut bytes = std::fs::read(&ledger).unwrap();
    bytes[..SLOT].copy_from_slice(&totp_core::ledger::slots::blank()[..SLOT]);
    std::fs::write(&ledger, bytes).unwrap();
    std::fs::remove_file(fixture.file("credentials/bob.toml")).unwrap();
    let rotated = rotate(&fixture);
    assert_eq!((said(&rotated), rotated.unnamed), (Vec::new(), vec!["k1".to_owned()]));
}

fn enrol_bob(fixture: &mut Fixture) {
    let account = Account { user: User::parse("bob").unwrap(), uid: None };
    let active = std::mem::replace(&mut fixture.keyring, keyring());
    fixture.inputs(NOON, |files, inputs| {
        let entry = files.entry(&account.user, PATIENCE).unwrap().unwrap();
        let confirmed = vec![draft("phone", SPARE).confirm_without_code(0)];
        enrol_all(vec![NewUser { entry, account, confirmed, scratch: Vec::new() }], inputs).unwrap();
    });
    fixture.keyring = active;
}
