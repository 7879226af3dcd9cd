//! The locks on the keyring, for commands and logins that enrol. The store's directories are locked, which only root can open. The
//! keyring's own directory can be opened by every user, who could then keep a lock on it.

use crate::FilesStore;
use crate::lock::{LockMode, Locked, lock_directory};
use std::time::{Duration, Instant};
use totp_core::store::{KeyringLocks, StoreError};

/// A lock on the keyring; dropping it releases it.
pub struct KeyringLock {
    _locked: Locked,
}

impl KeyringLocks for FilesStore {
    type Lock = KeyringLock;

    fn lock_to_seal(&self, patience: Duration) -> Result<Option<KeyringLock>, StoreError> {
        let locked = lock_directory(self.dirs()?.credentials, LockMode::Shared, deadline(patience))?;
        Ok(locked.map(KeyringLock::of))
    }

    fn lock_to_change_keys(&self, patience: Duration) -> Result<Option<KeyringLock>, StoreError> {
        let locked = lock_directory(self.dirs()?.credentials, LockMode::Exclusive, deadline(patience))?;
        Ok(locked.map(KeyringLock::of))
    }

    fn lock_to_rotate(&self) -> Result<Option<KeyringLock>, StoreError> {
        Ok(lock_directory(self.dirs()?.ledgers, LockMode::Exclusive, None)?.map(KeyringLock::of))
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
