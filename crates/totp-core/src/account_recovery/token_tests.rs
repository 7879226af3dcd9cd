//! A token whose result cannot be recorded.

use super::*;
use crate::credential::Credential;
use crate::document::DocumentError;
use crate::fixture::{Counter, Fixture, NOON, PATIENCE, PHONE, alice};
use crate::ledger::Ledger;
use crate::store::Entries;
use crate::store::memory::{Locking, Memory, MemoryEntry};
use std::cell::Cell;

const HOUR: u64 = 3600;

/// An entry whose reset can be written so often and no more.
struct Failing(MemoryEntry<Locking>, Cell<usize>);

impl Entry for Failing {
    fn credential(&self) -> Option<Result<&Credential, &DocumentError>> {
        self.0.credential()
    }
    fn ledger(&self) -> Option<&Ledger> {
        self.0.ledger()
    }
    fn reset(&self) -> Result<Option<Reset>, StoreError> {
        self.0.reset()
    }
    fn keep_reset(&self, reset: &Reset) -> Result<(), StoreError> {
        let problem = "cannot write: I/O error".to_owned();
        let dead = || StoreError::System { about: "/resets/alice.toml".to_owned(), problem };
        self.1.set(self.1.get().checked_sub(1).ok_or_else(dead)?);
        self.0.keep_reset(reset)
    }
    fn commit(self, _: &Credential, _: &Ledger) -> Result<(), StoreError> {
        panic!("no token needs this")
    }
    fn commit_all(_: Vec<(Self, Credential, Ledger)>) -> Result<(), StoreError> {
        panic!("no token needs this")
    }
    fn forget_reset(&self) -> Result<bool, StoreError> {
        panic!("no token needs this")
    }
    fn note(&mut self, _: &Ledger) -> Result<(), StoreError> {
        panic!("no token needs this")
    }
    fn record(self, _: &Ledger) -> Result<(), StoreError> {
        panic!("no token needs this")
    }
    fn withdraw(self) -> Result<(), StoreError> {
        panic!("no token needs this")
    }
}

fn asked(account: &Account, uid: u32, now: u64) -> StepInputs<'_> {
    let by = Person { uid, name: format!("operator{uid}") };
    StepInputs { account, by, rules: ResetRules::DEFAULT, now }
}

#[test]
fn a_token_whose_result_is_not_recorded_looks_and_counts_as_wrong() {
    let mut fixture = Fixture::<Memory<Locking>>::new();
    fixture.enrol(PHONE);
    let entry = || fixture.store.entry(&alice().user, PATIENCE).unwrap().unwrap();
    let untold = |_: &Reset| Ok(());
    request(entry(), asked(&alice(), 1, NOON), ResetReason::parse("all is lost").unwrap(), untold).unwrap();
    approve(entry(), asked(&alice(), 2, NOON), untold).unwrap();
    let (_, token) = complete(entry(), &asked(&alice(), 1, NOON + HOUR), &mut Counter(5), untold).unwrap();
    let tried =
        |writes: usize| try_token(&Failing(entry(), Cell::new(writes)), &alice(), &token, NOON + HOUR);
    assert!(tried(0).is_err(), "not charged, so not looked at");
    for _ in 0..MOST_WRONG {
        let Ok(TokenOutcome::Refused(why)) = tried(1) else { panic!("an answer of its own") };
        assert_eq!((why, why.to_string()), (TokenRefused::Unrecorded, TokenRefused::Wrong.to_string()));
    }
    assert!(matches!(tried(2), Ok(TokenOutcome::Refused(TokenRefused::Dead))));
}
