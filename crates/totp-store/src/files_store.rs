//! The store as files on one machine: `credentials/NAME.toml` and `ledgers/NAME` under one directory.
//!
//! A lock on the ledger's file is a lock on the user. The file is never replaced by another (a lock on a file that is
//! renamed over excludes nobody); it is created whole under another name and linked into place, and removed only while
//! locked, which anyone who waits for it notices.

use crate::directory::{Access, Directory, make_directory};
use crate::enrolment_attempts::AttemptFiles;
use crate::error::FileError;
use crate::spool::SpoolDirectory;
use crate::state_dirs::{CREDENTIALS, LEDGERS, StateDirs};
use nix::errno::Errno;
use nix::sys::stat::Mode;
use std::path::{Path, PathBuf};
use totp_core::config::Paths;
use totp_core::store::{Engine, StoreError};

/// The store that a config's paths name. Nothing is opened or made yet.
#[must_use]
pub fn open(paths: &Paths) -> FilesStore {
    FilesStore::new(&paths.state, &paths.runtime)
}

/// The store under one directory, `paths.state` of the config; what ends with the boot is under `paths.runtime`.
#[derive(Debug, Clone)]
pub struct FilesStore {
    state: PathBuf,
    runtime: PathBuf,
}

impl FilesStore {
    /// Nothing is opened or made yet.
    #[must_use]
    pub fn new(state: &Path, runtime: &Path) -> Self {
        Self { state: state.to_owned(), runtime: runtime.to_owned() }
    }

    /// Whether a directory of [`crate::STATE_DIRECTORIES`] can be used; one that was not needed yet is missing, which is no
    /// error here.
    ///
    /// # Errors
    /// [`StoreError`] where owner or mode is not as it must be.
    pub fn check_directory(&self, name: &str) -> Result<(), StoreError> {
        match self.dirs()?.state.inner(name, Access::RootOnly) {
            Ok(_) | Err(FileError::System { source: Errno::ENOENT, .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    pub(crate) fn dirs(&self) -> Result<StateDirs, FileError> {
        let state = Directory::open(&self.state, Access::RootWrites)?;
        Ok(StateDirs {
            credentials: state.inner(CREDENTIALS, Access::RootOnly)?,
            ledgers: state.inner(LEDGERS, Access::RootOnly)?,
            state,
        })
    }
}

impl Engine for FilesStore {
    type Attempts = AttemptFiles;
    type Notices = SpoolDirectory;

    /// Makes the directories that are missing, each 0700, to last through a crash.
    fn prepare(&self) -> Result<(), StoreError> {
        for path in [&self.state, &self.state.join(CREDENTIALS), &self.state.join(LEDGERS)] {
            make_directory(path, Mode::S_IRWXU)?;
        }
        Ok(self.dirs().map(drop)?)
    }

    fn enrolment_attempts(&self) -> AttemptFiles {
        AttemptFiles::new(&self.runtime)
    }

    fn notices(&self) -> SpoolDirectory {
        SpoolDirectory::new(&self.state)
    }
}

#[cfg(test)]
#[path = "files_store_tests.rs"]
mod tests;
