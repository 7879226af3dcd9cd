//! Alice in the engine in memory, for the tests of the sequences in both modes of excluding others.

use crate::code::Answer;
use crate::enrolment::ExpectedEnrolment;
use crate::enrolment::{ChangeInputs, EnrolmentError, add, enrol};
use crate::fixture::{FixedHost, NOON, PATIENCE, alice, at, draft, rules};
use crate::keyring::{Keyring, tests::keyring};
use crate::login::{JudgeError, Submission, Verdict, judge};
use crate::secret::{Secret, tests::Counter};
use crate::store::memory::{Exclusion, Memory, MemoryEntry, MemoryHeld};
use crate::store::{Entry, Hold, Store};
use crate::time::Now;
use crate::user::Account;

/// Runs each test of these names with a lock, and with a comparison.
macro_rules! in_both_modes {
    ($($name:ident)*) => {
        mod locking {
            $(#[test] fn $name() { super::$name::<crate::store::memory::Locking>(); })*
        }
        mod comparing {
            $(#[test] fn $name() { super::$name::<crate::store::memory::Comparing>(); })*
        }
    };
}
pub(crate) use in_both_modes;

pub(crate) struct MemoryFixture<X: Exclusion> {
    pub(crate) store: Memory<X>,
    pub(crate) keyring: Keyring,
    entropy: Counter,
}

impl<X: Exclusion> MemoryFixture<X> {
    pub(crate) fn new() -> Self {
        Self { store: Memory::default(), keyring: keyring(), entropy: Counter(3) }
    }

    pub(crate) fn inputs<T>(
        &mut self,
        now: u64,
        act: impl FnOnce(MemoryEntry<X>, &mut ChangeInputs<'_>) -> T,
    ) -> T {
        let entry = self.entry();
        let created = "2026-11-20T19:00:00Z".parse().unwrap();
        let mut inputs =
            ChangeInputs { keyring: &self.keyring, entropy: &mut self.entropy, created, now: at(now) };
        act(entry, &mut inputs)
    }

    pub(crate) fn entry(&self) -> MemoryEntry<X> {
        self.store.entry(&alice().user, PATIENCE).unwrap().unwrap()
    }

    pub(crate) fn held(&self) -> MemoryHeld<X> {
        match self.store.hold(&alice().user, PATIENCE) {
            Ok(Hold::Held(held)) => held,
            _ => panic!("held"),
        }
    }

    /// Enrols alice; returns her recovery codes.
    pub(crate) fn enrol(&mut self, secret: &[u8]) -> Vec<Secret> {
        self.enrol_over(secret, ExpectedEnrolment::Nothing)
    }

    /// Replaces alice's enrolment, whatever it is.
    pub(crate) fn replace(&mut self, secret: &[u8]) -> Vec<Secret> {
        let permitted = self.in_place();
        self.enrol_over(secret, permitted)
    }

    fn enrol_over(&mut self, secret: &[u8], permitted: ExpectedEnrolment) -> Vec<Secret> {
        let confirmed = [draft("phone", secret).confirm_without_code(0)];
        self.inputs(NOON, |entry, inputs| enrol(entry, &alice(), &confirmed, 10, permitted, inputs)).unwrap()
    }

    pub(crate) fn add(&mut self, label: &str, secret: &[u8]) -> Result<(), EnrolmentError> {
        let (confirmed, permitted) = (draft(label, secret).confirm_without_code(0), self.in_place());
        self.inputs(NOON, |entry, inputs| add(entry, &alice(), &confirmed, permitted, inputs))
    }

    pub(crate) fn in_place(&self) -> ExpectedEnrolment {
        ExpectedEnrolment::of(self.entry().credential())
    }

    pub(crate) fn login(&self, typed: &[u8], now: Now) -> Result<Verdict, JudgeError> {
        self.login_as(&alice(), typed, now)
    }

    pub(crate) fn login_as(&self, account: &Account, typed: &[u8], now: Now) -> Result<Verdict, JudgeError> {
        self.login_at(&self.store, account, &Answer::recognise(typed).expect("shaped like a code"), now)
    }

    pub(crate) fn login_at<S: Store>(
        &self,
        store: &S,
        account: &Account,
        answer: &Answer,
        now: Now,
    ) -> Result<Verdict, JudgeError> {
        let submission = Submission { account, answer, rules: &rules(), patience: PATIENCE };
        judge(store, &submission, &mut FixedHost { now, keyring: &self.keyring })
    }
}
