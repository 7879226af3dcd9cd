//! The keys with which an engine verifies and writes ledgers.

use crate::keyring::{Keyring, LedgerKey};
use crate::store::error::StoreError;

/// The keys of the ledgers, as an engine needs them to verify and to write. One that keeps ledgers out of everyone's reach
/// needs none.
pub trait LedgerKeys: Send + Sync {
    /// The key of this id of the keyring; `None`: it lacks it. The keyring is read anew first if the one that was read lacks
    /// it: keys may have been rotated since, and a key is in the keyring before a ledger names it.
    ///
    /// # Errors
    /// [`StoreError`] if there is no keyring, or if it cannot be read.
    fn ledger_key(&self, id: &str) -> Result<Option<LedgerKey>, StoreError>;

    /// The active key, which writes.
    ///
    /// # Errors
    /// As [`LedgerKeys::ledger_key`].
    fn active_ledger_key(&self) -> Result<LedgerKey, StoreError>;
}

/// For a rotation, which has the only keyring that counts.
impl LedgerKeys for Keyring {
    fn ledger_key(&self, id: &str) -> Result<Option<LedgerKey>, StoreError> {
        Ok(Self::ledger_key(self, id).cloned())
    }

    fn active_ledger_key(&self) -> Result<LedgerKey, StoreError> {
        let missing = || StoreError::Corrupt {
            about: "the keyring".to_owned(),
            line: None,
            problem: "has no active key: restore it from a backup".to_owned(),
        };
        Self::active_ledger_key(self).cloned().ok_or_else(missing)
    }
}
