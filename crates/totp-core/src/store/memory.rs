//! An engine in memory, for tests: with a lock as the files have it, or with a comparison as a database has it.
//!
//! What it holds is shared by its clones, so that many threads can ask at once. [`Memory::crash`] is a crash of the machine: what was
//! recorded for the process alone is lost.

use super::{Charging, Durability, Entry, Held, Hold, Store, StoreError};
use crate::account_recovery::Reset;
use crate::credential::Credential;
use crate::document::DocumentError;
use crate::ledger::Ledger;
use crate::user::User;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How an engine keeps two from judging by the same ledger.
pub trait Exclusion {
    /// When it charges a try.
    const CHARGING: Charging;
}

/// One holds a user at a time; a try is charged before the look.
#[derive(Debug)]
pub enum Locking {}

/// Any number hold a user at a time, and the first to record wins; a try is charged in the same record.
#[derive(Debug)]
pub enum Comparing {}

impl Exclusion for Locking {
    const CHARGING: Charging = Charging::BeforeLook;
}

impl Exclusion for Comparing {
    const CHARGING: Charging = Charging::WithCommit;
}

/// The engine.
#[derive(Debug)]
pub struct Memory<X> {
    shared: Arc<Shared>,
    exclusion: PhantomData<X>,
}

#[derive(Default)]
struct Shared {
    users: Mutex<BTreeMap<String, Kept>>,
    freed: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

/// What is kept of one user.
#[derive(Default)]
struct Kept {
    enrolment: Option<Enrolment>,
    reset: Option<Reset>,
    /// Goes up at each change of the enrolment.
    revision: u64,
    is_held: bool,
}

#[derive(Clone)]
struct Enrolment {
    credential: Credential,
    ledger: Ledger,
    /// The ledger that a crash of the machine leaves.
    synced: Ledger,
}

impl Enrolment {
    fn synced(credential: &Credential, ledger: &Ledger) -> Self {
        Self { credential: credential.clone(), ledger: ledger.clone(), synced: ledger.clone() }
    }
}

impl Shared {
    fn users(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<X> Default for Memory<X> {
    fn default() -> Self {
        Self { shared: Arc::default(), exclusion: PhantomData }
    }
}

impl<X> Clone for Memory<X> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), exclusion: PhantomData }
    }
}

impl<X> Memory<X> {
    /// Crashes the machine: each ledger is what was last recorded to outlast that.
    pub fn crash(&self) {
        for enrolment in self.shared.users().values_mut().filter_map(|kept| kept.enrolment.as_mut()) {
            enrolment.ledger = enrolment.synced.clone();
        }
    }

    /// Makes all that was recorded outlast a crash of the machine, as a disk does in time.
    pub fn sync(&self) {
        for enrolment in self.shared.users().values_mut().filter_map(|kept| kept.enrolment.as_mut()) {
            enrolment.synced = enrolment.ledger.clone();
        }
    }

    /// How often the enrolment of `user` was changed.
    #[must_use]
    pub fn changes(&self, user: &User) -> u64 {
        self.shared.users().get(user.as_str()).map_or(0, |kept| kept.revision)
    }
}

impl<X: Exclusion> Memory<X> {
    /// A user's place in the store, held, enrolled or not; `None`: others held it all the time.
    ///
    /// # Errors
    /// None; other engines have some.
    pub fn entry(&self, user: &User, patience: Duration) -> Result<Option<MemoryEntry<X>>, StoreError> {
        let Some((held, enrolment)) = self.take(user, patience) else { return Ok(None) };
        Ok(Some(MemoryEntry { held, enrolment }))
    }

    /// What is kept of the user now, and the right to change it.
    fn take(&self, user: &User, patience: Duration) -> Option<(Taken<X>, Option<Enrolment>)> {
        let name = user.as_str().to_owned();
        let is_held = |users: &mut BTreeMap<String, Kept>| users.get(&name).is_some_and(|kept| kept.is_held);
        let mut users = match X::CHARGING {
            Charging::WithCommit => self.shared.users(),
            Charging::BeforeLook => {
                let waited = self.shared.freed.wait_timeout_while(self.shared.users(), patience, is_held);
                let (users, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                if waited.timed_out() {
                    return None;
                }
                users
            }
        };
        let kept = users.entry(name.clone()).or_default();
        kept.is_held = X::CHARGING == Charging::BeforeLook;
        let taken =
            Taken { shared: Arc::clone(&self.shared), name, revision: kept.revision, exclusion: PhantomData };
        Some((taken, kept.enrolment.clone()))
    }
}

impl<X: Exclusion> Store for Memory<X> {
    const CHARGING: Charging = X::CHARGING;

    type Held = MemoryHeld<X>;

    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<MemoryHeld<X>>, StoreError> {
        Ok(match self.take(user, patience) {
            Some((held, Some(enrolment))) => Hold::Held(MemoryHeld { held, enrolment }),
            Some((_, None)) => Hold::NotEnrolled,
            None => Hold::Busy,
        })
    }
}

/// A user's place as it was found: locked until it is dropped, or compared with when it is changed.
struct Taken<X: Exclusion> {
    shared: Arc<Shared>,
    name: String,
    revision: u64,
    exclusion: PhantomData<X>,
}

impl<X: Exclusion> Taken<X> {
    /// Changes what is kept, if nobody else did since it was taken or last changed here.
    fn change<T>(&mut self, act: impl FnOnce(&mut Kept) -> T) -> Result<T, StoreError> {
        let mut users = self.shared.users();
        let kept = users.entry(self.name.clone()).or_default();
        match X::CHARGING {
            Charging::WithCommit if kept.revision != self.revision => return Err(StoreError::Conflict),
            Charging::WithCommit | Charging::BeforeLook => {}
        }
        kept.revision = kept.revision.saturating_add(1);
        self.revision = kept.revision;
        Ok(act(kept))
    }

    fn put(&mut self, enrolment: Option<Enrolment>) -> Result<(), StoreError> {
        self.change(|kept| kept.enrolment = enrolment)
    }
}

impl<X: Exclusion> Drop for Taken<X> {
    fn drop(&mut self) {
        if X::CHARGING == Charging::BeforeLook
            && let Some(kept) = self.shared.users().get_mut(&self.name)
        {
            kept.is_held = false;
            self.shared.freed.notify_all();
        }
    }
}

/// A user's enrolment as it was found.
pub struct MemoryHeld<X: Exclusion> {
    held: Taken<X>,
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
        self.held.change(|kept| {
            let Some(enrolment) = &mut kept.enrolment else { return };
            enrolment.ledger = next.clone();
            match durability {
                Durability::Process => {}
                Durability::Machine => enrolment.synced = next.clone(),
            }
        })
    }
}

/// A user's place in the store, to be changed.
pub struct MemoryEntry<X: Exclusion> {
    held: Taken<X>,
    enrolment: Option<Enrolment>,
}

impl<X: Exclusion> Entry for MemoryEntry<X> {
    fn credential(&self) -> Option<Result<&Credential, &DocumentError>> {
        self.enrolment.as_ref().map(|enrolment| Ok(&enrolment.credential))
    }

    fn ledger(&self) -> Option<&Ledger> {
        self.enrolment.as_ref().map(|enrolment| &enrolment.ledger)
    }

    fn commit(mut self, credential: &Credential, ledger: &Ledger) -> Result<(), StoreError> {
        let goes_on =
            self.enrolment.as_ref().is_some_and(|old| old.credential.owner().id == credential.owner().id);
        self.held.change(|kept| {
            kept.enrolment = Some(Enrolment::synced(credential, ledger));
            if !goes_on {
                kept.reset = None;
            }
        })
    }

    fn commit_all(batch: Vec<(Self, Credential, Ledger)>) -> Result<(), StoreError> {
        batch.into_iter().try_for_each(|(entry, credential, ledger)| entry.commit(&credential, &ledger))
    }

    fn reset(&self) -> Result<Option<Reset>, StoreError> {
        Ok(self.held.shared.users().get(&self.held.name).and_then(|kept| kept.reset.clone()))
    }

    fn keep_reset(&self, reset: &Reset) -> Result<(), StoreError> {
        self.held.shared.users().entry(self.held.name.clone()).or_default().reset = Some(reset.clone());
        Ok(())
    }

    fn forget_reset(&self) -> Result<bool, StoreError> {
        let mut users = self.held.shared.users();
        Ok(users.get_mut(&self.held.name).is_some_and(|kept| kept.reset.take().is_some()))
    }

    fn note(&mut self, ledger: &Ledger) -> Result<(), StoreError> {
        if let Some(enrolment) = &mut self.enrolment {
            *enrolment = Enrolment::synced(&enrolment.credential, ledger);
        }
        self.held.put(self.enrolment.clone())
    }

    fn record(mut self, ledger: &Ledger) -> Result<(), StoreError> {
        self.note(ledger)
    }

    fn withdraw(mut self) -> Result<(), StoreError> {
        self.held.put(None)
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
