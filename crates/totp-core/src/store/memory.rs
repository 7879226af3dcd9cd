//! An engine in memory, for tests: with a lock, as files have it, or with a comparison, as a database has it.
//!
//! Its clones share one store, so that many threads can use it at once. A crash of the machine is [`Memory::crash`].

mod entry;
mod keyring;
mod spool;
mod state;

pub use entry::MemoryEntry;
pub use keyring::{FoundInMemory, MemoryKeyringLock, MemoryResealing};
pub use spool::{MemorySending, MemorySpool};
pub use state::{Comparing, Exclusion, Locking, Memory};

use super::{
    Charging, Durability, Engine, EnrolmentAttempts, Held, Hold, Maintenance, StorageProblem, Store,
    StoreError,
};
use crate::credential::Credential;
use crate::ledger::Ledger;
use crate::time::Seconds;
use crate::user::User;
use state::{Claim, Enrolment};
use std::sync::Arc;
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
        MemorySpool::of(Arc::clone(&self.shared))
    }
}

impl<X: Exclusion> EnrolmentAttempts for Memory<X> {
    fn wait(&self, uid: u32, now: u64) -> Result<Option<Seconds>, StoreError> {
        Ok(self.shared.state().attempts.get(&uid).and_then(|attempts| attempts.wait(now)))
    }

    fn charge(&self, uid: u32, now: u64) -> Result<Result<(), Seconds>, StoreError> {
        Ok(self.shared.state().attempts.entry(uid).or_default().charge(now))
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
