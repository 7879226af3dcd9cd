//! The store as files on one machine: `credentials/NAME.toml` and `ledgers/NAME` under one directory.
//!
//! A lock on the ledger's file is a lock on the user. The file is never replaced by another (a lock on a file that is
//! renamed over excludes nobody); it is created whole under another name and linked into place, and removed only while
//! locked, which whoever waits for it notices.

mod entry;
mod held;
mod ledger_file;
mod rooms;

pub use entry::FileEntry;
pub use held::FileHeld;
pub(super) use ledger_file::broken;
pub(super) use rooms::{CredentialText, DRAFT, Rooms};

use super::StoreError;
use super::directory::{Directory, Room, make_directory};
use super::layout::{CREDENTIALS, LEDGERS};
use crate::credential::Credential;
use crate::in_place::InPlace;
use crate::user::User;
use nix::errno::Errno;
use nix::sys::stat::Mode;
use rooms::readable;
use std::path::{Path, PathBuf};

/// The store under one directory, `paths.state` of the config.
#[derive(Debug, Clone)]
pub struct Files {
    state: PathBuf,
}

impl Files {
    /// Nothing is opened or made yet.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// Makes the directories that are missing, each 0700, to last through a crash.
    ///
    /// # Errors
    /// [`StoreError`] names the directory that could not be made or is not as it must be.
    pub fn prepare(&self) -> Result<(), StoreError> {
        for path in [&self.state, &self.state.join(CREDENTIALS), &self.state.join(LEDGERS)] {
            make_directory(path, Mode::S_IRWXU)?;
        }
        self.rooms().map(drop)
    }

    /// A user's credential as it stands, read without holding anybody; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read or trusted.
    pub fn credential(&self, user: &User) -> Result<Option<Credential>, StoreError> {
        self.rooms()?.credential(user, &user.component())
    }

    /// Makes the credentials that are in place, whoever put them there, outlast a crash.
    ///
    /// # Errors
    /// [`StoreError`] where the sync fails.
    pub fn sync_credentials(&self) -> Result<(), StoreError> {
        self.rooms()?.credentials.sync()
    }

    /// What is in place for a user now; a later change is permitted over that alone.
    ///
    /// # Errors
    /// [`StoreError`] where the files cannot be trusted.
    pub fn in_place(&self, user: &User) -> Result<InPlace, StoreError> {
        readable(self.credential(user)).map(InPlace::of)
    }

    /// Where a user's credential lies, for messages about it.
    #[must_use]
    pub fn credential_file(&self, user: &User) -> PathBuf {
        self.state.join(CREDENTIALS).join(format!("{}.toml", user.component()))
    }

    /// Where a user's ledger lies, for messages about it.
    #[must_use]
    pub fn ledger_file(&self, user: &User) -> PathBuf {
        self.state.join(LEDGERS).join(user.component())
    }

    /// Whether a directory of [`super::layout::ROOMS`] can be used; one that was not needed yet is missing, which is no error here.
    ///
    /// # Errors
    /// [`StoreError`] where owner or mode is not as it must be.
    pub fn check_room(&self, name: &str) -> Result<(), StoreError> {
        match self.rooms()?.state.inner(name, Room::Private) {
            Ok(_) | Err(StoreError::System { source: Errno::ENOENT, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    pub(super) fn rooms(&self) -> Result<Rooms, StoreError> {
        let state = Directory::open(&self.state, Room::Place)?;
        Ok(Rooms {
            credentials: state.inner(CREDENTIALS, Room::Private)?,
            ledgers: state.inner(LEDGERS, Room::Private)?,
            state,
        })
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
