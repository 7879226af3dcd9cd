//! The locks on the keyring among commands and logins that enrol: they lie on the store's own directories, which only root can
//! open; on the keyring's directory anybody could take one and keep it.

use crate::FilesStore;
use crate::lock::{Locked, Share, lock_directory};
use std::time::{Duration, Instant};
use totp_core::store::{KeyringLocks, StoreError};

/// A lock on the keyring, until it is dropped.
pub struct KeyringLock {
    _locked: Locked,
}

impl KeyringLocks for FilesStore {
    type Lock = KeyringLock;

    fn lock_to_seal(&self, patience: Duration) -> Result<Option<KeyringLock>, StoreError> {
        let locked = lock_directory(self.dirs()?.credentials, Share::Shared, deadline(patience))?;
        Ok(locked.map(KeyringLock::of))
    }

    fn lock_to_change_keys(&self, patience: Duration) -> Result<Option<KeyringLock>, StoreError> {
        let locked = lock_directory(self.dirs()?.credentials, Share::Alone, deadline(patience))?;
        Ok(locked.map(KeyringLock::of))
    }

    fn lock_to_rotate(&self) -> Result<Option<KeyringLock>, StoreError> {
        Ok(lock_directory(self.dirs()?.ledgers, Share::Alone, None)?.map(KeyringLock::of))
    }
}

impl KeyringLock {
    fn of(locked: Locked) -> Self {
        Self { _locked: locked }
    }
}

fn deadline(patience: Duration) -> Option<Instant> {
    Instant::now().checked_add(patience)
}
