//! An engine in memory, for tests: with a lock, as files have it, or with a comparison, as a database has it.
//!
//! Its clones share one store, so that many threads can use it at once. A crash of the machine is [`Memory::crash`].

mod entry;
mod keyring;
mod spool;

pub use entry::MemoryEntry;
pub use keyring::{FoundInMemory, MemoryKeyringLock, MemoryResealing};
pub use spool::{MemorySending, MemorySpool};

use super::{Charging, Durability, Engine, EnrolmentAttempts, Held, Hold, StaleDrafts, Store, StoreError};
use crate::credential::Credential;
use crate::enrolment_attempts::RecentAttempts;
use crate::ledger::Ledger;
use crate::reset::Reset;
use crate::time::Seconds;
use crate::user::User;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How the engine keeps two logins from judging by the same ledger.
pub trait Exclusion: 'static {
    /// When it charges a try.
    const CHARGING: Charging;
}

/// One at a time holds a user; a try is charged before the code is looked at.
#[derive(Debug)]
pub enum Locking {}

/// Any number hold a user at once, and the first to write wins; a try is charged in the same write.
#[derive(Debug)]
pub enum Comparing {}

impl Exclusion for Locking {
    const CHARGING: Charging = Charging::BeforeLook;
}

impl Exclusion for Comparing {
    const CHARGING: Charging = Charging::WithCommit;
}

/// The engine.
pub struct Memory<X> {
    shared: Arc<Shared>,
    exclusion: PhantomData<X>,
}

/// The store that clones have in common.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when a lock is given up.
    unlocked: Condvar,
}

#[derive(Default)]
struct State {
    users: BTreeMap<User, UserState>,
    keyring: keyring::Locks,
    attempts: BTreeMap<u32, RecentAttempts>,
    spool: spool::Notices,
}

/// One user.
#[derive(Default)]
struct UserState {
    enrolment: Option<Enrolment>,
    reset: Option<Reset>,
    /// Goes up at each change, also of the reset.
    revision: u64,
    /// Goes up at each change of the credential.
    credential_revision: u64,
    is_locked: bool,
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

impl UserState {
    fn put(&mut self, enrolment: Option<Enrolment>) {
        self.enrolment = enrolment;
        self.credential_revision = self.credential_revision.saturating_add(1);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state once `is_locked` is false; `None` where it stays true for all of `patience`.
    fn unlocked(
        &self,
        patience: Duration,
        is_locked: impl FnMut(&mut State) -> bool,
    ) -> Option<MutexGuard<'_, State>> {
        let waited = self.unlocked.wait_timeout_while(self.state(), patience, is_locked);
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        (!waited.timed_out()).then_some(state)
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
    /// Crashes the machine: each ledger is the one that was last recorded to outlast that, and enrolment attempts are forgotten.
    pub fn crash(&self) {
        let mut state = self.shared.state();
        for enrolment in state.users.values_mut().filter_map(|user| user.enrolment.as_mut()) {
            enrolment.ledger = enrolment.synced.clone();
        }
        state.attempts.clear();
    }

    /// Makes each ledger outlast a crash of the machine, as a disk does in time.
    pub fn sync(&self) {
        for enrolment in self.shared.state().users.values_mut().filter_map(|user| user.enrolment.as_mut()) {
            enrolment.synced = enrolment.ledger.clone();
        }
    }

    /// How often `user` was changed.
    #[must_use]
    pub fn changes(&self, user: &User) -> u64 {
        self.shared.state().users.get(user).map_or(0, |user| user.revision)
    }
}

impl<X: Exclusion> Memory<X> {
    /// The right to change `user`, and the enrolment as it is now; `None` where others had the lock all the time.
    fn claim(&self, user: &User, patience: Duration) -> Option<(Claim<X>, Option<Enrolment>)> {
        let is_locked =
            |state: &mut State| state.users.get(user).is_some_and(|user_state| user_state.is_locked);
        let mut state = match X::CHARGING {
            Charging::WithCommit => self.shared.state(),
            Charging::BeforeLook => self.shared.unlocked(patience, is_locked)?,
        };
        let found = state.users.entry(user.clone()).or_default();
        found.is_locked = X::CHARGING == Charging::BeforeLook;
        let claim = Claim {
            shared: Arc::clone(&self.shared),
            user: user.clone(),
            revision: Cell::new(found.revision),
            exclusion: PhantomData,
        };
        Some((claim, found.enrolment.clone()))
    }
}

/// The right to change a user: locked until it is dropped, or compared when it is used.
struct Claim<X: Exclusion> {
    shared: Arc<Shared>,
    user: User,
    /// The revision that was found, or that the last change through this claim made.
    revision: Cell<u64>,
    exclusion: PhantomData<X>,
}

impl<X: Exclusion> Claim<X> {
    /// Lets `act` read the user.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another process changed the user since.
    fn read<T>(&self, act: impl FnOnce(&UserState) -> T) -> Result<T, StoreError> {
        let mut state = self.shared.state();
        let user = state.users.entry(self.user.clone()).or_default();
        self.compare(user)?;
        Ok(act(user))
    }

    /// Lets `act` change the user.
    ///
    /// # Errors
    /// As [`Claim::read`]; then nothing was changed.
    fn change<T>(&self, act: impl FnOnce(&mut UserState) -> T) -> Result<T, StoreError> {
        let mut state = self.shared.state();
        let user = state.users.entry(self.user.clone()).or_default();
        self.compare(user)?;
        user.revision = user.revision.saturating_add(1);
        self.revision.set(user.revision);
        Ok(act(user))
    }

    fn compare(&self, user: &UserState) -> Result<(), StoreError> {
        match X::CHARGING {
            Charging::WithCommit if user.revision != self.revision.get() => Err(StoreError::Conflict),
            Charging::WithCommit | Charging::BeforeLook => Ok(()),
        }
    }
}

impl<X: Exclusion> Drop for Claim<X> {
    fn drop(&mut self) {
        if X::CHARGING == Charging::BeforeLook
            && let Some(user) = self.shared.state().users.get_mut(&self.user)
        {
            user.is_locked = false;
            self.shared.unlocked.notify_all();
        }
    }
}

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
impl<X: Exclusion> StaleDrafts for Memory<X> {
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
