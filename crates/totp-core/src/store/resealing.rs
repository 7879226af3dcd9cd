//! Credentials sealed anew with another key, while everybody logs in.

use crate::credential::Credential;
use crate::store::error::StoreError;
use crate::user::User;
use std::time::Duration;

/// Credentials replaced by others that say the same, sealed anew.
pub trait Reseal {
    /// Credentials on their way.
    type Resealing: Resealing;

    /// Begins; takes away what a rotation that was killed has left behind. One at a time: anyone who rotates has
    /// [`crate::store::KeyringLocks::lock_to_rotate`].
    ///
    /// # Errors
    /// [`StoreError`] where what is stored cannot be trusted, read or cleaned.
    fn resealing(&self) -> Result<Self::Resealing, StoreError>;

    /// Makes the credentials that are in place, anyone who put them there, outlast a crash.
    ///
    /// # Errors
    /// [`StoreError`] where that fails.
    fn sync_credentials(&self) -> Result<(), StoreError>;
}

/// Credentials on their way. They are drafted while nobody waits, and put in place one by one, each held for the moment of its
/// change and only where nobody changed it since: a login never waits for a disk, and no other change is undone.
pub trait Resealing {
    /// A credential as it was found.
    type Found: Found;

    /// The credential of `user` as it stands; `None`: not enrolled. Nobody is held.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read or trusted.
    fn find(&self, user: &User) -> Result<Option<Self::Found>, StoreError>;

    /// Keeps what is to replace `found`.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be kept, as on a full disk; then nothing of it is left.
    fn draft(&mut self, found: Self::Found, credential: &Credential) -> Result<(), StoreError>;

    /// How many drafts wait.
    fn waiting(&self) -> usize;

    /// Puts the drafts in place, each held at most for `patience`, and tells what became of each. When it returns, what is
    /// in place outlasts a crash.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be made durable; some are then in place and some are not.
    fn put_in_place(
        &mut self,
        patience: Duration,
        tell: impl FnMut(User, Result<Resealed, StoreError>),
    ) -> Result<(), StoreError>;

    /// Takes the drafts that still wait away, and says whose they were.
    fn give_up(self) -> Vec<User>;
}

/// A credential as it was found to be sealed anew.
pub trait Found {
    /// What it says.
    fn credential(&self) -> &Credential;
}

/// What became of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resealed {
    /// It is in place.
    Done,
    /// The credential is no longer what was found: look again.
    Changed,
    /// Another process held the user all the time.
    Busy,
}
