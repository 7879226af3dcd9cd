//! The suite that every engine of a store has to pass. A new engine is one more line: in a test module of its crate,
//! `totp_core::engine_conformance!(NAME, FRESH);`, where `FRESH` makes an empty store and what keeps it alive (a directory, say).
//!
//! | what is promised | where it is tested |
//! |---|---|
//! | parallel holds, lost comparisons judged anew, a crash between charge and record, refusals that write nothing | `logins` |
//! | commit, record, withdraw and resets through an entry, each with a conflict | `commands` |
//! | adding and replacing tokens, their hold, resealing them | `tokens` |
//! | listing, resealing under load, the keyring's locks, enrolment attempts, notices, the check | `commands` |
//!
//! The tests know no engine: where one locks and another compares, they accept either and check what both promise.
//! What they share is below the list: the steps that many of them take, and a store that can be observed.
//! The engines that run it: files (`totp-store/src/lib.rs`), and memory in both modes (`store/memory.rs`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "what an engine does not keep has to fail its test"
)]

pub mod commands;
pub mod logins;
pub mod tokens;

use crate::account_recovery::{Person, Reset, ResetReason, ResetRules};
use crate::credential::Credential;
use crate::enrolment::{NewUser, enrol_all};
use crate::fixture::{Fixture, NOON, PHONE, alice, draft, once_more_wrong};
use crate::ledger::Ledger;
use crate::store::{Charging, Durability, Entries, Held, Hold, Store, StoreError};
use crate::user::Account;
use crate::user::User;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Runs the suite, as a module `$name` of tests. `$fresh` is called for each test and returns what keeps the store alive, and an
/// empty store.
#[macro_export]
macro_rules! engine_conformance {
    ($name:ident, $fresh:expr) => {
        mod $name {
            use super::*;

            $crate::conformance_tests! { $fresh;
                logins {
                    of_many_at_once_with_one_code_one_is_let_in
                    no_replacement_is_lost_among_many
                    a_login_that_was_overtaken_is_judged_anew
                    a_login_that_dies_before_its_record_lets_nobody_in
                    a_refusal_by_limit_writes_nothing
                    a_hold_does_not_overwrite_a_later_change
                    the_next_hold_finds_what_was_written
                    a_charge_outlives_its_hold
                    a_check_that_it_can_be_written_changes_nothing
                    a_dropped_hold_changes_nothing
                    a_command_and_a_login_exclude_each_other
                    a_login_does_not_revive_a_withdrawn_enrolment
                }
                commands {
                    nobody_is_enrolled_in_an_empty_store
                    credential_and_ledger_come_and_go_together
                    of_two_commands_at_once_one_changes_the_enrolment
                    a_reset_is_not_overwritten_by_an_older_entry
                    a_new_enrolment_ends_the_old_one
                    a_login_finds_what_a_command_wrote
                    each_user_of_a_batch_is_enrolled
                    a_reset_is_kept_and_forgotten
                    enrolled_users_are_listed
                    a_reset_is_listed_and_read_without_a_hold
                    credentials_are_resealed_while_users_log_in
                    resealing_undoes_no_change
                    sealing_and_changing_keys_exclude_each_other
                    each_account_has_five_enrolment_attempts
                    of_many_enrolment_attempts_at_once_five_are_counted
                    notices_are_sent_in_order
                    one_process_sends_at_a_time
                    one_account_does_not_fill_the_spool
                    a_change_is_told_however_its_command_ends
                    nothing_is_wrong_with_a_store_in_use
                }
                tokens {
                    tokens_are_added_and_replaced
                    tokens_are_added_together_or_not_at_all
                    one_process_holds_the_inventory
                    tokens_are_resealed
                }
            }
        }
    };
}

/// Each of these functions of the suite as a test.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($fresh:expr; $($module:ident { $($test:ident)+ })+) => {
        $($(
            #[test]
            fn $test() {
                $crate::store::conformance::$module::$test($fresh());
            }
        )+)+
    };
}

/// Longer than anything here takes on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(30);
/// How many threads do the same at once.
pub(super) const MANY: usize = 8;
/// How long threads wait for each other where a lock keeps them from meeting.
const MEETING: Duration = Duration::from_millis(200);

/// A store with calls to a test: after each hold, and before each replacement, which fails if the call does.
pub(crate) struct ObservedStore<'a, S, H, R> {
    pub(crate) store: &'a S,
    pub(crate) after_hold: &'a H,
    pub(crate) before_replace: &'a R,
}

/// A hold of an [`ObservedStore`].
pub(crate) struct ObservedHeld<'a, T, R> {
    held: T,
    before_replace: &'a R,
}

impl<'a, S, H, R> Store for ObservedStore<'a, S, H, R>
where
    S: Store,
    H: Fn(),
    R: Fn() -> Result<(), StoreError>,
{
    const CHARGING: Charging = S::CHARGING;

    type Held = ObservedHeld<'a, S::Held, R>;

    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<Self::Held>, StoreError> {
        let hold = self.store.hold(user, patience)?;
        Ok(match hold {
            Hold::Held(held) => {
                (self.after_hold)();
                Hold::Held(ObservedHeld { held, before_replace: self.before_replace })
            }
            Hold::NotEnrolled => Hold::NotEnrolled,
            Hold::Busy => Hold::Busy,
        })
    }
}

impl<T: Held, R: Fn() -> Result<(), StoreError>> Held for ObservedHeld<'_, T, R> {
    fn credential(&self) -> &Credential {
        self.held.credential()
    }

    fn ledger(&self) -> &Ledger {
        self.held.ledger()
    }

    fn replace(&mut self, next: &Ledger, durability: Durability) -> Result<(), StoreError> {
        (self.before_replace)()?;
        self.held.replace(next, durability)
    }

    fn check_writable(&mut self) -> Result<(), StoreError> {
        self.held.check_writable()
    }
}

/// Where [`MANY`] threads wait until all have taken hold, so that an engine which neither locks nor compares is caught each time.
/// With a lock they cannot all hold: then the first waits for [`MEETING`], and nobody waits again.
#[derive(Default)]
pub(super) struct Meeting {
    arrived: Mutex<usize>,
    all_arrived: Condvar,
}

impl Meeting {
    pub(super) fn wait(&self) {
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        let waited = self.all_arrived.wait_timeout_while(arrived, MEETING, |arrived| *arrived < MANY);
        *waited.unwrap().0 = MANY;
        self.all_arrived.notify_all();
    }
}

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
        Ok(Hold::NotEnrolled) => panic!("alice is not enrolled"),
        Ok(Hold::Busy) => panic!("alice is held by another"),
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn is_enrolled<S: Store>(store: &S) -> bool {
    !matches!(store.hold(&alice().user, LONG).unwrap(), Hold::NotEnrolled)
}

pub(super) fn ledger<S: Store>(store: &S) -> Ledger {
    held(store).ledger().clone()
}

/// Adds a wrong code to alice's ledger, anew as often as another process is quicker.
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

/// The account `user0`, `user1`, and so on.
pub(super) fn user(number: usize) -> Account {
    Account { user: User::parse(&format!("user{number}")).unwrap(), uid: Some(2000 + number as u32) }
}

/// Enrols [`user`] 0 to `count` together.
pub(super) fn enrol_many<S: Store + Entries>(fixture: &mut Fixture<S>, count: usize) {
    fixture.inputs(NOON, |store, inputs| {
        let new_users = (0..count).map(|number| NewUser {
            entry: store.entry(&user(number).user, LONG).unwrap().unwrap(),
            account: user(number),
            confirmed: vec![draft("phone", PHONE).confirm_without_code(0)],
            scratch: Vec::new(),
        });
        enrol_all(new_users.collect(), inputs).unwrap();
    });
}

/// A request to reset alice's enrolment, which is kept nowhere yet.
pub(super) fn request<S: Store + Entries>(fixture: &Fixture<S>) -> Reset {
    let by = Person { uid: 1, name: "operator1".to_owned() };
    let grounds = ResetReason::parse("phone lost").unwrap();
    Reset::request(&alice(), fixture.in_place(), None, (by, grounds), ResetRules::DEFAULT, NOON).unwrap()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_function_of_the_suite_is_run() {
        let run = include_str!("conformance.rs");
        let suite = [include_str!("conformance/logins.rs"), include_str!("conformance/commands.rs")];
        let functions =
            suite.iter().flat_map(|file| file.lines()).filter_map(|line| line.strip_prefix("pub fn "));
        for function in functions {
            let name = function.split_once('<').unwrap().0;
            assert!(run.contains(&format!("                    {name}\n")), "{name} is not in the list");
        }
    }
}
