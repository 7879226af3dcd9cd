//! Replacing credentials by the same ones sealed with another key, while users log in.

use crate::credential::Credential;
use crate::keyring::Keyring;
use crate::store::error::StoreError;
use crate::user::User;
use std::time::Duration;

/// Reseals credentials for a rotation of keys.
pub trait Reseal {
    /// The credentials that were drafted and are not stored yet.
    type Resealing: Resealing;

    /// Begins, and removes the drafts of a rotation that was killed. The caller has [`crate::store::KeyringLocks::lock_to_rotate`],
    /// so one process does this at a time.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read, trusted or cleaned.
    fn resealing(&self) -> Result<Self::Resealing, StoreError>;

    /// Verifies the ledger of `user` and writes it again under the active key of `keyring`, in the present version, so that no
    /// other key of it is needed any more. It outlasts a crash. Nothing is written if it is that already, or if nobody is enrolled.
    /// An engine whose ledgers are under no key has nothing to do.
    ///
    /// # Errors
    /// [`StoreError`]; the ledger is as it was then.
    fn reseal_ledger(
        &self,
        user: &User,
        keyring: &Keyring,
        patience: Duration,
    ) -> Result<Resealed, StoreError> {
        let _ = (user, keyring, patience);
        Ok(Resealed::Done)
    }

    /// The ids of the keys that the stored ledger of `user` needs, read without a hold.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn ledger_keys(&self, user: &User) -> Result<Vec<String>, StoreError> {
        let _ = user;
        Ok(Vec::new())
    }

    /// Makes all stored credentials outlast a crash, also those that another program stored.
    ///
    /// # Errors
    /// [`StoreError`] if that fails.
    fn sync_credentials(&self) -> Result<(), StoreError>;
}

/// Resealed credentials. They are drafted without a hold, and stored one by one: each user is held for the moment of the change, and
/// the change is made only if the credential is still the one that was found. So no login waits for a disk, and no other change is
/// undone.
pub trait Resealing {
    /// A credential as it was found.
    type Found: FoundCredential;

    /// The credential of `user`, without a hold; `None`: not enrolled.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read or trusted.
    fn find(&self, user: &User) -> Result<Option<Self::Found>, StoreError>;

    /// Drafts the credential that is to replace `found`.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written, as on a full disk; no draft is left then.
    fn draft(&mut self, found: Self::Found, credential: &Credential) -> Result<(), StoreError>;

    /// The number of drafts that are not stored yet.
    fn waiting(&self) -> usize;

    /// Stores the drafts, waiting for each user at most `patience`, and calls `tell` with the result for each. What is stored when
    /// it returns outlasts a crash.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be made durable; some are stored then, and some are not.
    fn put_in_place(
        &mut self,
        patience: Duration,
        tell: impl FnMut(User, Result<Resealed, StoreError>),
    ) -> Result<(), StoreError>;

    /// Removes the drafts that are not stored yet; returns their users.
    fn give_up(self) -> Vec<User>;
}

/// A credential as it was found before it was resealed.
pub trait FoundCredential {
    /// Its content.
    fn credential(&self) -> &Credential;
}

/// The result of storing a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resealed {
    /// It is stored.
    Done,
    /// The credential is no longer the one that was found: look at it again.
    Changed,
    /// Another process held the user for all of the patience.
    Busy,
}
