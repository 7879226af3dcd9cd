//! What every engine promises, as tests that an engine calls with one line: [`crate::login_conformance`] where it does what a
//! login and a command need, [`crate::engine_conformance`] where it is an [`crate::store::Engine`].
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "what an engine does not keep is to end its test"
)]

mod engine;
mod login;

pub use engine::{
    a_reset_is_listed_and_read_without_a_hold, all_are_sealed_anew_while_they_log_in,
    everybody_who_is_enrolled_is_listed, five_attempts_are_counted_for_each_account,
    notices_wait_in_order_until_they_are_taken, of_many_attempts_at_once_five_are_counted,
    one_sends_at_a_time_and_one_account_does_not_fill_the_spool, what_changed_since_it_was_drafted_stays,
    who_seals_and_who_changes_keys_exclude_each_other,
};
pub use login::{
    a_batch_is_enrolled_to_the_last, a_command_and_a_login_exclude_each_other,
    a_hold_that_replaced_nothing_changes_nothing, a_new_enrolment_ends_the_old_one,
    a_reset_is_kept_and_forgotten, an_empty_store_has_nobody_enrolled,
    an_enrolment_is_there_as_a_whole_until_it_is_withdrawn, every_replacement_is_found_by_the_next_hold,
    no_replacement_is_lost_among_many, of_many_at_once_with_one_code_one_is_let_in,
    what_a_command_records_is_found_by_a_login, what_changed_since_it_was_held_is_not_replaced,
    what_was_charged_outlives_a_hold_that_is_dropped,
};

use crate::account::Account;
use crate::enrolment::{Newcomer, enrol_all};
use crate::ledger::Ledger;
use crate::reset::{Grounds, Person, Reset, Terms};
use crate::scene::{NOON, PHONE, Scene, alice, draft, once_more_wrong};
use crate::store::{Durability, Entries, Held, Hold, Store, StoreError};
use crate::user::User;
use std::time::Duration;

/// Longer than anything here takes on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(30);
/// So many do something at once.
pub(super) const MANY: usize = 8;

/// The tests of an engine for logins and commands; `$fresh` makes what keeps it alive, and an empty store.
#[macro_export]
macro_rules! login_conformance {
    ($name:ident, $fresh:expr) => {
        mod $name {
            use super::*;

            $crate::conformance_tests! { $fresh;
                an_empty_store_has_nobody_enrolled
                of_many_at_once_with_one_code_one_is_let_in
                what_changed_since_it_was_held_is_not_replaced
                every_replacement_is_found_by_the_next_hold
                what_was_charged_outlives_a_hold_that_is_dropped
                a_hold_that_replaced_nothing_changes_nothing
                no_replacement_is_lost_among_many
                a_command_and_a_login_exclude_each_other
                an_enrolment_is_there_as_a_whole_until_it_is_withdrawn
                a_new_enrolment_ends_the_old_one
                what_a_command_records_is_found_by_a_login
                a_batch_is_enrolled_to_the_last
                a_reset_is_kept_and_forgotten
            }
        }
    };
}

/// The tests of a whole engine; `$fresh` makes what keeps it alive, and an empty store.
#[macro_export]
macro_rules! engine_conformance {
    ($name:ident, $fresh:expr) => {
        mod $name {
            use super::*;

            $crate::login_conformance!(login, $fresh);

            $crate::conformance_tests! { $fresh;
                everybody_who_is_enrolled_is_listed
                a_reset_is_listed_and_read_without_a_hold
                all_are_sealed_anew_while_they_log_in
                what_changed_since_it_was_drafted_stays
                who_seals_and_who_changes_keys_exclude_each_other
                five_attempts_are_counted_for_each_account
                of_many_attempts_at_once_five_are_counted
                notices_wait_in_order_until_they_are_taken
                one_sends_at_a_time_and_one_account_does_not_fill_the_spool
            }
        }
    };
}

/// Each of these functions as a test.
#[macro_export]
macro_rules! conformance_tests {
    ($fresh:expr; $($test:ident)+) => {
        $(
            #[test]
            fn $test() {
                $crate::store::conformance::$test($fresh());
            }
        )+
    };
}

pub(super) fn enrolled<S: Store + Entries>(store: S) -> Scene<S> {
    let mut scene = Scene::of(store);
    scene.enrol(PHONE);
    scene
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

pub(super) fn enrol_many<S: Store + Entries>(scene: &mut Scene<S>, count: usize) {
    scene.desk(NOON, |store, desk| {
        let newcomers = (0..count).map(|number| Newcomer {
            entry: store.entry(&somebody(number).user, LONG).unwrap().unwrap(),
            account: somebody(number),
            confirmed: vec![draft("phone", PHONE).vouched_after(0)],
            scratch: Vec::new(),
        });
        enrol_all(newcomers.collect(), desk).unwrap();
    });
}

pub(super) fn request<S: Store + Entries>(scene: &Scene<S>) -> Reset {
    let (by, grounds) =
        (Person { uid: 1, name: "operator1".to_owned() }, Grounds::parse("all is lost").unwrap());
    Reset::request(&alice(), scene.in_place(), None, (by, grounds), Terms::DEFAULT, NOON).unwrap()
}
