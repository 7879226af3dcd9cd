//! The store as files on one machine: `credentials/NAME.toml` and `ledgers/NAME` below one directory.
//!
//! The lock on the ledger's file is the lock on the user. That file is never replaced, because a lock on a file that was renamed
//! over excludes nobody. It is created under another name and renamed if the name is free, and it is removed only while locked; a
//! process that waited for the lock notices that and opens it anew.

use crate::directory::{Access, DRAFT, Directory, make_directory, read_opened};
use crate::enrolment_attempts::AttemptFiles;
use crate::error::FileError;
use crate::spool::{SPOOL, SpoolDirectory};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use totp_core::DocumentError;
use totp_core::account_recovery::Reset;
use totp_core::config::Paths;
use totp_core::credential::Credential;
use totp_core::ledger::slot;
use totp_core::secret::Secret;
use totp_core::store::{Engine, StoreError};
use totp_core::user::User;

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

pub(crate) const CREDENTIALS: &str = "credentials";
pub(crate) const LEDGERS: &str = "ledgers";
pub(crate) const RESETS: &str = "resets";

/// Every directory below `paths.state`: the list for programs that look at the whole state.
pub const STATE_DIRECTORIES: [&str; 4] = [CREDENTIALS, LEDGERS, RESETS, SPOOL];

/// The opened directories.
pub(crate) struct StateDirs {
    pub(crate) state: Directory,
    pub(crate) credentials: Directory,
    pub(crate) ledgers: Directory,
}

impl StateDirs {
    pub(crate) fn credential(&self, user: &User, component: &str) -> Result<Option<Credential>, FileError> {
        let Some(CredentialText { path, text, .. }) = self.credential_text(component)? else {
            return Ok(None);
        };
        Ok(Some(Credential::parse(&path, text.expose(), user)?))
    }

    pub(crate) fn credential_text(&self, component: &str) -> Result<Option<CredentialText>, FileError> {
        let name = format!("{component}.toml");
        let path = self.credentials.path.join(&name);
        let Some(fd) = self.credentials.file(&name, OFlag::O_RDONLY)? else { return Ok(None) };
        let text = read_opened(&fd, &path, Access::RootOnly)?;
        Ok(Some(CredentialText { path, text, _fd: fd }))
    }

    pub(crate) fn reset(&self, component: &str) -> Result<Option<Reset>, FileError> {
        let Some(directory) = self.resets()? else { return Ok(None) };
        let name = format!("{component}.toml");
        let path = directory.path.join(&name);
        let Some(fd) = directory.file(&name, OFlag::O_RDONLY)? else { return Ok(None) };
        let text = read_opened(&fd, &path, Access::RootOnly)?;
        let Some(user) = User::from_component(component) else {
            return Err(FileError::Unsafe { file: path, problem: "is not a reset file: move it away" });
        };
        Ok(Some(Reset::parse(&path, text.expose(), &user)?))
    }

    pub(crate) fn resets(&self) -> Result<Option<Directory>, FileError> {
        match self.state.inner(RESETS, Access::RootOnly) {
            Ok(directory) => Ok(Some(directory)),
            Err(FileError::System { source: Errno::ENOENT, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an empty ledger, completely or not at all; one that exists meanwhile stays.
    pub(crate) fn create_ledger(&self, component: &str) -> Result<(), FileError> {
        let directory = &self.ledgers;
        // With the process id: two commands may create the same ledger at once.
        let draft = format!("{DRAFT}{}.{component}", std::process::id());
        directory.write_new(&draft, &slot::blank())?;
        directory.name(&draft, component).map(drop)
    }
}

/// The text of a credential, and its file, kept open.
pub(crate) struct CredentialText {
    pub(crate) path: PathBuf,
    pub(crate) text: Secret,
    _fd: OwnedFd,
}

/// Hands on the error of an unreadable credential as a value, because it may be replaced or withdrawn. Other errors stay errors.
pub(crate) fn readable(
    credential: Result<Option<Credential>, FileError>,
) -> Result<Option<Result<Credential, DocumentError>>, FileError> {
    match credential {
        Ok(credential) => Ok(credential.map(Ok)),
        Err(FileError::Document(error)) => Ok(Some(Err(error))),
        Err(error @ (FileError::System { .. } | FileError::Unsafe { .. } | FileError::Busy { .. })) => {
            Err(error)
        }
    }
}

#[cfg(test)]
#[path = "files_store_tests.rs"]
mod tests;
