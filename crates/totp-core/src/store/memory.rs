//! An engine in memory, for tests: with a lock, as files have it, or with a comparison, as a database has it. `state`
//! has what it keeps, `keyring` the locks and credentials of a rotation, `spool` the notices.
//!
//! Its clones share one store, so that many threads can use it at once. A crash of the machine is [`Memory::crash`].

mod keyring;
mod spool;
mod state;
mod tokens;

pub use keyring::{FoundInMemory, MemoryKeyringLock, MemoryResealing};
pub use spool::{MemoryBegun, MemorySending, MemorySpool};
pub use state::{Comparing, Exclusion, Locking, Memory};
pub use tokens::MemoryInventory;

use super::{
    Charging, Document, Durability, Engine, EnrolmentAttempts, Entries, Entry, Held, Hold, Maintenance,
    Resets, StorageProblem, Store, StoreError, Users,
};
use crate::account_recovery::{Cancellation, Reset};
use crate::credential::Credential;
use crate::document::DocumentError;
use crate::ledger::Ledger;
use crate::time::Seconds;
use crate::user::User;
use state::{Claim, Enrolment, UserState};
use std::time::Duration;

impl<X: Exclusion> Store for Memory<X> {
    const CHARGING: Charging = X::CHARGING;

    type Held = MemoryHeld<X>;

    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<MemoryHeld<X>>, StoreError> {
        Ok(match self.claim(user, patience) {
            Some((claim, Some(enrolment))) => Hold::Held(MemoryHeld { claim, enrolment }),
            Some((_, None)) => Hold::NotEnrolled,
            None => Hold::Busy,
        })
    }
}

/// An enrolment as it was found by a login.
pub struct MemoryHeld<X: Exclusion> {
    claim: Claim<X>,
    enrolment: Enrolment,
}

impl<X: Exclusion> Held for MemoryHeld<X> {
    fn credential(&self) -> &Credential {
        &self.enrolment.credential
    }

    fn ledger(&self) -> &Ledger {
        &self.enrolment.ledger
    }

    fn replace(&mut self, next: &Ledger, durability: Durability) -> Result<(), StoreError> {
        self.claim.change(|user| {
            let Some(enrolment) = &mut user.enrolment else { return };
            enrolment.ledger = next.clone();
            match durability {
                Durability::Process => {}
                Durability::Machine => enrolment.synced = next.clone(),
            }
        })
    }

    /// Memory can always be written.
    fn check_writable(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A user, enrolled or not, whose enrolment is to be changed.
pub struct MemoryEntry<X: Exclusion> {
    claim: Claim<X>,
    enrolment: Option<Enrolment>,
}

impl<X: Exclusion> Entry for MemoryEntry<X> {
    fn credential(&self) -> Option<Result<&Credential, &DocumentError>> {
        self.enrolment.as_ref().map(|enrolment| Ok(&enrolment.credential))
    }

    fn ledger(&self) -> Option<&Ledger> {
        self.enrolment.as_ref().map(|enrolment| &enrolment.ledger)
    }

    fn commit(self, credential: &Credential, ledger: &Ledger) -> Result<(), StoreError> {
        let is_another =
            self.enrolment.as_ref().is_none_or(|old| old.credential.owner().id != credential.owner().id);
        self.claim.change(|user| {
            user.put(Some(Enrolment::synced(credential, ledger)));
            if is_another {
                user.reset = None;
            }
        })
    }

    fn commit_all(batch: Vec<(Self, Credential, Ledger)>) -> Result<(), StoreError> {
        batch.into_iter().try_for_each(|(entry, credential, ledger)| entry.commit(&credential, &ledger))
    }

    fn reset(&self) -> Result<Option<Reset>, StoreError> {
        self.claim.read(UserState::reset)
    }

    fn keep_reset(&self, reset: &Reset) -> Result<(), StoreError> {
        self.claim.change(|user| user.reset = Some(reset.clone()))
    }

    fn forget_reset(&self) -> Result<bool, StoreError> {
        self.claim.change(|user| user.reset.take().is_some())
    }

    fn note(&mut self, ledger: &Ledger) -> Result<(), StoreError> {
        let next = self.enrolment.as_ref().map(|now| Enrolment::synced(&now.credential, ledger));
        self.claim.change(|user| user.enrolment.clone_from(&next))?;
        self.enrolment = next;
        Ok(())
    }

    fn record(mut self, ledger: &Ledger) -> Result<(), StoreError> {
        self.note(ledger)
    }

    fn withdraw(self) -> Result<(), StoreError> {
        self.claim.change(|user| user.put(None))
    }
}

impl<X: Exclusion> Entries for Memory<X> {
    type Entry = MemoryEntry<X>;

    fn entry(&self, user: &User, patience: Duration) -> Result<Option<MemoryEntry<X>>, StoreError> {
        Ok(self.claim(user, patience).map(|(claim, enrolment)| MemoryEntry { claim, enrolment }))
    }

    fn entry_to_withdraw(
        &self,
        user: &User,
        patience: Duration,
    ) -> Result<Option<MemoryEntry<X>>, StoreError> {
        self.entry(user, patience)
    }
}

/// Names, as they were when they were asked for.
type Names = std::vec::IntoIter<Result<User, StoreError>>;

impl<X: Exclusion> Users for Memory<X> {
    type Names = Names;

    fn enrolled(&self) -> Result<Names, StoreError> {
        let state = self.shared.state();
        let enrolled = state.users.iter().filter(|(_, user)| user.enrolment.is_some());
        Ok(enrolled.map(|(name, _)| Ok(name.clone())).collect::<Vec<_>>().into_iter())
    }

    /// A ledger goes with its credential here.
    fn known(&self) -> Result<Names, StoreError> {
        self.enrolled()
    }

    fn credential(&self, user: &User) -> Result<Option<Credential>, StoreError> {
        let state = self.shared.state();
        let enrolment = state.users.get(user).and_then(|user| user.enrolment.as_ref());
        Ok(enrolment.map(|enrolment| enrolment.credential.clone()))
    }

    fn name_of(&self, document: Document, user: &User) -> String {
        let document = match document {
            Document::Credential => "credential",
            Document::Ledger => "ledger",
            Document::Reset => "reset",
        };
        format!("{document} of {}", user.as_str())
    }
}

impl<X: Exclusion> Resets for Memory<X> {
    type Names = Names;

    fn reset(&self, user: &User) -> Result<Option<Reset>, StoreError> {
        Ok(self.shared.state().users.get(user).and_then(UserState::reset))
    }

    fn call_off(&self, user: &User, cancellation: Cancellation) -> Result<(), StoreError> {
        self.shared.state().users.entry(user.clone()).or_default().cancellation = Some(cancellation);
        Ok(())
    }

    fn resets(&self) -> Result<Option<Names>, StoreError> {
        let state = self.shared.state();
        let waiting = state.users.iter().filter(|(_, user)| user.reset.is_some());
        Ok(Some(waiting.map(|(name, _)| Ok(name.clone())).collect::<Vec<_>>().into_iter()))
    }
}

impl<X: Exclusion> Engine for Memory<X> {
    type Attempts = Self;
    type Notices = MemorySpool;

    fn prepare(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn enrolment_attempts(&self) -> Self {
        self.clone()
    }

    fn notices(&self) -> MemorySpool {
        MemorySpool::of(&self.shared)
    }
}

impl<X: Exclusion> EnrolmentAttempts for Memory<X> {
    fn wait(&self, uid: u32, now: u64) -> Result<Option<Seconds>, StoreError> {
        Ok(self.shared.state().attempts.get(&uid).and_then(|attempts| attempts.wait(now)))
    }

    fn charge(&self, uid: u32, now: u64) -> Result<Result<(), Seconds>, StoreError> {
        Ok(self.shared.state().attempts.entry(uid).or_default().charge(now))
    }

    fn any(&self, uid: u32) -> Result<bool, StoreError> {
        Ok(self.shared.state().attempts.contains_key(&uid))
    }

    fn forget(&self, uid: u32) -> Result<bool, StoreError> {
        Ok(self.shared.state().attempts.remove(&uid).is_some())
    }
}

/// A program that is killed leaves nothing here: a draft is in that program's own memory.
impl<X: Exclusion> Maintenance for Memory<X> {
    fn check(&self, _age: Seconds, _now: u64) -> Vec<StorageProblem> {
        Vec::new()
    }

    fn stale_drafts(&self, _age: Seconds, _now: u64) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn remove_stale_draft(&self, name: &str) -> Result<(), StoreError> {
        Err(StoreError::Unsafe { about: name.to_owned(), problem: "is not a draft".to_owned() })
    }
}

/// Runs each test of these names with a lock, and with a comparison.
#[cfg(test)]
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
#[cfg(test)]
pub(crate) use in_both_modes;

/// The promises of every engine, kept in both modes.
#[cfg(test)]
mod conformance {
    use super::{Comparing, Locking, Memory};

    crate::engine_conformance!(locking, || ((), Memory::<Locking>::default()));
    crate::engine_conformance!(comparing, || ((), Memory::<Comparing>::default()));
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
