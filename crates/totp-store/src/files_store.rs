//! The store as files on one machine: `credentials/NAME.toml` and `ledgers/NAME` below one directory.
//!
//! The lock on the ledger's file is the lock on the user. That file is never replaced, because a lock on a file that was renamed
//! over excludes nobody. It is created under another name and renamed if the name is free, and it is removed only while locked; a
//! process that waited for the lock notices that and opens it anew.

use crate::directory::{Access, Directory, make_directory};
use crate::enrolment_attempts::AttemptFiles;
use crate::error::FileError;
use crate::spool::SpoolDirectory;
use crate::state_dirs::{CREDENTIALS, LEDGERS, StateDirs};
use nix::sys::stat::Mode;
use std::path::{Path, PathBuf};
use totp_core::config::Paths;
use totp_core::store::{Engine, StoreError};

/// The store at the paths of a config. Opens and creates nothing yet.
#[must_use]
pub fn open(paths: &Paths) -> FilesStore {
    FilesStore::new(&paths.state, &paths.runtime)
}

/// The store: below `paths.state` of the config, and below `paths.runtime` for what ends with the boot.
#[derive(Debug, Clone)]
pub struct FilesStore {
    state: PathBuf,
    runtime: PathBuf,
}

impl FilesStore {
    /// Opens and creates nothing yet.
    #[must_use]
    pub fn new(state: &Path, runtime: &Path) -> Self {
        Self { state: state.to_owned(), runtime: runtime.to_owned() }
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

    /// Creates the missing directories, each 0700; they outlast a crash.
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
