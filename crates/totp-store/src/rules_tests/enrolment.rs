//! Tests of enrolments over files: each change is complete or not made, and what it carries over.

use crate::fixture::with_new_key;
use crate::fixture::{Fixture, NOON, PATIENCE, PHONE, SPARE, alice, at, code, draft, word};
use totp_core::enrolment::ExpectedEnrolment;
use totp_core::enrolment::draft::Confirmed;
use totp_core::enrolment::*;
use totp_core::ledger::LastLogin;
use totp_core::ledger::LoginMethod;
use totp_core::random::Secret;
use totp_core::store::Entries;
use totp_core::store::Entry;
use totp_core::store::StoreError;
use totp_core::store::{Held, Hold, Store};
use totp_core::user::Account;

#[test]
fn the_code_that_confirmed_is_used_up() {
    let mut fixture = Fixture::new();
    let confirmed = [draft("phone", PHONE).confirm(&code(PHONE, NOON), at(NOON)).ok().unwrap()];
    fixture
        .inputs(NOON, |files, inputs| {
            let entry = files.entry(&alice().user, PATIENCE).unwrap().unwrap();
            enrol(entry, &alice(), &confirmed, 10, ExpectedEnrolment::Nothing, inputs)
        })
        .unwrap();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON + 30))), "accepted phone");
}

#[test]
fn an_enrolment_is_replaced_only_on_request() {
    let mut fixture = Fixture::new();
    let old = fixture.enrol(PHONE);
    assert!(matches!(
        fixture.try_enrol(SPARE, ExpectedEnrolment::Nothing),
        Err(EnrolmentError::AlreadyEnrolled)
    ));
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    fixture.replace(SPARE);
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON + 30))), "wrong");
    assert_eq!(word(fixture.login(&code(SPARE, NOON + 30), at(NOON + 30))), "accepted phone");
    assert_eq!(word(fixture.login(old[0].expose(), at(NOON + 30))), "wrong");
}

#[test]
fn a_prepared_enrolment_counts_from_its_commit_as_a_login() {
    let mut fixture = Fixture::new();
    let confirmed = [draft("phone", PHONE).confirm(&code(PHONE, NOON), at(NOON)).ok().unwrap()];
    let prepare = |fixture: &mut Fixture| {
        fixture.inputs(NOON, |_, inputs| prepare(&alice(), &confirmed, 10, inputs)).unwrap()
    };
    drop(prepare(&mut fixture));
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON + 30))), "not_enrolled");
    let prepared = prepare(&mut fixture);
    let recovery = Secret::new(prepared.recovery_codes()[0].expose().to_vec());
    let entry = fixture.store.entry(&alice().user, PATIENCE).unwrap().unwrap();
    let enrolled = prepared.commit_at_login(entry, at(NOON + 60)).ok().unwrap();
    assert_eq!((enrolled.authenticator().as_str(), enrolled.recovery_codes()), ("phone", 10));
    let Hold::Held(held) = fixture.store.hold(&alice().user, PATIENCE).unwrap() else { panic!("held") };
    assert_eq!(enrolled.credential(), held.credential().owner().id);
    let login = LastLogin { at: NOON + 60, method: LoginMethod::Code(totp_core::factor::FactorKind::Totp) };
    assert_eq!(held.ledger().last_login(), Some(login));
    drop(held);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON + 30))), "accepted phone");
    assert_eq!(word(fixture.login(recovery.expose(), at(NOON + 30))), "recovered 9");
}

#[test]
fn an_enrolment_prepared_under_an_old_key_is_noticed() {
    let mut fixture = Fixture::new();
    let confirmed = [draft("phone", PHONE).confirm_without_code(0)];
    let prepared = fixture.inputs(NOON, |_, inputs| prepare(&alice(), &confirmed, 10, inputs)).unwrap();
    assert!(prepared.is_sealed_with(&fixture.keyring));
    assert!(!prepared.is_sealed_with(&with_new_key(&fixture.keyring)));
}

#[test]
fn a_login_enrols_with_confirmed_codes_only_and_replaces_nobody() {
    let mut fixture = Fixture::new();
    let at_login = |fixture: &mut Fixture, confirmed: Confirmed| {
        let prepared = fixture.inputs(NOON, |_, inputs| prepare(&alice(), &[confirmed], 10, inputs)).unwrap();
        let entry = fixture.store.entry(&alice().user, PATIENCE).unwrap().unwrap();
        prepared.commit_at_login(entry, at(NOON)).err()
    };
    let vouched = at_login(&mut fixture, draft("phone", PHONE).confirm_without_code(0));
    assert!(matches!(vouched, Some(EnrolmentError::Unconfirmed)));
    assert_eq!(word(fixture.login(b"000000", at(NOON))), "not_enrolled");
    fixture.enrol(SPARE);
    let confirmed = draft("phone", PHONE).confirm(&code(PHONE, NOON), at(NOON)).ok().unwrap();
    assert!(matches!(at_login(&mut fixture, confirmed), Some(EnrolmentError::AlreadyEnrolled)));
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON + 30))), "wrong");
    assert_eq!(word(fixture.login(&code(SPARE, NOON + 30), at(NOON + 30))), "accepted phone");
}

#[test]
fn nobody_is_enrolled_without_an_authenticator() {
    let mut fixture = Fixture::new();
    let refused = fixture.inputs(NOON, |files, inputs| {
        enrol(
            files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
            &alice(),
            &[],
            10,
            ExpectedEnrolment::Nothing,
            inputs,
        )
    });
    assert!(matches!(refused, Err(EnrolmentError::NoAuthenticator)));
    assert_eq!(word(fixture.login(b"000000", at(NOON))), "not_enrolled");
}

#[test]
fn many_are_enrolled_at_once_each_with_their_own_secret() {
    let mut fixture = Fixture::new();
    let account = |name: &str| Account { user: totp_core::user::User::parse(name).unwrap(), uid: None };
    let people = [("bob", PHONE), ("carol", SPARE)];
    let new_users = |files: &crate::FilesStore| {
        let new_user = |(name, secret): (&str, &[u8])| NewUser {
            entry: files.entry(&account(name).user, PATIENCE).unwrap().unwrap(),
            account: account(name),
            confirmed: vec![draft("phone", secret).confirm_without_code(0)],
            scratch: Vec::new(),
        };
        people.map(new_user).into_iter().collect()
    };
    fixture.inputs(NOON, |files, inputs| enrol_all(new_users(files), inputs)).unwrap();
    let again = fixture.inputs(NOON, |files, inputs| enrol_all(new_users(files), inputs));
    assert!(matches!(again, Err(EnrolmentError::AlreadyEnrolled)));
    for (name, secret) in people {
        let login = |at_time| word(fixture.login_as(&account(name), &code(secret, NOON), at(at_time)));
        assert_eq!([login(NOON), login(NOON)], ["accepted phone", "replayed"], "{name}");
    }
}

#[test]
fn an_empty_ledger_after_a_crash_is_not_enrolled() {
    let mut fixture = Fixture::new();
    std::fs::write(fixture.file("ledgers/alice"), b"").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(fixture.file("ledgers/alice"), private).unwrap();
    assert_eq!(word(fixture.login(b"000000", at(NOON))), "not_enrolled");
    fixture.enrol(PHONE);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    std::fs::write(fixture.file("ledgers/alice"), b"").unwrap();
    assert!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON))).contains("unlock --repair"));
}

#[test]
fn a_change_is_refused_over_another_enrolment() {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    let permitted = fixture.in_place();
    fixture.replace(SPARE);
    let entry = |files: &crate::FilesStore| files.entry(&alice().user, PATIENCE).unwrap().unwrap();
    let confirmed = draft("evil", PHONE).confirm_without_code(0);
    let added =
        fixture.inputs(NOON, |files, inputs| add(entry(files), &alice(), &confirmed, permitted, inputs));
    assert!(matches!(added, Err(EnrolmentError::Changed)));
    assert!(matches!(fixture.try_enrol(PHONE, permitted), Err(EnrolmentError::Changed)));
    let renewed =
        fixture.inputs(NOON, |files, inputs| renew_recovery(entry(files), &alice(), 10, permitted, inputs));
    assert!(matches!(renewed, Err(EnrolmentError::Changed)));
    assert!(matches!(withdraw(entry(&fixture.store), permitted), Err(EnrolmentError::Changed)));
    assert_eq!(word(fixture.login(&code(SPARE, NOON), at(NOON))), "accepted phone");
    entry(&fixture.store).withdraw().unwrap();
    assert!(matches!(fixture.try_enrol(PHONE, permitted), Err(EnrolmentError::NotEnrolled)));
}

#[test]
fn an_added_authenticator_is_accepted_beside_the_first() {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    fixture.add("spare", SPARE).unwrap();
    assert_eq!(word(fixture.login(&code(SPARE, NOON), at(NOON))), "accepted spare");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(&code(SPARE, NOON), at(NOON))), "replayed");
}

#[test]
fn renewing_recovery_codes_ends_the_old_ones() {
    let mut fixture = Fixture::new();
    let old = fixture.enrol(PHONE);
    assert_eq!(word(fixture.login(old[0].expose(), at(NOON))), "recovered 9");
    let permitted = fixture.in_place();
    let new = fixture
        .inputs(NOON, |files, inputs| {
            renew_recovery(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &alice(),
                10,
                permitted,
                inputs,
            )
        })
        .unwrap();
    assert_eq!(word(fixture.login(old[1].expose(), at(NOON))), "wrong");
    assert_eq!(word(fixture.login(new[0].expose(), at(NOON))), "recovered 9");
    assert_eq!(word(fixture.login(new[0].expose(), at(NOON))), "replayed");
}

#[test]
fn withdrawing_leaves_nothing_and_enrolling_again_works() {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    fixture.store.entry(&alice().user, PATIENCE).unwrap().unwrap().withdraw().unwrap();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "not_enrolled");
    assert!(!fixture.file("ledgers/alice").exists() && !fixture.file("credentials/alice.toml").exists());
    fixture.enrol(PHONE);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn unlocking_forgives() {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    for _ in 0..5 {
        assert_eq!(word(fixture.login(b"000000", at(NOON))), "wrong");
    }
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
}

#[test]
fn unlocking_frees_steps_ahead_of_the_clock_but_none_around_now() {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    let ahead = NOON + 86400;
    assert_eq!(word(fixture.login(&code(PHONE, ahead), at(ahead))), "accepted phone");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "clock_back");
    fixture
        .inputs(NOON, |files, inputs| {
            unlock(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &crate::fixture::rules(),
                inputs.now,
            )
        })
        .unwrap();
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 60), at(NOON + 60))), "accepted phone");
}

#[test]
fn a_damaged_ledger_refuses_until_a_repair_voids_recovery_codes() {
    let mut fixture = Fixture::new();
    let codes = fixture.enrol(PHONE);
    for broken in [Some(vec![0; 4096]), Some(vec![7; 100]), None] {
        match broken {
            Some(bytes) => std::fs::write(fixture.file("ledgers/alice"), bytes).unwrap(),
            None => std::fs::remove_file(fixture.file("ledgers/alice")).unwrap(),
        }
        assert!(word(fixture.login(&code(PHONE, NOON), at(NOON))).contains("unlock --repair"));
        assert!(needs_repair(&fixture.store.entry(&alice().user, PATIENCE).unwrap().unwrap()));
        let permitted = fixture.in_place();
        let refused = fixture.inputs(NOON, |files, inputs| {
            renew_recovery(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &alice(),
                10,
                permitted,
                inputs,
            )
        });
        assert!(matches!(refused, Err(EnrolmentError::BrokenLedger)));
        fixture
            .inputs(NOON, |files, inputs| {
                repair(
                    files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                    &crate::fixture::rules().windows,
                    inputs.now,
                )
            })
            .unwrap();
    }
    assert!(!needs_repair(&fixture.store.entry(&alice().user, PATIENCE).unwrap().unwrap()));
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "wrong");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 60), at(NOON + 60))), "accepted phone");
}

#[test]
fn a_half_made_repair_revives_no_recovery_code() {
    let mut fixture = Fixture::new();
    let codes = fixture.enrol(PHONE);
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "recovered 9");
    let credential = std::fs::read(fixture.file("credentials/alice.toml")).unwrap();
    std::fs::write(fixture.file("ledgers/alice"), vec![0; 4096]).unwrap();
    fixture
        .inputs(NOON, |files, inputs| {
            repair(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &crate::fixture::rules().windows,
                inputs.now,
            )
        })
        .unwrap();
    // The ledger was written, the credential was not.
    std::fs::write(fixture.file("credentials/alice.toml"), credential).unwrap();
    for code in &codes {
        assert_eq!(word(fixture.login(code.expose(), at(NOON))), "replayed");
    }
}

#[test]
fn an_unreadable_credential_refuses_until_replaced_or_withdrawn() {
    for replace in [true, false] {
        let mut fixture = Fixture::new();
        fixture.enrol(PHONE);
        std::fs::write(fixture.file("credentials/alice.toml"), "what").unwrap();
        assert!(word(fixture.login(&code(PHONE, NOON), at(NOON))).contains("restore it from a backup"));
        assert!(matches!(
            fixture.try_enrol(SPARE, ExpectedEnrolment::Nothing),
            Err(EnrolmentError::AlreadyEnrolled)
        ));
        let refused = fixture.inputs(NOON, |files, inputs| {
            unlock(
                files.entry(&alice().user, PATIENCE).unwrap().unwrap(),
                &crate::fixture::rules(),
                inputs.now,
            )
        });
        assert!(matches!(refused, Err(EnrolmentError::Store(StoreError::Corrupt { .. }))));
        if replace {
            fixture.replace(SPARE);
            assert_eq!(word(fixture.login(&code(SPARE, NOON), at(NOON))), "accepted phone");
        } else {
            fixture.store.entry(&alice().user, PATIENCE).unwrap().unwrap().withdraw().unwrap();
            assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "not_enrolled");
        }
    }
}

#[test]
fn a_lost_credential_is_an_error_and_not_absence() {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    std::fs::remove_file(fixture.file("credentials/alice.toml")).unwrap();
    assert!(word(fixture.login(&code(PHONE, NOON), at(NOON))).contains("credentials/alice.toml is missing"));
}

#[test]
fn a_kill_between_ledger_and_credential_leaves_the_old_enrolment() {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    let old = std::fs::read(fixture.file("credentials/alice.toml")).unwrap();
    fixture.replace(SPARE);
    // What the disk holds when the command is killed right before the rename: old credential, and of the ledger one page
    // of each. The commit wrote the new page beside the old and, after the rename, over it; undo the last two steps.
    let mut scene_before = Fixture::new();
    scene_before.enrol(PHONE);
    let mut ledger = std::fs::read(scene_before.file("ledgers/alice")).unwrap();
    let new = std::fs::read(fixture.file("ledgers/alice")).unwrap();
    ledger[2048..].copy_from_slice(&new[2048..]);
    std::fs::write(fixture.file("ledgers/alice"), ledger).unwrap();
    std::fs::write(fixture.file("credentials/alice.toml"), old).unwrap();
    assert_eq!(word(fixture.login(&code(SPARE, NOON), at(NOON))), "wrong");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
}

#[test]
fn the_number_of_recovery_codes_left_is_known() {
    let mut fixture = Fixture::new();
    let codes = fixture.enrol(PHONE);
    fixture.login(codes[3].expose(), at(NOON)).unwrap();
    let Hold::Held(held) = fixture.store.hold(&alice().user, PATIENCE).unwrap() else { panic!("held") };
    assert_eq!(recovery_left(held.credential(), held.ledger()), 9);
}
