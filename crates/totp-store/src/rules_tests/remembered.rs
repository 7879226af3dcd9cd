//! What a remembered device promises, on the real store: its own user, the enrolment it was remembered in, until it is
//! forgotten, and no door before its use is recorded.

use super::prelude::*;
use crate::FileHeld;
use crate::scene::{NOON, PATIENCE, PHONE, SPARE, Scene, alice, at, code};
use totp_core::device::{DeviceId, Mode, Remember, Traits};
use totp_core::ledger::Ledger;
use totp_core::login::{Trouble, Verdict, Verified};
use totp_core::policy::Waived;
use totp_core::remembered::*;
use totp_core::store::{Hold, Store};
use totp_core::time::Seconds;

const DAY: u64 = 86400;
const KEYS: Remember =
    Remember { mode: Mode::Ask, length: Seconds(DAY), bind_address: false, ..Remember::OFF };
const LAPTOP: Traits<'_> = Traits { key: Some("SHA256:laptop"), address: None };
const TABLET: Traits<'_> = Traits { key: Some("SHA256:tablet"), address: None };

fn enrolled() -> Scene {
    let mut scene = Scene::new();
    scene.enrol(PHONE);
    scene
}

fn held(scene: &Scene) -> FileHeld {
    match scene.files.hold(&alice().user, PATIENCE) {
        Ok(Hold::Held(held)) => held,
        _ => panic!("held"),
    }
}

fn let_in(scene: &Scene, now: u64) -> Verified {
    match scene.login(&code(PHONE, now), at(now)) {
        Ok(Verdict::Accepted(verified)) => verified,
        _ => panic!("accepted"),
    }
}

/// Remembers a device at the end of a login at `now`.
fn remembered(scene: &Scene, traits: &Traits<'_>, now: u64) -> DeviceId {
    let by = let_in(scene, now);
    remember(held(scene), &by, traits, &KEYS, at(now), &scene.keyring).unwrap().unwrap()
}

fn is_recognised(scene: &Scene, traits: &Traits<'_>, rule: &Remember, now: u64) -> bool {
    recognise(&held(scene), &alice(), traits, rule, at(now), &scene.keyring).unwrap().is_some()
}

fn forgets(scene: &Scene, which: Which<'_>) -> usize {
    forget(scene.files.entry(&alice().user, PATIENCE).unwrap().unwrap(), which).unwrap()
}

#[test]
fn the_next_login_is_told_of_a_device_that_was_remembered_and_the_one_after_it_is_not() {
    let scene = enrolled();
    remembered(&scene, &LAPTOP, NOON);
    let told = [NOON + 30, NOON + 60].map(|now| let_in(&scene, now).since_last());
    assert_eq!(told.map(|since| since.login.map(|login| login.at)), [Some(NOON), Some(NOON + 30)]);
    assert_eq!(told.map(|since| since.device), [true, false]);
}

#[test]
fn a_remembered_device_is_let_in_and_its_use_is_recorded() {
    let scene = enrolled();
    let id = remembered(&scene, &LAPTOP, NOON);
    for (uses, now) in [(1, NOON + 60), (2, NOON + 3600)] {
        let held_now = held(&scene);
        let seen = recognise(&held_now, &alice(), &LAPTOP, &KEYS, at(now), &scene.keyring).unwrap().unwrap();
        let waiver = admit(held_now, &seen, at(now)).unwrap();
        assert_eq!(waiver.why(), Waived::RememberedDevice(Some(id)));
        let held = held(&scene);
        let [device] = held.ledger().devices() else { panic!("one device") };
        assert_eq!((device.id(), device.uses(), device.last_used()), (id, uses, now));
        assert_eq!((device.since(), device.until()), (NOON, NOON + DAY));
        // The next login by a code is told what happened since that one, this included.
        assert_eq!(held.ledger().last_login().map(|login| login.at), Some(NOON));
    }
}

#[test]
fn each_of_several_devices_is_its_own() {
    let scene = enrolled();
    let ids = [remembered(&scene, &LAPTOP, NOON), remembered(&scene, &TABLET, NOON + 30)];
    for (traits, id) in [LAPTOP, TABLET].iter().zip(ids) {
        let held = held(&scene);
        let seen = recognise(&held, &alice(), traits, &KEYS, at(NOON + 60), &scene.keyring).unwrap().unwrap();
        assert_eq!(admit(held, &seen, at(NOON + 60)).unwrap().why(), Waived::RememberedDevice(Some(id)));
    }
}

#[test]
fn what_was_not_remembered_or_not_for_so_long_is_not_recognised() {
    let scene = enrolled();
    assert!(!is_recognised(&scene, &LAPTOP, &KEYS, NOON), "nothing is remembered yet");
    remembered(&scene, &LAPTOP, NOON);
    assert!(is_recognised(&scene, &LAPTOP, &KEYS, NOON + DAY - 1));
    assert!(!is_recognised(&scene, &LAPTOP, &KEYS, NOON + DAY));
    assert!(!is_recognised(&scene, &TABLET, &KEYS, NOON));
    assert!(!is_recognised(&scene, &Traits::default(), &KEYS, NOON));
    assert!(!is_recognised(&scene, &LAPTOP, &Remember { mode: Mode::Off, ..KEYS }, NOON));
}

#[test]
fn an_account_made_again_under_the_same_name_has_no_devices() {
    let scene = enrolled();
    remembered(&scene, &LAPTOP, NOON);
    for uid in [Some(1002), None] {
        let other = Account { uid, ..alice() };
        let seen = recognise(&held(&scene), &other, &LAPTOP, &KEYS, at(NOON), &scene.keyring);
        assert!(matches!(seen, Err(Trouble::OtherAccount)));
    }
}

#[test]
fn an_enrolment_that_is_replaced_takes_its_devices_along() {
    let mut scene = enrolled();
    remembered(&scene, &LAPTOP, NOON);
    scene.replace(PHONE);
    assert!(!is_recognised(&scene, &LAPTOP, &KEYS, NOON));
}

#[test]
fn a_code_of_an_enrolment_that_was_replaced_meanwhile_remembers_nothing() {
    let mut scene = enrolled();
    let by = let_in(&scene, NOON);
    scene.replace(SPARE);
    let remembered = remember(held(&scene), &by, &LAPTOP, &KEYS, at(NOON), &scene.keyring).unwrap();
    assert_eq!(remembered, None);
    assert!(held(&scene).ledger().devices().is_empty());
}

#[test]
fn a_device_that_does_not_show_what_it_would_be_bound_to_is_not_remembered() {
    let scene = enrolled();
    let by = let_in(&scene, NOON);
    let remembered =
        remember(held(&scene), &by, &Traits::default(), &KEYS, at(NOON), &scene.keyring).unwrap();
    assert_eq!(remembered, None);
    assert!(held(&scene).ledger().devices().is_empty());
}

#[test]
fn a_forgotten_device_is_not_recognised_and_the_others_are() {
    let scene = enrolled();
    let laptop = remembered(&scene, &LAPTOP, NOON).to_string();
    remembered(&scene, &TABLET, NOON + 30);
    assert_eq!(laptop.len(), 8);
    let at_once = NOON + 60;
    assert_eq!(forgets(&scene, Which::Named("")), 0);
    assert_eq!(forgets(&scene, Which::Named(&laptop)), 1);
    assert!(
        !is_recognised(&scene, &LAPTOP, &KEYS, at_once) && is_recognised(&scene, &TABLET, &KEYS, at_once)
    );
    assert_eq!(forgets(&scene, Which::Named(&laptop)), 0);
    remembered(&scene, &LAPTOP, at_once);
    assert_eq!(forgets(&scene, Which::All), 2);
    assert!(
        !is_recognised(&scene, &LAPTOP, &KEYS, at_once) && !is_recognised(&scene, &TABLET, &KEYS, at_once)
    );
    assert_eq!(forgets(&scene, Which::All), 0);
}

#[test]
fn where_nobody_is_enrolled_there_is_nothing_to_forget() {
    assert_eq!(forgets(&Scene::new(), Which::All), 0);
}

#[test]
fn forgetting_nothing_writes_nothing() {
    let scene = enrolled();
    remembered(&scene, &LAPTOP, NOON);
    let before = std::fs::read(scene.file("ledgers/alice")).unwrap();
    assert_eq!(forgets(&scene, Which::Named("00000000")), 0);
    assert_eq!(std::fs::read(scene.file("ledgers/alice")).unwrap(), before);
}

#[test]
fn no_seal_is_opened_where_no_device_can_be_recognised() {
    let scene = enrolled();
    let created = "2026-11-20T19:00:00Z".parse().unwrap();
    let text = Keyring::generate(created, &mut crate::scene::Counter(77)).unwrap();
    let others = Keyring::parse(std::path::Path::new("keyring.toml"), text.expose()).unwrap();
    let seen =
        |traits: &Traits<'_>| recognise(&held(&scene), &alice(), traits, &KEYS, at(NOON + 60), &others);
    assert!(matches!(seen(&LAPTOP), Ok(None)), "nothing is remembered");
    remembered(&scene, &LAPTOP, NOON);
    assert!(matches!(seen(&Traits::default()), Ok(None)), "nothing is shown");
    assert!(matches!(seen(&LAPTOP), Err(Trouble::Open(_))));
}

#[test]
fn a_use_that_cannot_be_recorded_opens_nothing() {
    /// A store whose disk fails at the last moment.
    struct Failing(FileHeld);
    impl Held for Failing {
        fn credential(&self) -> &totp_core::credential::Credential {
            self.0.credential()
        }
        fn ledger(&self) -> &Ledger {
            self.0.ledger()
        }
        fn replace(&mut self, _: &Ledger, _: Durability) -> Result<(), StoreError> {
            Err(StoreError::System { about: "/ledgers/alice".to_owned(), problem: "cannot write".to_owned() })
        }
    }
    let scene = enrolled();
    remembered(&scene, &LAPTOP, NOON);
    let held = Failing(held(&scene));
    let seen = recognise(&held, &alice(), &LAPTOP, &KEYS, at(NOON), &scene.keyring).unwrap().unwrap();
    assert!(admit(held, &seen, at(NOON)).is_err());
}
