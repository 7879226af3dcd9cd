//! What a rotation promises: everybody opens with the new key alone, nothing else about them changes, and whatever happens
//! meanwhile a credential names only keys that are there.

use super::prelude::*;
use crate::scene::Counter;
use crate::scene::{NOON, PATIENCE, PHONE, SPARE, Scene, alice, at, code, draft, word};
use crate::scene::{keyring, with_new_key};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use totp_core::account::Account;
use totp_core::enrolment::{Newcomer, enrol_all, renew_recovery, unlock, withdraw};
use totp_core::rotation::*;
use totp_core::secret::{Entropy, NoEntropy, Secret};
use totp_core::store::{Hold, Store};

/// Alice with recovery codes, and a keyring with a new key.
fn scene() -> (Scene, Vec<Secret>) {
    let mut scene = Scene::new();
    let codes = scene.enrol(PHONE);
    scene.keyring = with_new_key(&scene.keyring);
    (scene, codes)
}

fn rotate(scene: &Scene) -> Rotated {
    let rotation = Rotation {
        store: &scene.files,
        keyring: &scene.keyring,
        entropy: &mut Counter(77),
        patience: PATIENCE,
    };
    rotation.run(&mut |_| {}).ok().unwrap()
}

/// What is left once the old keys are dropped.
fn drop_unnamed(scene: &mut Scene, rotated: &Rotated) {
    let text = scene.keyring.without(&rotated.unnamed);
    scene.keyring = Keyring::parse(Path::new("keyring.toml"), text.expose()).unwrap();
}

fn said(rotated: &Rotated) -> Vec<String> {
    rotated.left.iter().map(|left| left.why.to_string()).collect()
}

#[test]
fn codes_used_before_a_rotation_are_used_after_it_and_new_ones_are_good() {
    let (mut scene, codes) = scene();
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(scene.login(codes[0].expose(), at(NOON))), "recovered 9");
    let ledger = std::fs::read(scene.file("ledgers/alice")).unwrap();
    let id = scene.in_place();
    let rotated = rotate(&scene);
    assert_eq!((rotated.resealed, &rotated.unnamed[..]), (1, &["k1".to_owned()][..]));
    drop_unnamed(&mut scene, &rotated);
    assert_eq!(scene.keyring.keys().len(), 1);
    assert_eq!(std::fs::read(scene.file("ledgers/alice")).unwrap(), ledger);
    assert_eq!(scene.in_place(), id);
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(scene.login(codes[0].expose(), at(NOON))), "replayed");
    assert_eq!(word(scene.login(codes[1].expose(), at(NOON))), "recovered 8");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON + 30))), "accepted phone");
}

#[test]
fn a_second_run_seals_nothing_and_changes_nothing() {
    let (scene, _) = scene();
    rotate(&scene);
    let credential = std::fs::read(scene.file("credentials/alice.toml")).unwrap();
    let again = rotate(&scene);
    assert_eq!((again.resealed, &again.unnamed[..]), (0, &["k1".to_owned()][..]));
    assert_eq!(std::fs::read(scene.file("credentials/alice.toml")).unwrap(), credential);
}

#[test]
fn more_than_a_batch_is_sealed_to_the_last() {
    let mut scene = Scene::new();
    scene.desk(NOON, |files, desk| {
        let account = |n| Account { user: User::parse(&format!("user{n}")).unwrap(), uid: None };
        let newcomer = |n: &usize| Newcomer {
            entry: files.entry(&account(*n).user, PATIENCE).unwrap().unwrap(),
            account: account(*n),
            confirmed: vec![draft("phone", PHONE).vouched_after(0)],
            scratch: Vec::new(),
        };
        // Each holds files open.
        for some in (0..=BATCH).collect::<Vec<_>>().chunks(100) {
            enrol_all(some.iter().map(newcomer).collect(), desk).unwrap();
        }
    });
    scene.keyring = with_new_key(&scene.keyring);
    let (mut sealing, mut counting) = (0, 0);
    let rotation = Rotation {
        store: &scene.files,
        keyring: &scene.keyring,
        entropy: &mut Counter(77),
        patience: PATIENCE,
    };
    let rotated = rotation.run(&mut |step| match step {
        Step::Sealing => sealing += 1,
        Step::Counting => counting += 1,
    });
    let rotated = rotated.ok().unwrap();
    assert_eq!((rotated.resealed, sealing, counting), (BATCH + 1, BATCH + 1, BATCH + 1));
    assert_eq!(rotated.unnamed, ["k1"]);
}

#[test]
fn a_draft_waits_for_the_rest_of_its_batch() {
    let (scene, _) = scene();
    let rotation = Rotation {
        store: &scene.files,
        keyring: &scene.keyring,
        entropy: &mut Counter(77),
        patience: PATIENCE,
    };
    let draft = scene.file("credentials/.new.%.alice");
    let mut waits = Vec::new();
    rotation.run(&mut |_| waits.push(draft.exists())).ok().unwrap();
    assert_eq!(waits, [true, false], "while sealing, while counting");
}

#[test]
fn what_a_desk_changed_since_it_was_drafted_is_not_undone() {
    let (mut scene, old) = scene();
    let permitted = scene.in_place();
    let mut resealing = scene.files.resealing().unwrap();
    let found = resealing.find(&alice().user).unwrap().unwrap();
    let resealed = found.credential().resealed(&scene.keyring, &mut Counter(5)).unwrap().unwrap();
    assert_eq!(resealing.waiting(), 0);
    resealing.draft(found, &resealed).unwrap();
    assert_eq!(resealing.waiting(), 1);
    let new = scene.desk(NOON, |files, desk| {
        renew_recovery(files.entry(&alice().user, PATIENCE).unwrap().unwrap(), &alice(), 10, permitted, desk)
    });
    let mut told = Vec::new();
    resealing.put_in_place(PATIENCE, |_, rewritten| told.push(rewritten.ok())).unwrap();
    assert_eq!(told, [Some(Resealed::Changed)]);
    assert_eq!(word(scene.login(old[0].expose(), at(NOON))), "wrong");
    assert_eq!(word(scene.login(new.unwrap()[0].expose(), at(NOON))), "recovered 9");
    assert_eq!(rotate(&scene).resealed, 1);
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

/// Alice's recovery codes are renewed while she is sealed anew, so many times; gives what came of the rotation.
fn rotate_while_renewing(scene: &mut Scene, times: usize) -> Rotated {
    struct Meddler<'a>(&'a mut Scene, usize);
    impl Entropy for Meddler<'_> {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
            if let Some(left) = self.1.checked_sub(1) {
                self.1 = left;
                let permitted = self.0.in_place();
                let renewed = self.0.desk(NOON, |files, desk| {
                    let entry = files.entry(&alice().user, PATIENCE).unwrap().unwrap();
                    renew_recovery(entry, &alice(), 10, permitted, desk)
                });
                assert_eq!(renewed.unwrap().len(), 10);
            }
            Counter(self.1 as u64).fill(bytes)
        }
    }
    let (files, keyring) = (scene.files.clone(), with_new_key(&keyring()));
    let entropy = &mut Meddler(scene, times);
    Rotation { store: &files, keyring: &keyring, entropy, patience: PATIENCE }.run(&mut |_| {}).ok().unwrap()
}

#[test]
fn whoever_is_changed_while_sealed_anew_is_sealed_as_they_then_are() {
    let (mut scene, old) = scene();
    let rotated = rotate_while_renewing(&mut scene, 1);
    assert_eq!((rotated.resealed, rotated.unnamed.len()), (1, 1));
    drop_unnamed(&mut scene, &rotated);
    assert_eq!(word(scene.login(old[0].expose(), at(NOON))), "wrong");
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn whoever_is_changed_again_and_again_is_left_with_the_old_key() {
    let (mut scene, _) = scene();
    let rotated = rotate_while_renewing(&mut scene, usize::MAX);
    assert!(said(&rotated)[0].contains("again and again"), "{:?}", said(&rotated));
    assert!(rotated.unnamed.is_empty() && rotated.resealed == 0);
    assert_eq!(std::fs::read_dir(scene.file("credentials")).unwrap().count(), 1);
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn whoever_was_disabled_since_the_draft_stays_disabled() {
    let (scene, _) = scene();
    let permitted = scene.in_place();
    let mut resealing = scene.files.resealing().unwrap();
    let found = resealing.find(&alice().user).unwrap().unwrap();
    let resealed = found.credential().resealed(&scene.keyring, &mut Counter(5)).unwrap().unwrap();
    resealing.draft(found, &resealed).unwrap();
    withdraw(scene.files.entry(&alice().user, PATIENCE).unwrap().unwrap(), permitted).unwrap();
    resealing
        .put_in_place(PATIENCE, |_, rewritten| assert_eq!(rewritten.ok(), Some(Resealed::Changed)))
        .unwrap();
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "not_enrolled");
    assert_eq!(std::fs::read_dir(scene.file("credentials")).unwrap().count(), 0);
}

#[test]
fn who_is_held_by_somebody_else_is_left_and_the_old_key_is_kept() {
    let (scene, _) = scene();
    let Hold::Held(held) = scene.files.hold(&alice().user, PATIENCE).unwrap() else { panic!("not held") };
    let rotated = rotate(&scene);
    assert_eq!(said(&rotated), ["somebody else uses the enrolment right now; run this again"]);
    assert!(rotated.unnamed.is_empty() && rotated.resealed == 0);
    drop(held);
    assert_eq!(rotate(&scene).unnamed, ["k1"]);
}

#[test]
fn a_credential_that_does_not_open_is_left_as_it_is_with_its_key() {
    let (mut scene, _) = scene();
    let file = scene.file("credentials/alice.toml");
    let damaged = std::fs::read_to_string(&file).unwrap().replace("digits = 6", "digits = 8");
    std::fs::write(&file, &damaged).unwrap();
    let rotated = rotate(&scene);
    assert!(said(&rotated)[0].contains("does not open with key \"k1\""), "{:?}", said(&rotated));
    assert!(rotated.unnamed.is_empty());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), damaged);
    // What comes back from a backup opens as it did.
    std::fs::write(&file, damaged.replace("digits = 8", "digits = 6")).unwrap();
    drop_unnamed(&mut scene, &rotated);
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn a_credential_that_cannot_be_read_may_name_any_key_and_keeps_them_all() {
    let (scene, _) = scene();
    std::fs::write(scene.file("credentials/alice.toml"), "what").unwrap();
    let rotated = rotate(&scene);
    assert_eq!(rotated.left.len(), 1, "{:?}", said(&rotated));
    assert!(rotated.unnamed.is_empty());
}

#[test]
fn a_file_that_is_nobodys_credential_keeps_the_old_key_and_does_not_stop_the_others() {
    let (scene, _) = scene();
    std::fs::copy(scene.file("credentials/alice.toml"), scene.file("credentials/alice.toml~")).unwrap();
    let rotated = rotate(&scene);
    assert_eq!((rotated.resealed, rotated.left.len()), (1, 1));
    assert!(rotated.left[0].user.is_none() && rotated.unnamed.is_empty());
}

#[test]
fn without_a_ledger_to_hold_nobody_is_sealed_anew() {
    let (scene, _) = scene();
    std::fs::remove_file(scene.file("ledgers/alice")).unwrap();
    let rotated = rotate(&scene);
    assert!(said(&rotated)[0].contains("unlock --repair"), "{:?}", said(&rotated));
    assert!(rotated.unnamed.is_empty() && rotated.resealed == 0);
}

#[test]
fn an_old_key_stays_as_long_as_one_credential_names_it() {
    let (mut scene, _) = scene();
    scene.keyring = with_new_key(&scene.keyring);
    let file = scene.file("credentials/alice.toml");
    let foreign = std::fs::read_to_string(&file).unwrap().replacen("key = \"k1\"", "key = \"k9\"", 1);
    std::fs::write(&file, foreign).unwrap();
    let rotated = rotate(&scene);
    assert!(said(&rotated)[0].contains("\"k9\" is not in"), "{:?}", said(&rotated));
    // The middle one of three, which nothing ever named.
    assert_eq!(rotated.unnamed.len(), 1);
    assert!(rotated.unnamed[0].starts_with("k2-"));
}

#[test]
fn a_rotation_that_was_killed_leaves_drafts_that_the_next_one_takes_away() {
    let (scene, _) = scene();
    for left in [".new.%.alice", ".new.%.somebody"] {
        std::fs::write(scene.file(&format!("credentials/{left}")), "half").unwrap();
    }
    assert_eq!(rotate(&scene).resealed, 1);
    assert_eq!(std::fs::read_dir(scene.file("credentials")).unwrap().count(), 1);
}

#[test]
fn a_lock_outlasts_a_rotation() {
    let (mut scene, _) = scene();
    for _ in 0..5 {
        assert_eq!(word(scene.login(b"000000", at(NOON))), "wrong");
    }
    rotate(&scene);
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "limited");
    scene
        .desk(NOON, |files, desk| {
            unlock(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &crate::scene::rules().windows,
                desk.now,
            )
        })
        .unwrap();
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(scene.login(&code(SPARE, NOON), at(NOON))), "wrong");
}

#[test]
fn nobody_makes_another_key_active_while_somebody_seals() {
    let (scene, _) = scene();
    let files = &scene.files;
    let sealing = files.lock_to_seal(PATIENCE).unwrap().unwrap();
    assert!(files.lock_to_seal(PATIENCE).unwrap().is_some(), "two seal at once");
    assert!(files.lock_to_change_keys(PATIENCE).unwrap().is_none());
    assert!(files.lock_to_rotate().unwrap().is_some(), "a rotation goes on while others enrol");
    drop(sealing);
    let changing = files.lock_to_change_keys(PATIENCE).unwrap();
    assert!(changing.is_some() && files.lock_to_seal(PATIENCE).unwrap().is_none());
}

#[test]
fn whoever_seals_is_waited_for() {
    let (scene, _) = scene();
<<<<<<< HEAD:crates/totp-store/src/rules_tests/rotation.rs
    let sealing = scene.files.lock_to_seal(PATIENCE).unwrap().unwrap();
=======
    let sealing = scene.files.turn_to_seal(PATIENCE).unwrap().unwrap();
    let waits = nix::unistd::gettid();
>>>>>>> h/tiers:totp-core/src/rotation_tests.rs
    let sealer = std::thread::spawn(move || {
        crate::scene::until_it_sleeps(waits);
        drop(sealing);
    });
    assert!(scene.files.lock_to_change_keys(Duration::from_secs(30)).unwrap().is_some());
    sealer.join().unwrap();
}

#[test]
fn two_do_not_rotate_at_once() {
    let (scene, _) = scene();
    let turn = scene.files.lock_to_rotate().unwrap();
    assert!(turn.is_some() && scene.files.lock_to_rotate().unwrap().is_none());
    drop(turn);
    assert!(scene.files.lock_to_rotate().unwrap().is_some());
}

#[test]
fn the_census_counts_each_enrolment_once_for_each_of_its_keys() {
    let (mut scene, _) = scene();
    scene.add("spare", SPARE).unwrap();
    let census = Census::of(&scene.files, |_| {}).unwrap();
    let active = scene.keyring.active().to_owned();
    assert_eq!(census.named, BTreeMap::from([("k1".to_owned(), 1), (active, 1)]));
}
