//! Tests of a rotation over files: every credential opens with the new key, nothing else changes, and no credential ever names a
//! key that the keyring has lost.

use crate::fixture::Counter;
use crate::fixture::{Fixture, NOON, PATIENCE, PHONE, SPARE, alice, at, code, draft, word};
use crate::fixture::{keyring, with_new_key};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use totp_core::enrolment::{NewUser, enrol_all, renew_recovery, unlock, withdraw};
use totp_core::keyring::Keyring;
use totp_core::keyring::rotation::*;
use totp_core::random::{Entropy, EntropyError, Secret};
use totp_core::store::Entries;
use totp_core::store::FoundCredential;
use totp_core::store::KeyringLocks;
use totp_core::store::Reseal;
use totp_core::store::Resealed;
use totp_core::store::Resealing;
use totp_core::store::{Hold, Store};
use totp_core::user::Account;
use totp_core::user::User;

/// Alice with recovery codes, and a keyring with a new key.
pub(super) fn fixture() -> (Fixture, Vec<Secret>) {
    let mut fixture = Fixture::new();
    let codes = fixture.enrol(PHONE);
    fixture.keyring = with_new_key(&fixture.keyring);
    (fixture, codes)
}

pub(super) fn rotate(fixture: &Fixture) -> Rotated {
    let rotation = Rotation {
        store: &fixture.store,
        keyring: &fixture.keyring,
        entropy: &mut Counter(77),
        patience: PATIENCE,
    };
    rotation.run(&mut |_| {}).ok().unwrap()
}

/// Drops the old keys that no credential names.
fn drop_unnamed(fixture: &mut Fixture, rotated: &Rotated) {
    let text = fixture.keyring.without(&rotated.unnamed);
    fixture.keyring = Keyring::parse(Path::new("keyring.toml"), text.expose()).unwrap();
}

pub(super) fn said(rotated: &Rotated) -> Vec<String> {
    rotated.left.iter().map(|left| left.why.to_string()).collect()
}

#[test]
fn codes_used_before_a_rotation_are_used_after_it_and_new_ones_are_good() {
    let (mut fixture, codes) = fixture();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "recovered 9");
    let ledger = std::fs::read(fixture.file("ledgers/alice")).unwrap();
    let id = fixture.in_place();
    let rotated = rotate(&fixture);
    assert_eq!((rotated.resealed, &rotated.unnamed[..]), (1, &["k1".to_owned()][..]));
    drop_unnamed(&mut fixture, &rotated);
    assert_eq!(fixture.keyring.keys().len(), 1);
    assert_ne!(std::fs::read(fixture.file("ledgers/alice")).unwrap(), ledger);
    assert_eq!(fixture.store.ledger_keys(&alice().user).unwrap(), [fixture.keyring.active(); 2]);
    assert_eq!(fixture.in_place(), id);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(codes[1].expose(), at(NOON))), "recovered 8");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON + 30))), "accepted phone");
}

#[test]
fn a_second_rotation_changes_nothing() {
    let (fixture, _) = fixture();
    rotate(&fixture);
    let credential = std::fs::read(fixture.file("credentials/alice.toml")).unwrap();
    let again = rotate(&fixture);
    assert_eq!((again.resealed, &again.unnamed[..]), (0, &["k1".to_owned()][..]));
    assert_eq!(std::fs::read(fixture.file("credentials/alice.toml")).unwrap(), credential);
}

#[test]
fn more_users_than_a_batch_are_all_resealed() {
    let mut fixture = Fixture::new();
    fixture.inputs(NOON, |files, inputs| {
        let account = |n| Account { user: User::parse(&format!("user{n}")).unwrap(), uid: None };
        let new_user = |n: &usize| NewUser {
            entry: files.entry(&account(*n).user, PATIENCE).unwrap().unwrap(),
            account: account(*n),
            confirmed: vec![draft("phone", PHONE).confirm_without_code(0)],
            scratch: Vec::new(),
        };
        // Each holds files open.
        for some in (0..=BATCH).collect::<Vec<_>>().chunks(100) {
            enrol_all(some.iter().map(new_user).collect(), inputs).unwrap();
        }
    });
    fixture.keyring = with_new_key(&fixture.keyring);
    let (mut sealing, mut counting) = (0, 0);
    let rotation = Rotation {
        store: &fixture.store,
        keyring: &fixture.keyring,
        entropy: &mut Counter(77),
        patience: PATIENCE,
    };
    let rotated = rotation.run(&mut |step| match step {
        RotationStep::Sealing => sealing += 1,
        RotationStep::Counting => counting += 1,
    });
    let rotated = rotated.ok().unwrap();
    assert_eq!((rotated.resealed, sealing, counting), (BATCH + 1, BATCH + 1, BATCH + 1));
    assert_eq!(rotated.unnamed, ["k1"]);
}

#[test]
fn a_draft_waits_for_the_rest_of_its_batch() {
    let (fixture, _) = fixture();
    let rotation = Rotation {
        store: &fixture.store,
        keyring: &fixture.keyring,
        entropy: &mut Counter(77),
        patience: PATIENCE,
    };
    let draft = fixture.file("credentials/.new.%.alice");
    let mut waits = Vec::new();
    rotation.run(&mut |_| waits.push(draft.exists())).ok().unwrap();
    assert_eq!(waits, [true, false], "while sealing, while counting");
}

#[test]
fn a_change_since_the_draft_is_not_undone() {
    let (mut fixture, old) = fixture();
    let permitted = fixture.in_place();
    let mut resealing = fixture.store.resealing().unwrap();
    let found = resealing.find(&alice().user).unwrap().unwrap();
    let resealed = found.credential().resealed(&fixture.keyring, &mut Counter(5)).unwrap().unwrap();
    assert_eq!(resealing.waiting(), 0);
    resealing.draft(found, &resealed).unwrap();
    assert_eq!(resealing.waiting(), 1);
    let new = fixture.inputs(NOON, |files, inputs| {
        renew_recovery(
            files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
            &alice(),
            10,
            permitted,
            inputs,
        )
    });
    let mut told = Vec::new();
    resealing.put_in_place(PATIENCE, |_, rewritten| told.push(rewritten.ok())).unwrap();
    assert_eq!(told, [Some(Resealed::Changed)]);
    assert_eq!(word(fixture.login(old[0].expose(), at(NOON))), "wrong");
    assert_eq!(word(fixture.login(new.unwrap()[0].expose(), at(NOON))), "recovered 9");
    assert_eq!(rotate(&fixture).resealed, 1);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

/// Rotates while alice's recovery codes are renewed this many times.
fn rotate_while_renewing(fixture: &mut Fixture, times: usize) -> Rotated {
    struct Meddler<'a>(&'a mut Fixture, usize);
    impl Entropy for Meddler<'_> {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            if let Some(left) = self.1.checked_sub(1) {
                self.1 = left;
                let permitted = self.0.in_place();
                let renewed = self.0.inputs(NOON, |files, inputs| {
                    let entry = files.entry(&alice().user, PATIENCE).unwrap().unwrap();
                    renew_recovery(entry, &alice(), 10, permitted, inputs)
                });
                assert_eq!(renewed.unwrap().len(), 10);
            }
            Counter(self.1 as u64).fill(bytes)
        }
    }
    let (files, keyring) = (fixture.store.clone(), with_new_key(&keyring()));
    let entropy = &mut Meddler(fixture, times);
    Rotation { store: &files, keyring: &keyring, entropy, patience: PATIENCE }.run(&mut |_| {}).ok().unwrap()
}

#[test]
fn an_enrolment_changed_during_resealing_is_resealed_as_changed() {
    let (mut fixture, old) = fixture();
    let rotated = rotate_while_renewing(&mut fixture, 1);
    assert_eq!((rotated.resealed, rotated.unnamed.len()), (1, 1));
    drop_unnamed(&mut fixture, &rotated);
    assert_eq!(word(fixture.login(old[0].expose(), at(NOON))), "wrong");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn an_enrolment_that_keeps_changing_keeps_the_old_key() {
    let (mut fixture, _) = fixture();
    let rotated = rotate_while_renewing(&mut fixture, usize::MAX);
    assert!(said(&rotated)[0].contains("kept changing"), "{:?}", said(&rotated));
    assert!(rotated.unnamed.is_empty() && rotated.resealed == 0);
    assert_eq!(std::fs::read_dir(fixture.file("credentials")).unwrap().count(), 1);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn a_user_disabled_since_the_draft_stays_disabled() {
    let (fixture, _) = fixture();
    let permitted = fixture.in_place();
    let mut resealing = fixture.store.resealing().unwrap();
    let found = resealing.find(&alice().user).unwrap().unwrap();
    let resealed = found.credential().resealed(&fixture.keyring, &mut Counter(5)).unwrap().unwrap();
    resealing.draft(found, &resealed).unwrap();
    withdraw(fixture.store.entry(&alice().user, PATIENCE).unwrap().unwrap(), permitted).unwrap();
    resealing
        .put_in_place(PATIENCE, |_, rewritten| assert_eq!(rewritten.ok(), Some(Resealed::Changed)))
        .unwrap();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "not_enrolled");
    assert_eq!(std::fs::read_dir(fixture.file("credentials")).unwrap().count(), 0);
}

#[test]
fn a_busy_user_keeps_the_old_key() {
    let (fixture, _) = fixture();
    let Hold::Held(held) = fixture.store.hold(&alice().user, PATIENCE).unwrap() else { panic!("not held") };
    let rotated = rotate(&fixture);
    assert_eq!(said(&rotated), ["another login or command is using the enrolment: run this again"]);
    assert!(rotated.unnamed.is_empty() && rotated.resealed == 0);
    drop(held);
    assert_eq!(rotate(&fixture).unnamed, ["k1"]);
}

#[test]
fn a_credential_that_does_not_open_stays_and_keeps_its_key() {
    let (mut fixture, _) = fixture();
    let file = fixture.file("credentials/alice.toml");
    let damaged = std::fs::read_to_string(&file).unwrap().replace("digits = 6", "digits = 8");
    std::fs::write(&file, &damaged).unwrap();
    let rotated = rotate(&fixture);
    assert!(said(&rotated)[0].contains("cannot be decrypted with key \"k1\""), "{:?}", said(&rotated));
    assert!(rotated.unnamed.is_empty());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), damaged);
    // What comes back from a backup opens as it did.
    std::fs::write(&file, damaged.replace("digits = 8", "digits = 6")).unwrap();
    drop_unnamed(&mut fixture, &rotated);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn an_unreadable_credential_keeps_every_key() {
    let (fixture, _) = fixture();
    std::fs::write(fixture.file("credentials/alice.toml"), "what").unwrap();
    let rotated = rotate(&fixture);
    assert_eq!(rotated.left.len(), 1, "{:?}", said(&rotated));
    assert!(rotated.unnamed.is_empty());
}

#[test]
fn a_foreign_file_keeps_the_old_key_and_stops_nobody() {
    let (fixture, _) = fixture();
    std::fs::copy(fixture.file("credentials/alice.toml"), fixture.file("credentials/alice.toml~")).unwrap();
    let rotated = rotate(&fixture);
    assert_eq!((rotated.resealed, rotated.left.len()), (1, 1));
    assert!(rotated.left[0].user.is_none() && rotated.unnamed.is_empty());
}

#[test]
fn a_user_without_a_ledger_is_not_resealed() {
    let (fixture, _) = fixture();
    std::fs::remove_file(fixture.file("ledgers/alice")).unwrap();
    let rotated = rotate(&fixture);
    assert!(said(&rotated)[0].contains("unlock --repair"), "{:?}", said(&rotated));
    assert!(rotated.unnamed.is_empty() && rotated.resealed == 0);
}

#[test]
fn an_old_key_stays_while_a_credential_names_it() {
    let (mut fixture, _) = fixture();
    fixture.keyring = with_new_key(&fixture.keyring);
    let file = fixture.file("credentials/alice.toml");
    let foreign = std::fs::read_to_string(&file).unwrap().replacen("key = \"k1\"", "key = \"k9\"", 1);
    std::fs::write(&file, foreign).unwrap();
    let rotated = rotate(&fixture);
    assert!(said(&rotated)[0].contains("\"k9\" is not in"), "{:?}", said(&rotated));
    // The middle one of three, which nothing ever named.
    assert_eq!(rotated.unnamed.len(), 1);
    assert!(rotated.unnamed[0].starts_with("k2-"));
}

#[test]
fn a_rotation_removes_the_drafts_of_a_killed_one() {
    let (fixture, _) = fixture();
    for left in [".new.%.alice", ".new.%.someone"] {
        std::fs::write(fixture.file(&format!("credentials/{left}")), "half").unwrap();
    }
    assert_eq!(rotate(&fixture).resealed, 1);
    assert_eq!(std::fs::read_dir(fixture.file("credentials")).unwrap().count(), 1);
}

#[test]
fn a_lock_outlasts_a_rotation() {
    let (mut fixture, _) = fixture();
    for _ in 0..5 {
        assert_eq!(word(fixture.login(b"000000", at(NOON))), "wrong");
    }
    rotate(&fixture);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "limited");
    fixture
        .inputs(NOON, |files, inputs| {
            unlock(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &crate::fixture::rules(),
                inputs.now,
            )
        })
        .unwrap();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(&code(SPARE, NOON), at(NOON))), "wrong");
}

#[test]
fn no_other_key_becomes_active_during_a_seal() {
    let (fixture, _) = fixture();
    let files = &fixture.store;
    let sealing = files.lock_to_seal(PATIENCE).unwrap().unwrap();
    assert!(files.lock_to_seal(PATIENCE).unwrap().is_some(), "two seal at once");
    assert!(files.lock_to_change_keys(PATIENCE).unwrap().is_none());
    assert!(files.lock_to_rotate().unwrap().is_some(), "a rotation goes on while others enrol");
    drop(sealing);
    let changing = files.lock_to_change_keys(PATIENCE).unwrap();
    assert!(changing.is_some() && files.lock_to_seal(PATIENCE).unwrap().is_none());
}

#[test]
fn a_seal_in_progress_is_waited_for() {
    let (fixture, _) = fixture();
    let sealing = fixture.store.lock_to_seal(PATIENCE).unwrap().unwrap();
    let waits = nix::unistd::gettid();
    let sealer = std::thread::spawn(move || {
        crate::fixture::until_it_sleeps(waits);
        drop(sealing);
    });
    assert!(fixture.store.lock_to_change_keys(Duration::from_secs(30)).unwrap().is_some());
    sealer.join().unwrap();
}

#[test]
fn one_process_rotates_at_a_time() {
    let (fixture, _) = fixture();
    let turn = fixture.store.lock_to_rotate().unwrap();
    assert!(turn.is_some() && fixture.store.lock_to_rotate().unwrap().is_none());
    drop(turn);
    assert!(fixture.store.lock_to_rotate().unwrap().is_some());
}

#[test]
fn the_census_counts_each_enrolment_once_for_each_of_its_keys() {
    let (mut fixture, _) = fixture();
    fixture.add("spare", SPARE).unwrap();
    let census = Census::of(&fixture.store, |_| {}).unwrap();
    let active = fixture.keyring.active().to_owned();
    assert_eq!(census.named, BTreeMap::from([("k1".to_owned(), 1), (active, 1)]));
}
