//! The directories of a store, opened, and the credentials in them as they are read.

use crate::credential::Credential;
use crate::document::DocumentError;
use crate::pages;
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::directory::Directory;
use crate::store::guard::{Guard, read_opened};
use crate::user::User;
use nix::fcntl::OFlag;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// What a file is called while it is written; no component starts with a dot.
pub(in crate::store) const DRAFT: &str = ".new.";

/// Where a user's files lie.
pub(in crate::store) struct Rooms {
    pub(in crate::store) state: Directory,
    pub(in crate::store) credentials: Directory,
    pub(in crate::store) ledgers: Directory,
}

impl Rooms {
    pub(super) fn credential(&self, user: &User, component: &str) -> Result<Option<Credential>, StoreError> {
        let Some(CredentialText { path, text, .. }) = self.credential_text(component)? else {
            return Ok(None);
        };
        Ok(Some(Credential::parse(&path, text.expose(), user)?))
    }

    pub(in crate::store) fn credential_text(
        &self,
        component: &str,
    ) -> Result<Option<CredentialText>, StoreError> {
        let name = format!("{component}.toml");
        let path = self.credentials.path.join(&name);
        let Some(fd) = self.credentials.file(&name, OFlag::O_RDONLY)? else { return Ok(None) };
        let text = read_opened(&fd, &path, Guard::Secret)?;
        Ok(Some(CredentialText { path, text, _fd: fd }))
    }

    /// Makes a ledger in which nobody is enrolled; whole, or not at all. Somebody else may have been quicker.
    pub(super) fn create_ledger(&self, component: &str) -> Result<(), StoreError> {
        let directory = &self.ledgers;
        // Named after the process: two desks may create the same user's ledger at once.
        let draft = format!("{DRAFT}{}.{component}", std::process::id());
        directory.write_new(&draft, &pages::blank())?;
        directory.name(&draft, component).map(drop)
    }
}

/// A credential as it was read, and its file, which stays open.
pub(in crate::store) struct CredentialText {
    pub(in crate::store) path: PathBuf,
    pub(in crate::store) text: Secret,
    _fd: OwnedFd,
}

/// Parts what cannot be read from what cannot be trusted: the first may be replaced or withdrawn.
pub(super) fn readable(
    credential: Result<Option<Credential>, StoreError>,
) -> Result<Option<Result<Credential, DocumentError>>, StoreError> {
    match credential {
        Ok(credential) => Ok(credential.map(Ok)),
        Err(StoreError::Document(error)) => Ok(Some(Err(error))),
        Err(error @ (StoreError::System { .. } | StoreError::Unsafe { .. } | StoreError::Conflict)) => {
            Err(error)
        }
    }
}
