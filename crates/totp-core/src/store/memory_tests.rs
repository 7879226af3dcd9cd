//! What the engine in memory promises in each mode: no two records follow from the same ledger.
#![expect(clippy::disallowed_methods, reason = "many ask at once, in threads")]

use super::*;
use crate::fixture::{Fixture, PATIENCE, PHONE, alice};
use crate::store::{Entries, Entry};
use Durability::{Machine, Process};

fn enrolled<X: Exclusion>() -> Fixture<Memory<X>> {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    fixture
}

/// The ledger as it is kept, with so many wrong codes in a row.
fn with_wrong<X: Exclusion>(fixture: &Fixture<Memory<X>>, wrong: u32) -> Ledger {
    let mut ledger = fixture.held().ledger().clone();
    ledger.guesses.since_accepted.wrong = wrong;
    ledger
}

fn wrong<X: Exclusion>(fixture: &Fixture<Memory<X>>) -> u32 {
    fixture.held().ledger().guesses.since_accepted.wrong
}

#[test]
fn of_two_who_hold_the_same_ledger_the_first_to_record_wins() {
    let fixture = enrolled::<Comparing>();
    let (mut first, mut second) = (fixture.held(), fixture.held());
    first.replace(&with_wrong(&fixture, 1), Process).unwrap();
    let lost = second.replace(&with_wrong(&fixture, 2), Process);
    assert!(matches!(lost, Err(StoreError::Conflict)));
    assert_eq!(wrong(&fixture), 1);
}

#[test]
fn a_change_of_the_enrolment_is_compared_too() {
    let fixture = enrolled::<Comparing>();
    let (mut held, entry) = (fixture.held(), fixture.entry());
    let ledger = with_wrong(&fixture, 1);
    entry.record(&ledger).unwrap();
    assert!(matches!(held.replace(&ledger, Process), Err(StoreError::Conflict)));
    let (mut held, entry) = (fixture.held(), fixture.entry());
    held.replace(&ledger, Process).unwrap();
    assert!(matches!(entry.withdraw(), Err(StoreError::Conflict)));
}

#[test]
fn a_user_who_is_held_is_waited_for() {
    let fixture = enrolled::<Locking>();
    let held = fixture.held();
    assert!(matches!(fixture.store.hold(&alice().user, PATIENCE), Ok(Hold::Busy)));
    assert!(fixture.store.entry(&alice().user, PATIENCE).unwrap().is_none());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| fixture.store.hold(&alice().user, Duration::from_secs(60)).is_ok());
        drop(held);
        assert!(waits.join().unwrap());
    });
}

fn one_hold_can_record_more_than_once<X: Exclusion>() {
    let fixture = enrolled::<X>();
    let ledgers = [1, 2].map(|wrong| with_wrong(&fixture, wrong));
    let mut held = fixture.held();
    for ledger in &ledgers {
        held.replace(ledger, Process).unwrap();
    }
    drop(held);
    assert_eq!(wrong(&fixture), 2);
}

fn a_crash_leaves_what_was_to_outlast_it<X: Exclusion>() {
    let fixture = enrolled::<X>();
    for (count, durability, left) in [(1, Process, 0), (2, Machine, 2), (3, Process, 2)] {
        let ledger = with_wrong(&fixture, count);
        fixture.held().replace(&ledger, durability).unwrap();
        assert_eq!(wrong(&fixture), count);
        fixture.store.crash();
        assert_eq!(wrong(&fixture), left);
    }
}

fn who_was_withdrawn_is_not_enrolled<X: Exclusion>() {
    let fixture = enrolled::<X>();
    fixture.entry().withdraw().unwrap();
    assert!(matches!(fixture.store.hold(&alice().user, PATIENCE), Ok(Hold::NotEnrolled)));
}

in_both_modes! {
    one_hold_can_record_more_than_once
    a_crash_leaves_what_was_to_outlast_it
    who_was_withdrawn_is_not_enrolled
}
