//! What the tests of an engine do again and again.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "what an engine does not keep is to end its test"
)]

use crate::account_recovery::{Person, Reset, ResetReason, ResetRules};
use crate::enrolment::{NewUser, enrol_all};
use crate::fixture::{Fixture, NOON, PHONE, alice, draft, once_more_wrong};
use crate::ledger::Ledger;
use crate::store::{Durability, Entries, Held, Hold, Store, StoreError};
use crate::user::Account;
use crate::user::User;
use std::time::Duration;

/// Longer than anything here takes on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(30);
/// So many do something at once.
pub(super) const MANY: usize = 8;

pub(super) fn enrolled<S: Store + Entries>(store: S) -> Fixture<S> {
    let mut fixture = Fixture::of(store);
    fixture.enrol(PHONE);
    fixture
}

pub(super) fn entry<S: Entries>(store: &S) -> S::Entry {
    store.entry(&alice().user, LONG).unwrap().unwrap()
}

pub(super) fn held<S: Store>(store: &S) -> S::Held {
    match store.hold(&alice().user, LONG) {
        Ok(Hold::Held(held)) => held,
        Ok(Hold::NotEnrolled | Hold::Busy) | Err(_) => panic!("she is enrolled, and nobody else holds her"),
    }
}

pub(super) fn is_enrolled<S: Store>(store: &S) -> bool {
    !matches!(store.hold(&alice().user, LONG).unwrap(), Hold::NotEnrolled)
}

pub(super) fn ledger<S: Store>(store: &S) -> Ledger {
    held(store).ledger().clone()
}

/// Replaces the ledger by one with one more wrong code, however often others are quicker.
pub(super) fn charge<S: Store>(store: &S) {
    loop {
        let Hold::Held(mut held) = store.hold(&alice().user, LONG).unwrap() else { continue };
        let next = once_more_wrong(held.ledger().clone());
        match held.replace(&next, Durability::Process) {
            Ok(()) => return,
            Err(StoreError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub(super) fn somebody(number: usize) -> Account {
    Account { user: User::parse(&format!("user{number}")).unwrap(), uid: Some(2000 + number as u32) }
}

pub(super) fn enrol_many<S: Store + Entries>(fixture: &mut Fixture<S>, count: usize) {
    fixture.inputs(NOON, |store, inputs| {
        let new_users = (0..count).map(|number| NewUser {
            entry: store.entry(&somebody(number).user, LONG).unwrap().unwrap(),
            account: somebody(number),
            confirmed: vec![draft("phone", PHONE).confirm_without_code(0)],
            scratch: Vec::new(),
        });
        enrol_all(new_users.collect(), inputs).unwrap();
    });
}

pub(super) fn request<S: Store + Entries>(fixture: &Fixture<S>) -> Reset {
    let (by, grounds) =
        (Person { uid: 1, name: "operator1".to_owned() }, ResetReason::parse("all is lost").unwrap());
    Reset::request(&alice(), fixture.in_place(), None, (by, grounds), ResetRules::DEFAULT, NOON).unwrap()
}
