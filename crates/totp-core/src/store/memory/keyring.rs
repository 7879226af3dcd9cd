//! The keyring's locks in memory, and the credentials that a rotation seals anew.

use super::state::{Enrolment, Exclusion, KeyringLockState, Memory, Shared, State};
use crate::credential::Credential;
use crate::store::{FoundCredential, KeyringLocks, Reseal, Resealed, Resealing, StoreError};
use crate::user::User;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Copy)]
enum Purpose {
    Seal,
    ChangeKeys,
    Rotate,
}

impl KeyringLockState {
    fn excludes(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Seal => self.is_changing,
            Purpose::ChangeKeys => self.is_changing || self.sealing > 0,
            Purpose::Rotate => self.is_rotating,
        }
    }

    fn lock_for(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Seal => self.sealing = self.sealing.saturating_add(1),
            Purpose::ChangeKeys => self.is_changing = true,
            Purpose::Rotate => self.is_rotating = true,
        }
    }

    fn unlock_for(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Seal => self.sealing = self.sealing.saturating_sub(1),
            Purpose::ChangeKeys => self.is_changing = false,
            Purpose::Rotate => self.is_rotating = false,
        }
    }
}

/// A lock on the keyring, until it is dropped.
pub struct MemoryKeyringLock {
    shared: Arc<Shared>,
    purpose: Purpose,
}

impl Drop for MemoryKeyringLock {
    fn drop(&mut self) {
        self.shared.state().keyring.unlock_for(self.purpose);
        self.shared.unlocked.notify_all();
    }
}

impl<X: Exclusion> Memory<X> {
    fn lock_keyring(&self, purpose: Purpose, patience: Duration) -> Option<MemoryKeyringLock> {
        let is_excluded = |state: &mut State| state.keyring.excludes(purpose);
        self.shared.unlocked(patience, is_excluded)?.keyring.lock_for(purpose);
        Some(MemoryKeyringLock { shared: Arc::clone(&self.shared), purpose })
    }
}

impl<X: Exclusion> KeyringLocks for Memory<X> {
    type Lock = MemoryKeyringLock;

    fn lock_to_seal(&self, patience: Duration) -> Result<Option<MemoryKeyringLock>, StoreError> {
        Ok(self.lock_keyring(Purpose::Seal, patience))
    }

    fn lock_to_change_keys(&self, patience: Duration) -> Result<Option<MemoryKeyringLock>, StoreError> {
        Ok(self.lock_keyring(Purpose::ChangeKeys, patience))
    }

    fn lock_to_rotate(&self) -> Result<Option<MemoryKeyringLock>, StoreError> {
        Ok(self.lock_keyring(Purpose::Rotate, Duration::ZERO))
    }
}

/// The credentials that a rotation has drafted.
pub struct MemoryResealing<X: Exclusion> {
    store: Memory<X>,
    drafts: Vec<(FoundInMemory, Credential)>,
}

/// A credential as a rotation found it.
pub struct FoundInMemory {
    user: User,
    credential: Credential,
    revision: u64,
}

impl FoundCredential for FoundInMemory {
    fn credential(&self) -> &Credential {
        &self.credential
    }
}

impl<X: Exclusion> Reseal for Memory<X> {
    type Resealing = MemoryResealing<X>;

    fn resealing(&self) -> Result<MemoryResealing<X>, StoreError> {
        Ok(MemoryResealing { store: self.clone(), drafts: Vec::new() })
    }

    fn sync_credentials(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl<X: Exclusion> Resealing for MemoryResealing<X> {
    type Found = FoundInMemory;

    fn find(&self, user: &User) -> Result<Option<FoundInMemory>, StoreError> {
        let state = self.store.shared.state();
        let Some(found) = state.users.get(user) else { return Ok(None) };
        Ok(found.enrolment.as_ref().map(|enrolment| FoundInMemory {
            user: user.clone(),
            credential: enrolment.credential.clone(),
            revision: found.credential_revision,
        }))
    }

    fn draft(&mut self, found: FoundInMemory, credential: &Credential) -> Result<(), StoreError> {
        self.drafts.push((found, credential.clone()));
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.drafts.len()
    }

    fn put_in_place(
        &mut self,
        patience: Duration,
        mut tell: impl FnMut(User, Result<Resealed, StoreError>),
    ) -> Result<(), StoreError> {
        while let Some((found, credential)) = self.drafts.pop() {
            let resealed = self.put_one_in_place(&found, &credential, patience);
            tell(found.user, resealed);
        }
        Ok(())
    }

    fn give_up(self) -> Vec<User> {
        self.drafts.into_iter().map(|(found, _)| found.user).collect()
    }
}

impl<X: Exclusion> MemoryResealing<X> {
    /// The credential alone is compared: a login that changes the ledger at the same time does not keep it from being resealed.
    fn put_one_in_place(
        &self,
        found: &FoundInMemory,
        credential: &Credential,
        patience: Duration,
    ) -> Result<Resealed, StoreError> {
        loop {
            let Some((claim, _)) = self.store.claim(&found.user, patience) else { return Ok(Resealed::Busy) };
            let resealed = claim.change(|user| match &user.enrolment {
                Some(Enrolment { ledger, synced, .. }) if user.credential_revision == found.revision => {
                    let (ledger, synced) = (ledger.clone(), synced.clone());
                    user.put(Some(Enrolment { credential: credential.clone(), ledger, synced }));
                    Resealed::Done
                }
                Some(_) | None => Resealed::Changed,
            });
            match resealed {
                // The ledger was changed between the claim and this.
                Err(StoreError::Conflict) => {}
                resealed => return resealed,
            }
        }
    }
}
