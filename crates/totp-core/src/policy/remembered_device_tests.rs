//! What a remembered device promises, with either way of excluding others: its own user, the enrolment it was remembered in, until it is
//! forgotten, and no module before its use is recorded.

use super::*;
use crate::fixture::{FixedHost, Fixture, NOON, PATIENCE, PHONE, SPARE, alice, at, code};
use crate::ledger::Ledger;
use crate::login::Verdict;
use crate::policy::Exempted;
use crate::policy::device::RememberMode;
use crate::store::Durability;
use crate::store::memory::{Comparing, Exclusion, Memory, MemoryHeld, in_both_modes};
use crate::time::Seconds;

const DAY: u64 = 86400;
const KEYS: RememberRules = RememberRules {
    mode: RememberMode::Ask,
    length: Seconds(DAY),
    bind_address: false,
    ..RememberRules::OFF
};
const LAPTOP: Traits<'_> = Traits { key: Some("SHA256:laptop"), address: None };
const TABLET: Traits<'_> = Traits { key: Some("SHA256:tablet"), address: None };

fn enrolled<X: Exclusion>() -> Fixture<Memory<X>> {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    fixture
}

fn held<X: Exclusion>(fixture: &Fixture<Memory<X>>) -> MemoryHeld<X> {
    fixture.held()
}

fn remember_at<X: Exclusion>(
    fixture: &Fixture<Memory<X>>,
    by: &Verified,
    traits: &Traits<'_>,
    now: u64,
) -> Option<DeviceId> {
    let (user, traits) = (&alice().user, *traits);
    let connection = Connection { user, traits, remember: &KEYS, patience: PATIENCE };
    let mut host = FixedHost { now: at(now), keyring: &fixture.keyring };
    remember(&fixture.store, by, &connection, &mut host).unwrap()
}

fn let_in<X: Exclusion>(fixture: &Fixture<Memory<X>>, now: u64) -> Verified {
    match fixture.login(&code(PHONE, now), at(now)) {
        Ok(Verdict::Accepted(verified)) => verified,
        _ => panic!("accepted"),
    }
}

/// Remembers a device at the end of a login at `now`.
fn remembered<X: Exclusion>(fixture: &Fixture<Memory<X>>, traits: &Traits<'_>, now: u64) -> DeviceId {
    let by = let_in(fixture, now);
    remember_at(fixture, &by, traits, now).unwrap()
}

fn is_recognised<X: Exclusion>(
    fixture: &Fixture<Memory<X>>,
    traits: &Traits<'_>,
    rule: &RememberRules,
    now: u64,
) -> bool {
    recognise(&held(fixture), &alice(), traits, rule, at(now), &fixture.keyring).unwrap().is_some()
}

fn forgets<X: Exclusion>(fixture: &Fixture<Memory<X>>, which: ForgottenDevices<'_>) -> usize {
    forget(fixture.entry(), which).unwrap()
}

fn the_next_login_is_told_of_a_device_that_was_remembered_and_the_one_after_it_is_not<X: Exclusion>() {
    let fixture = enrolled::<X>();
    remembered(&fixture, &LAPTOP, NOON);
    let told = [NOON + 30, NOON + 60].map(|now| let_in(&fixture, now).since_last());
    assert_eq!(told.map(|since| since.login.map(|login| login.at)), [Some(NOON), Some(NOON + 30)]);
    assert_eq!(told.map(|since| since.device), [true, false]);
}

fn a_remembered_device_is_let_in_and_its_use_is_recorded<X: Exclusion>() {
    let fixture = enrolled::<X>();
    let id = remembered(&fixture, &LAPTOP, NOON);
    for (uses, now) in [(1, NOON + 60), (2, NOON + 3600)] {
        let held_now = held(&fixture);
        let seen =
            recognise(&held_now, &alice(), &LAPTOP, &KEYS, at(now), &fixture.keyring).unwrap().unwrap();
        let exemption = admit(held_now, &seen, at(now)).unwrap().unwrap();
        assert_eq!(exemption.why(), Exempted::RememberedDevice(Some(id)));
        let held = held(&fixture);
        let [device] = held.ledger().devices() else { panic!("one device") };
        assert_eq!((device.id(), device.uses(), device.last_used()), (id, uses, now));
        assert_eq!((device.since(), device.until()), (NOON, NOON + DAY));
        // The next login by a code is told what happened since that one, this included.
        assert_eq!(held.ledger().last_login().map(|login| login.at), Some(NOON));
    }
}

fn each_of_several_devices_is_its_own<X: Exclusion>() {
    let fixture = enrolled::<X>();
    let ids = [remembered(&fixture, &LAPTOP, NOON), remembered(&fixture, &TABLET, NOON + 30)];
    for (traits, id) in [LAPTOP, TABLET].iter().zip(ids) {
        let held = held(&fixture);
        let seen =
            recognise(&held, &alice(), traits, &KEYS, at(NOON + 60), &fixture.keyring).unwrap().unwrap();
        assert_eq!(
            admit(held, &seen, at(NOON + 60)).unwrap().unwrap().why(),
            Exempted::RememberedDevice(Some(id))
        );
    }
}

fn what_was_not_remembered_or_not_for_so_long_is_not_recognised<X: Exclusion>() {
    let fixture = enrolled::<X>();
    assert!(!is_recognised(&fixture, &LAPTOP, &KEYS, NOON), "nothing is remembered yet");
    remembered(&fixture, &LAPTOP, NOON);
    assert!(is_recognised(&fixture, &LAPTOP, &KEYS, NOON + DAY - 1));
    assert!(!is_recognised(&fixture, &LAPTOP, &KEYS, NOON + DAY));
    assert!(!is_recognised(&fixture, &TABLET, &KEYS, NOON));
    assert!(!is_recognised(&fixture, &Traits::default(), &KEYS, NOON));
    assert!(!is_recognised(&fixture, &LAPTOP, &RememberRules { mode: RememberMode::Off, ..KEYS }, NOON));
}

fn an_account_made_again_under_the_same_name_has_no_devices<X: Exclusion>() {
    let fixture = enrolled::<X>();
    remembered(&fixture, &LAPTOP, NOON);
    for uid in [Some(1002), None] {
        let other = Account { uid, ..alice() };
        let seen = recognise(&held(&fixture), &other, &LAPTOP, &KEYS, at(NOON), &fixture.keyring);
        assert!(matches!(seen, Err(JudgeError::OtherAccount)));
    }
}

fn an_enrolment_that_is_replaced_takes_its_devices_along<X: Exclusion>() {
    let mut fixture = enrolled::<X>();
    remembered(&fixture, &LAPTOP, NOON);
    fixture.replace(PHONE);
    assert!(!is_recognised(&fixture, &LAPTOP, &KEYS, NOON));
}

fn a_code_of_an_enrolment_that_was_replaced_meanwhile_remembers_nothing<X: Exclusion>() {
    let mut fixture = enrolled::<X>();
    let by = let_in(&fixture, NOON);
    fixture.replace(SPARE);
    let remembered = remember_at(&fixture, &by, &LAPTOP, NOON);
    assert_eq!(remembered, None);
    assert!(held(&fixture).ledger().devices().is_empty());
}

fn a_device_that_does_not_show_what_it_would_be_bound_to_is_not_remembered<X: Exclusion>() {
    let fixture = enrolled::<X>();
    let by = let_in(&fixture, NOON);
    let remembered = remember_at(&fixture, &by, &Traits::default(), NOON);
    assert_eq!(remembered, None);
    assert!(held(&fixture).ledger().devices().is_empty());
}

fn a_forgotten_device_is_not_recognised_and_the_others_are<X: Exclusion>() {
    let fixture = enrolled::<X>();
    let laptop = remembered(&fixture, &LAPTOP, NOON).to_string();
    remembered(&fixture, &TABLET, NOON + 30);
    assert_eq!(laptop.len(), 8);
    let at_once = NOON + 60;
    assert_eq!(forgets(&fixture, ForgottenDevices::Named("")), 0);
    assert_eq!(forgets(&fixture, ForgottenDevices::Named(&laptop)), 1);
    assert!(
        !is_recognised(&fixture, &LAPTOP, &KEYS, at_once) && is_recognised(&fixture, &TABLET, &KEYS, at_once)
    );
    assert_eq!(forgets(&fixture, ForgottenDevices::Named(&laptop)), 0);
    remembered(&fixture, &LAPTOP, at_once);
    assert_eq!(forgets(&fixture, ForgottenDevices::All), 2);
    assert!(
        !is_recognised(&fixture, &LAPTOP, &KEYS, at_once)
            && !is_recognised(&fixture, &TABLET, &KEYS, at_once)
    );
    assert_eq!(forgets(&fixture, ForgottenDevices::All), 0);
}

fn where_nobody_is_enrolled_there_is_nothing_to_forget<X: Exclusion>() {
    assert_eq!(forgets(&Fixture::<Memory<X>>::new(), ForgottenDevices::All), 0);
}

fn forgetting_nothing_writes_nothing<X: Exclusion>() {
    let fixture = enrolled::<X>();
    remembered(&fixture, &LAPTOP, NOON);
    let before = fixture.store.changes(&alice().user);
    assert_eq!(forgets(&fixture, ForgottenDevices::Named("00000000")), 0);
    assert_eq!(fixture.store.changes(&alice().user), before);
}

fn no_seal_is_opened_where_no_device_can_be_recognised<X: Exclusion>() {
    let fixture = enrolled::<X>();
    let created = "2026-11-20T19:00:00Z".parse().unwrap();
    let text = Keyring::generate(created, &mut crate::random::tests::Counter(77)).unwrap();
    let others = Keyring::parse(std::path::Path::new("keyring.toml"), text.expose()).unwrap();
    let seen =
        |traits: &Traits<'_>| recognise(&held(&fixture), &alice(), traits, &KEYS, at(NOON + 60), &others);
    assert!(matches!(seen(&LAPTOP), Ok(None)), "nothing is remembered");
    remembered(&fixture, &LAPTOP, NOON);
    assert!(matches!(seen(&Traits::default()), Ok(None)), "nothing is shown");
    assert!(matches!(seen(&LAPTOP), Err(JudgeError::Open(_))));
}

fn a_use_that_cannot_be_recorded_opens_nothing<X: Exclusion>() {
    /// A store whose disk fails at the last moment.
    struct Failing<X: Exclusion>(MemoryHeld<X>);
    impl<X: Exclusion> Held for Failing<X> {
        fn credential(&self) -> &crate::credential::Credential {
            self.0.credential()
        }
        fn ledger(&self) -> &Ledger {
            self.0.ledger()
        }
        fn replace(&mut self, _: &Ledger, _: Durability) -> Result<(), StoreError> {
            Err(StoreError::System {
                about: "/ledgers/alice".into(),
                problem: "cannot write: I/O error".into(),
            })
        }
        fn check_writable(&mut self) -> Result<(), StoreError> {
            self.0.check_writable()
        }
    }
    let fixture = enrolled::<X>();
    remembered(&fixture, &LAPTOP, NOON);
    let held = Failing(held(&fixture));
    let seen = recognise(&held, &alice(), &LAPTOP, &KEYS, at(NOON), &fixture.keyring).unwrap().unwrap();
    assert!(admit(held, &seen, at(NOON)).is_err());
}

#[test]
fn a_device_that_another_login_used_first_is_asked_for_a_code() {
    let fixture = enrolled::<Comparing>();
    remembered(&fixture, &LAPTOP, NOON);
    let held = held(&fixture);
    let seen = recognise(&held, &alice(), &LAPTOP, &KEYS, at(NOON), &fixture.keyring).unwrap().unwrap();
    assert_eq!(forgets(&fixture, ForgottenDevices::All), 1);
    assert!(admit(held, &seen, at(NOON)).unwrap().is_none());
}

fn a_remembered_device_outlasts_a_crash<X: Exclusion>() {
    let fixture = enrolled::<X>();
    remembered(&fixture, &LAPTOP, NOON);
    fixture.store.crash();
    assert!(is_recognised(&fixture, &LAPTOP, &KEYS, NOON + 60));
}

in_both_modes! {
    the_next_login_is_told_of_a_device_that_was_remembered_and_the_one_after_it_is_not
    a_remembered_device_is_let_in_and_its_use_is_recorded
    each_of_several_devices_is_its_own
    what_was_not_remembered_or_not_for_so_long_is_not_recognised
    an_account_made_again_under_the_same_name_has_no_devices
    an_enrolment_that_is_replaced_takes_its_devices_along
    a_code_of_an_enrolment_that_was_replaced_meanwhile_remembers_nothing
    a_device_that_does_not_show_what_it_would_be_bound_to_is_not_remembered
    a_forgotten_device_is_not_recognised_and_the_others_are
    where_nobody_is_enrolled_there_is_nothing_to_forget
    forgetting_nothing_writes_nothing
    no_seal_is_opened_where_no_device_can_be_recognised
    a_use_that_cannot_be_recorded_opens_nothing
    a_remembered_device_outlasts_a_crash
}
