//! Whose turn it is among desks, in what concerns everybody: sealing with the keyring, changing it, rotating it.
//!
//! Who seals must know that the key is still the active one when the credential is in place: else a rotation could drop it
//! in between. So sealing shares a lock, and to make another key active is to have it alone. The locks lie on the store's
//! own directories, which only root can open; on the keyring's directory anybody could take one and keep it.

use super::StoreError;
use super::files::{Files, Rooms};
use super::lock::{Locked, Share, lock_directory};
use std::time::{Duration, Instant};

/// A turn, until it is dropped.
pub struct Turn {
    _locked: Locked,
}

impl Files {
    /// The keyring's active key stays the active one for as long as this lives. To be taken before the keyring is read,
    /// and kept until what was sealed is in place. `None`: somebody changed the keyring all the time.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be opened or locked.
    pub fn turn_to_seal(&self, patience: Duration) -> Result<Option<Turn>, StoreError> {
        self.turn(|rooms| lock_directory(rooms.credentials, Share::Shared, deadline(patience)))
    }

    /// Nobody seals while this lives. `None`: somebody sealed all the time.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be opened or locked.
    pub fn turn_to_change_keys(&self, patience: Duration) -> Result<Option<Turn>, StoreError> {
        self.turn(|rooms| lock_directory(rooms.credentials, Share::Alone, deadline(patience)))
    }

    /// Nobody else rotates while this lives. `None`: somebody does.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be opened or locked.
    pub fn turn_to_rotate(&self) -> Result<Option<Turn>, StoreError> {
        self.turn(|rooms| lock_directory(rooms.ledgers, Share::Alone, None))
    }

    fn turn(
        &self,
        lock: impl FnOnce(Rooms) -> Result<Option<Locked>, StoreError>,
    ) -> Result<Option<Turn>, StoreError> {
        Ok(lock(self.rooms()?)?.map(|locked| Turn { _locked: locked }))
    }
}

fn deadline(patience: Duration) -> Option<Instant> {
    Instant::now().checked_add(patience)
}
