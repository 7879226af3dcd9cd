//! The directories of a store by name and opened, and the credentials in them as they are read.

use crate::directory::Directory;
use crate::error::FileError;
use crate::guard::{Guard, read_opened};
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

/// All that is below `paths.state`: one list, so that anyone who looks at a whole state knows each of them.
pub const STATE_DIRECTORIES: [&str; 4] = [CREDENTIALS, LEDGERS, RESETS, SPOOL];

/// What a file is called while it is written; no component starts with a dot.
pub(crate) const DRAFT: &str = ".new.";

/// Where a user's files lie.
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
        let text = read_opened(&fd, &path, Guard::Secret)?;
        Ok(Some(CredentialText { path, text, _fd: fd }))
    }

    /// Makes a ledger in which nobody is enrolled; whole, or not at all. Another process may have been quicker.
    pub(crate) fn create_ledger(&self, component: &str) -> Result<(), FileError> {
        let directory = &self.ledgers;
        // Named after the process: two commands may create the same user's ledger at once.
        let draft = format!("{DRAFT}{}.{component}", std::process::id());
        directory.write_new(&draft, &slots::blank())?;
        directory.name(&draft, component).map(drop)
    }
}

/// A credential as it was read, and its file, which stays open.
pub(crate) struct CredentialText {
    pub(crate) path: PathBuf,
    pub(crate) text: Secret,
    _fd: OwnedFd,
}

/// Parts what cannot be read from what cannot be trusted: the first may be replaced or withdrawn.
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
