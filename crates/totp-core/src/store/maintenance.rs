//! What `doctor`, `prune` and `restored` ask of the storage itself.

use crate::store::error::StoreError;
use crate::time::Seconds;

/// What is wrong with a storage, whichever user it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageProblem {
    /// A part that cannot be read or trusted.
    Unusable(StoreError),
    /// A thing among the documents that the engine did not put there; the engine's name of it.
    Foreign(String),
    /// A draft that a program left when it was killed; the engine's name of it.
    StaleDraft(String),
    /// So many ledgers are stored in the form of an earlier version.
    EarlierVersion(usize),
    /// The state was restored from a backup, and is refused.
    Restored(StoreError),
    /// What tells a restored state cannot be kept up to date here; the engine's name of it.
    RestoreUnnoticed(String),
}

/// What `doctor` and `prune` ask of the storage itself.
pub trait Maintenance {
    /// Looks for what is wrong with the storage, and changes nothing. A draft counts if it was not written to for `age`. `now`
    /// is in seconds since 1970.
    fn check(&self, age: Seconds, now: u64) -> Vec<StorageProblem>;

    /// Whether the stored state was restored from a backup. Then it is refused, because what was used since the backup would count
    /// as unused.
    ///
    /// # Errors
    /// [`StoreError`] if that is unknown.
    fn is_restored(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Accepts a restored state. The caller has made void what could live again.
    ///
    /// # Errors
    /// [`StoreError`]; it is still refused then.
    fn accept_restored(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The names of drafts of credentials and ledgers that a program left when it was killed: those that were not written to for
    /// `age`. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be listed.
    fn stale_drafts(&self, age: Seconds, now: u64) -> Result<Vec<String>, StoreError>;

    /// Removes a draft that [`Maintenance::stale_drafts`] listed.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be removed, or is not a draft.
    fn remove_stale_draft(&self, name: &str) -> Result<(), StoreError>;
}
