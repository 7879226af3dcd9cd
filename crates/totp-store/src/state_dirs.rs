//! The directories of the store, by name and opened, and how a credential is read from them.

use crate::directory::{Access, Directory, read_opened};
use crate::error::FileError;
use nix::fcntl::OFlag;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use totp_core::DocumentError;
use totp_core::credential::Credential;
use totp_core::ledger::slots;
use totp_core::secret::Secret;
use totp_core::user::User;

pub(crate) const CREDENTIALS: &str = "credentials";
pub(crate) const LEDGERS: &str = "ledgers";
pub(crate) const RESETS: &str = "resets";
pub(crate) const SPOOL: &str = "spool";

/// Every directory below `paths.state`: the list for programs that look at the whole state.
pub const STATE_DIRECTORIES: [&str; 4] = [CREDENTIALS, LEDGERS, RESETS, SPOOL];

/// How the name of a file starts while it is written. No user's component starts with a dot.
pub(crate) const DRAFT: &str = ".new.";

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

    /// Creates an empty ledger, completely or not at all; one that exists meanwhile stays.
    pub(crate) fn create_ledger(&self, component: &str) -> Result<(), FileError> {
        let directory = &self.ledgers;
        // With the process id: two commands may create the same ledger at once.
        let draft = format!("{DRAFT}{}.{component}", std::process::id());
        directory.write_new(&draft, &slots::blank())?;
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
