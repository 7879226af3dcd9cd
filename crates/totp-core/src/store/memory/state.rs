//! What the engine in memory keeps, and the right to change a user: a lock or a comparison.

use crate::account_recovery::{Cancellation, Reset};
use crate::credential::Credential;
use crate::enrolment::attempts::RecentAttempts;
use crate::ledger::Ledger;
use crate::store::notices::{Topic, Waiting};
use crate::store::{Charging, StoreError};
use crate::token::{Serial, Token};
use crate::user::User;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
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
    pub(super) shared: Arc<Shared>,
    exclusion: PhantomData<X>,
}

/// The store that clones have in common.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Signalled when a lock is given up.
    pub(super) unlocked: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) users: BTreeMap<User, UserState>,
    pub(super) keyring: KeyringLockState,
    pub(super) attempts: BTreeMap<u32, RecentAttempts>,
    pub(super) spool: Notices,
    pub(super) tokens: BTreeMap<Serial, Token>,
    pub(super) holds_tokens: bool,
}

/// Who has which lock on the keyring.
#[derive(Default)]
pub(super) struct KeyringLockState {
    pub(super) sealing: usize,
    pub(super) is_changing: bool,
    pub(super) is_rotating: bool,
}

/// The notices that wait to be sent.
#[derive(Default)]
pub(super) struct Notices {
    pub(super) waiting: BTreeMap<Waiting, Vec<u8>>,
    /// Topics and times of those that were sent.
    pub(super) told: Vec<(Topic, u64)>,
    /// The ids of those whose change has not ended.
    pub(super) running: BTreeSet<String>,
    pub(super) next_id: u64,
    pub(super) is_sending: bool,
}

/// One user.
#[derive(Default)]
pub(super) struct UserState {
    pub(super) enrolment: Option<Enrolment>,
    pub(super) reset: Option<Reset>,
    pub(super) cancellation: Option<Cancellation>,
    /// Goes up at each change, also of the reset.
    revision: u64,
    /// Goes up at each change of the credential.
    pub(super) credential_revision: u64,
    is_locked: bool,
}

#[derive(Clone)]
pub(super) struct Enrolment {
    pub(super) credential: Credential,
    pub(super) ledger: Ledger,
    /// The ledger that a crash of the machine leaves.
    pub(super) synced: Ledger,
}

impl UserState {
    /// The reset, called off if there is a mark that says so.
    pub(super) fn reset(&self) -> Option<Reset> {
        let reset = self.reset.clone()?;
        Some(self.cancellation.map_or(reset.clone(), |mark| mark.applied_to(reset)))
    }
}

impl Enrolment {
    pub(super) fn synced(credential: &Credential, ledger: &Ledger) -> Self {
        Self { credential: credential.clone(), ledger: ledger.clone(), synced: ledger.clone() }
    }
}

impl UserState {
    pub(super) fn put(&mut self, enrolment: Option<Enrolment>) {
        self.enrolment = enrolment;
        self.credential_revision = self.credential_revision.saturating_add(1);
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state once `is_locked` is false; `None` where it stays true for all of `patience`.
    pub(super) fn unlocked(
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
    pub(super) fn claim(&self, user: &User, patience: Duration) -> Option<(Claim<X>, Option<Enrolment>)> {
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
pub(super) struct Claim<X: Exclusion> {
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
    pub(super) fn read<T>(&self, act: impl FnOnce(&UserState) -> T) -> Result<T, StoreError> {
        let mut state = self.shared.state();
        let user = state.users.entry(self.user.clone()).or_default();
        self.compare(user)?;
        Ok(act(user))
    }

    /// Lets `act` change the user.
    ///
    /// # Errors
    /// As [`Claim::read`]; then nothing was changed.
    pub(super) fn change<T>(&self, act: impl FnOnce(&mut UserState) -> T) -> Result<T, StoreError> {
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
