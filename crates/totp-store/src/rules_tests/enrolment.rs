//! What a change to an enrolment promises: old or new, never half, and what it carries over.

use super::prelude::*;
use crate::scene::with_new_key;
use crate::scene::{NOON, PATIENCE, PHONE, SPARE, Scene, alice, at, code, draft, word};
use totp_core::enrolment::*;
use totp_core::store::{Held, Hold, Store};

#[test]
fn the_confirming_code_opens_nothing_any_more() {
    let mut scene = Scene::new();
    let confirmed = [draft("phone", PHONE).confirm(&code(PHONE, NOON), at(NOON)).ok().unwrap()];
    scene
        .desk(NOON, |files, desk| {
            let entry = files.entry(&alice().user, PATIENCE).unwrap().unwrap();
            enrol(entry, &alice(), &confirmed, 10, ExpectedEnrolment::Nothing, desk)
        })
        .unwrap();
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON + 30))), "accepted phone");
}

#[test]
fn an_enrolment_stays_unless_it_is_to_be_replaced() {
    let mut scene = Scene::new();
    let old = scene.enrol(PHONE);
    assert!(matches!(
        scene.try_enrol(SPARE, ExpectedEnrolment::Nothing),
        Err(EnrolmentError::AlreadyEnrolled)
    ));
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    scene.replace(SPARE);
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON + 30))), "wrong");
    assert_eq!(word(scene.login(&code(SPARE, NOON + 30), at(NOON + 30))), "accepted phone");
    assert_eq!(word(scene.login(old[0].expose(), at(NOON + 30))), "wrong");
}

#[test]
fn what_is_prepared_counts_only_when_it_is_committed_and_then_as_a_login() {
    let mut scene = Scene::new();
    let confirmed = [draft("phone", PHONE).confirm(&code(PHONE, NOON), at(NOON)).ok().unwrap()];
    let prepare =
        |scene: &mut Scene| scene.desk(NOON, |_, desk| prepare(&alice(), &confirmed, 10, desk)).unwrap();
    drop(prepare(&mut scene));
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON + 30))), "not_enrolled");
    let prepared = prepare(&mut scene);
    let recovery = Secret::new(prepared.recovery_codes()[0].expose().to_vec());
    let entry = scene.files.entry(&alice().user, PATIENCE).unwrap().unwrap();
    let enrolled = prepared.commit_at_login(entry, at(NOON + 60)).ok().unwrap();
    assert_eq!((enrolled.authenticator().as_str(), enrolled.recovery_codes()), ("phone", 10));
    let Hold::Held(held) = scene.files.hold(&alice().user, PATIENCE).unwrap() else { panic!("held") };
    assert_eq!(enrolled.credential(), held.credential().owner().id);
    let login = LastLogin { at: NOON + 60, method: LoginMethod::Code(totp_core::factor::FactorKind::Totp) };
    assert_eq!(held.ledger().last_login(), Some(login));
    drop(held);
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON + 30))), "accepted phone");
    assert_eq!(word(scene.login(recovery.expose(), at(NOON + 30))), "recovered 9");
}

#[test]
fn what_was_prepared_under_a_key_that_is_active_no_more_can_be_told() {
    let mut scene = Scene::new();
    let confirmed = [draft("phone", PHONE).vouched_after(0)];
    let prepared = scene.desk(NOON, |_, desk| prepare(&alice(), &confirmed, 10, desk)).unwrap();
    assert!(prepared.is_sealed_with(&scene.keyring));
    assert!(!prepared.is_sealed_with(&with_new_key(&scene.keyring)));
}

#[test]
fn a_login_enrols_nobody_who_is_enrolled_and_with_nothing_that_was_not_confirmed() {
    let mut scene = Scene::new();
    let at_login = |scene: &mut Scene, confirmed: Confirmed| {
        let prepared = scene.desk(NOON, |_, desk| prepare(&alice(), &[confirmed], 10, desk)).unwrap();
        let entry = scene.files.entry(&alice().user, PATIENCE).unwrap().unwrap();
        prepared.commit_at_login(entry, at(NOON)).err()
    };
    let vouched = at_login(&mut scene, draft("phone", PHONE).vouched_after(0));
    assert!(matches!(vouched, Some(EnrolmentError::Unconfirmed)));
    assert_eq!(word(scene.login(b"000000", at(NOON))), "not_enrolled");
    scene.enrol(SPARE);
    let confirmed = draft("phone", PHONE).confirm(&code(PHONE, NOON), at(NOON)).ok().unwrap();
    assert!(matches!(at_login(&mut scene, confirmed), Some(EnrolmentError::AlreadyEnrolled)));
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON + 30))), "wrong");
    assert_eq!(word(scene.login(&code(SPARE, NOON + 30), at(NOON + 30))), "accepted phone");
}

#[test]
fn nobody_is_enrolled_with_nothing() {
    let mut scene = Scene::new();
    let refused = scene.desk(NOON, |files, desk| {
        enrol(
            files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
            &alice(),
            &[],
            10,
            ExpectedEnrolment::Nothing,
            desk,
        )
    });
    assert!(matches!(refused, Err(EnrolmentError::NoAuthenticator)));
    assert_eq!(word(scene.login(b"000000", at(NOON))), "not_enrolled");
}

#[test]
fn many_are_enrolled_at_once_each_with_their_own_secret() {
    let mut scene = Scene::new();
    let account = |name: &str| Account { user: totp_core::user::User::parse(name).unwrap(), uid: None };
    let people = [("bob", PHONE), ("carol", SPARE)];
    let newcomers = |files: &crate::FilesStore| {
        let newcomer = |(name, secret): (&str, &[u8])| Newcomer {
            entry: files.entry(&account(name).user, PATIENCE).unwrap().unwrap(),
            account: account(name),
            confirmed: vec![draft("phone", secret).vouched_after(0)],
            scratch: Vec::new(),
        };
        people.map(newcomer).into_iter().collect()
    };
    scene.desk(NOON, |files, desk| enrol_all(newcomers(files), desk)).unwrap();
    let again = scene.desk(NOON, |files, desk| enrol_all(newcomers(files), desk));
    assert!(matches!(again, Err(EnrolmentError::AlreadyEnrolled)));
    for (name, secret) in people {
        let login = |at_time| word(scene.login_as(&account(name), &code(secret, NOON), at(at_time)));
        assert_eq!([login(NOON), login(NOON)], ["accepted phone", "replayed"], "{name}");
    }
}

#[test]
fn a_ledger_that_a_crash_left_empty_enrolled_nobody() {
    let mut scene = Scene::new();
    std::fs::write(scene.file("ledgers/alice"), b"").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(scene.file("ledgers/alice"), private).unwrap();
    assert_eq!(word(scene.login(b"000000", at(NOON))), "not_enrolled");
    scene.enrol(PHONE);
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    std::fs::write(scene.file("ledgers/alice"), b"").unwrap();
    assert!(word(scene.login(&code(PHONE, NOON + 30), at(NOON))).contains("unlock --repair"));
}

#[test]
fn a_permission_does_not_outlive_the_enrolment_it_was_given_for() {
    let mut scene = Scene::new();
    scene.enrol(PHONE);
    let permitted = scene.in_place();
    scene.replace(SPARE);
    let entry = |files: &crate::FilesStore| files.entry(&alice().user, PATIENCE).unwrap().unwrap();
    let confirmed = draft("evil", PHONE).vouched_after(0);
    let added = scene.desk(NOON, |files, desk| add(entry(files), &alice(), &confirmed, permitted, desk));
    assert!(matches!(added, Err(EnrolmentError::Changed)));
    assert!(matches!(scene.try_enrol(PHONE, permitted), Err(EnrolmentError::Changed)));
    let renewed = scene.desk(NOON, |files, desk| renew_recovery(entry(files), &alice(), 10, permitted, desk));
    assert!(matches!(renewed, Err(EnrolmentError::Changed)));
    assert!(matches!(withdraw(entry(&scene.files), permitted), Err(EnrolmentError::Changed)));
    assert_eq!(word(scene.login(&code(SPARE, NOON), at(NOON))), "accepted phone");
    entry(&scene.files).withdraw().unwrap();
    assert!(matches!(scene.try_enrol(PHONE, permitted), Err(EnrolmentError::NotEnrolled)));
}

#[test]
fn an_added_authenticator_opens_beside_the_first() {
    let mut scene = Scene::new();
    scene.enrol(PHONE);
    scene.add("spare", SPARE).unwrap();
    assert_eq!(word(scene.login(&code(SPARE, NOON), at(NOON))), "accepted spare");
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(scene.login(&code(SPARE, NOON), at(NOON))), "replayed");
}

#[test]
fn renewed_recovery_codes_kill_the_old_at_once() {
    let mut scene = Scene::new();
    let old = scene.enrol(PHONE);
    assert_eq!(word(scene.login(old[0].expose(), at(NOON))), "recovered 9");
    let permitted = scene.in_place();
    let new = scene
        .desk(NOON, |files, desk| {
            renew_recovery(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &alice(),
                10,
                permitted,
                desk,
            )
        })
        .unwrap();
    assert_eq!(word(scene.login(old[1].expose(), at(NOON))), "wrong");
    assert_eq!(word(scene.login(new[0].expose(), at(NOON))), "recovered 9");
    assert_eq!(word(scene.login(new[0].expose(), at(NOON))), "replayed");
}

#[test]
fn withdrawing_leaves_nothing_and_enrolling_again_works() {
    let mut scene = Scene::new();
    scene.enrol(PHONE);
    scene.files.entry(&alice().user, PATIENCE).unwrap().unwrap().withdraw().unwrap();
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "not_enrolled");
    assert!(!scene.file("ledgers/alice").exists() && !scene.file("credentials/alice.toml").exists());
    scene.enrol(PHONE);
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn unlocking_forgives() {
    let mut scene = Scene::new();
    scene.enrol(PHONE);
    for _ in 0..5 {
        assert_eq!(word(scene.login(b"000000", at(NOON))), "wrong");
    }
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
}

#[test]
fn unlocking_frees_the_steps_of_a_clock_that_ran_ahead_but_none_around_now() {
    let mut scene = Scene::new();
    scene.enrol(PHONE);
    let ahead = NOON + 86400;
    assert_eq!(word(scene.login(&code(PHONE, ahead), at(ahead))), "accepted phone");
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "clock_back");
    scene
        .desk(NOON, |files, desk| {
            unlock(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &crate::scene::rules().windows,
                desk.now,
            )
        })
        .unwrap();
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON))), "replayed");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 60), at(NOON + 60))), "accepted phone");
}

#[test]
fn a_broken_ledger_refuses_until_it_is_repaired_and_then_the_recovery_codes_are_void() {
    let mut scene = Scene::new();
    let codes = scene.enrol(PHONE);
    for broken in [Some(vec![0; 4096]), Some(vec![7; 100]), None] {
        match broken {
            Some(bytes) => std::fs::write(scene.file("ledgers/alice"), bytes).unwrap(),
            None => std::fs::remove_file(scene.file("ledgers/alice")).unwrap(),
        }
        assert!(word(scene.login(&code(PHONE, NOON), at(NOON))).contains("unlock --repair"));
        assert!(needs_repair(&scene.files.entry(&alice().user, PATIENCE).unwrap().unwrap()));
        let permitted = scene.in_place();
        let refused = scene.desk(NOON, |files, desk| {
            renew_recovery(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &alice(),
                10,
                permitted,
                desk,
            )
        });
        assert!(matches!(refused, Err(EnrolmentError::BrokenLedger)));
        scene
            .desk(NOON, |files, desk| {
                repair(
                    files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                    &crate::scene::rules().windows,
                    desk.now,
                )
            })
            .unwrap();
    }
    assert!(!needs_repair(&scene.files.entry(&alice().user, PATIENCE).unwrap().unwrap()));
    assert_eq!(word(scene.login(codes[0].expose(), at(NOON))), "wrong");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON))), "replayed");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 60), at(NOON + 60))), "accepted phone");
}

#[test]
fn a_repair_that_is_stopped_halfway_brings_no_recovery_code_back() {
    let mut scene = Scene::new();
    let codes = scene.enrol(PHONE);
    assert_eq!(word(scene.login(codes[0].expose(), at(NOON))), "recovered 9");
    let credential = std::fs::read(scene.file("credentials/alice.toml")).unwrap();
    std::fs::write(scene.file("ledgers/alice"), vec![0; 4096]).unwrap();
    scene
        .desk(NOON, |files, desk| {
            repair(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &crate::scene::rules().windows,
                desk.now,
            )
        })
        .unwrap();
    // The ledger was written, the credential was not.
    std::fs::write(scene.file("credentials/alice.toml"), credential).unwrap();
    for code in &codes {
        assert_eq!(word(scene.login(code.expose(), at(NOON))), "replayed");
    }
}

#[test]
fn a_credential_that_cannot_be_read_refuses_and_may_be_replaced_or_withdrawn() {
    for replace in [true, false] {
        let mut scene = Scene::new();
        scene.enrol(PHONE);
        std::fs::write(scene.file("credentials/alice.toml"), "what").unwrap();
        assert!(word(scene.login(&code(PHONE, NOON), at(NOON))).contains("restore it from a backup"));
        assert!(matches!(
            scene.try_enrol(SPARE, ExpectedEnrolment::Nothing),
            Err(EnrolmentError::AlreadyEnrolled)
        ));
        let refused = scene.desk(NOON, |files, desk| {
            unlock(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &crate::scene::rules().windows,
                desk.now,
            )
        });
        assert!(matches!(refused, Err(EnrolmentError::Store(StoreError::Corrupt { .. }))));
        if replace {
            scene.replace(SPARE);
            assert_eq!(word(scene.login(&code(SPARE, NOON), at(NOON))), "accepted phone");
        } else {
            scene.files.entry(&alice().user, PATIENCE).unwrap().unwrap().withdraw().unwrap();
            assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "not_enrolled");
        }
    }
}

#[test]
fn a_credential_that_went_missing_is_trouble_and_not_absence() {
    let mut scene = Scene::new();
    scene.enrol(PHONE);
    std::fs::remove_file(scene.file("credentials/alice.toml")).unwrap();
    assert!(word(scene.login(&code(PHONE, NOON), at(NOON))).contains("credential is missing"));
}

#[test]
fn a_kill_between_ledger_and_credential_leaves_the_old_enrolment() {
    let mut scene = Scene::new();
    scene.enrol(PHONE);
    let old = std::fs::read(scene.file("credentials/alice.toml")).unwrap();
    scene.replace(SPARE);
    // What the disk holds when the desk is killed right before the rename: old credential, and of the ledger one page
    // of each. The commit wrote the new page beside the old and, after the rename, over it; undo the last two steps.
    let mut scene_before = Scene::new();
    scene_before.enrol(PHONE);
    let mut ledger = std::fs::read(scene_before.file("ledgers/alice")).unwrap();
    let new = std::fs::read(scene.file("ledgers/alice")).unwrap();
    ledger[2048..].copy_from_slice(&new[2048..]);
    std::fs::write(scene.file("ledgers/alice"), ledger).unwrap();
    std::fs::write(scene.file("credentials/alice.toml"), old).unwrap();
    assert_eq!(word(scene.login(&code(SPARE, NOON), at(NOON))), "wrong");
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "replayed");
}

#[test]
fn how_many_codes_are_left_is_told() {
    let mut scene = Scene::new();
    let codes = scene.enrol(PHONE);
    scene.login(codes[3].expose(), at(NOON)).unwrap();
    let Hold::Held(held) = scene.files.hold(&alice().user, PATIENCE).unwrap() else { panic!("held") };
    assert_eq!(recovery_left(held.credential(), held.ledger()), 9);
}
