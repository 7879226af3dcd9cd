//! Credentials replaced by others that say the same, sealed anew. They are drafted and synced while nobody waits, and put in
//! place one by one, each held for the moment of its rename and only where nobody changed it since: a login never meets a
//! lock that waits for the disk, and no change by a command is undone.

use crate::FilesStore;
use crate::error::FileError;
use crate::ledger_file::broken;
use crate::lock::{Lock, lock};
use crate::state_dirs::{CredentialText, DRAFT, StateDirs};
use nix::fcntl::{OFlag, renameat};
use std::time::{Duration, Instant};
use totp_core::credential::Credential;
use totp_core::secret::Secret;
use totp_core::store::{FoundCredential, Reseal, Resealed, Resealing, StoreError};
use totp_core::user::User;

/// What a draft of ours is called before the user's component, which never starts like that: a command that changes the same
/// user meanwhile has a draft of its own.
const OURS: &str = ".new.%.";

/// Credentials on their way. One at a time: anyone who rotates has the lock to ([`totp_core::store::KeyringLocks::lock_to_rotate`]).
pub struct ResealingFiles {
    dirs: StateDirs,
    drafted: Vec<FoundFile>,
}

/// A credential as it was found.
pub struct FoundFile {
    user: User,
    text: Secret,
    credential: Credential,
}

impl FoundCredential for FoundFile {
    fn credential(&self) -> &Credential {
        &self.credential
    }
}

impl Reseal for FilesStore {
    type Resealing = ResealingFiles;

    fn resealing(&self) -> Result<ResealingFiles, StoreError> {
        let dirs = self.dirs()?;
        let (entries, path) = self.dirs()?.credentials.entries()?;
        for entry in entries {
            let entry =
                entry.map_err(|source| FileError::System { file: path.clone(), action: "list", source })?;
            if let Some(left) = entry.file_name().to_str().ok().filter(|name| name.starts_with(OURS)) {
                dirs.credentials.remove(left)?;
            }
        }
        Ok(ResealingFiles { dirs, drafted: Vec::new() })
    }

    fn sync_credentials(&self) -> Result<(), StoreError> {
        Ok(self.dirs()?.credentials.sync()?)
    }
}

impl Resealing for ResealingFiles {
    type Found = FoundFile;

    fn find(&self, user: &User) -> Result<Option<FoundFile>, StoreError> {
        let Some(CredentialText { path, text, .. }) = self.dirs.credential_text(&user.component())? else {
            return Ok(None);
        };
        let credential = Credential::parse(&path, text.expose(), user)?;
        Ok(Some(FoundFile { user: user.clone(), text, credential }))
    }

    fn draft(&mut self, found: FoundFile, credential: &Credential) -> Result<(), StoreError> {
        let directory = &self.dirs.credentials;
        let draft = draft_of(&found.user);
        let text = credential.to_document(&directory.path.join(&draft))?;
        directory.write_new(&draft, text.as_bytes())?;
        self.drafted.push(found);
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.drafted.len()
    }

    fn put_in_place(
        &mut self,
        patience: Duration,
        mut tell: impl FnMut(User, Result<Resealed, StoreError>),
    ) -> Result<(), StoreError> {
        if self.drafted.is_empty() {
            return Ok(());
        }
        self.dirs.credentials.sync_everything()?;
        while let Some(found) = self.drafted.pop() {
            let resealed = self.put_one_in_place(&found, patience);
            if !matches!(resealed, Ok(Resealed::Done)) {
                self.dirs.credentials.remove(&draft_of(&found.user))?;
            }
            tell(found.user, resealed.map_err(StoreError::from));
        }
        Ok(self.dirs.credentials.sync()?)
    }

    fn give_up(self) -> Vec<User> {
        self.drafted.iter().map(|found| found.user.clone()).collect()
    }
}

impl ResealingFiles {
    fn put_one_in_place(&self, found: &FoundFile, patience: Duration) -> Result<Resealed, FileError> {
        let StateDirs { credentials, ledgers, .. } = &self.dirs;
        let component = found.user.component();
        let path = ledgers.path.join(&component);
        let Some(fd) = ledgers.file(&component, OFlag::O_RDWR)? else {
            return match self.dirs.credential_text(&component)? {
                Some(_) => Err(broken(&path, "is missing though the user is enrolled")),
                None => Ok(Resealed::Changed),
            };
        };
        let held = match lock(fd, &path, Instant::now().checked_add(patience))? {
            Lock::Locked(held) => held,
            Lock::Gone => return Ok(Resealed::Changed),
            Lock::Busy => return Ok(Resealed::Busy),
        };
        let Some(now) = self.dirs.credential_text(&component)? else { return Ok(Resealed::Changed) };
        if now.text.expose() != found.text.expose() {
            return Ok(Resealed::Changed);
        }
        let (draft, name) = (draft_of(&found.user), format!("{component}.toml"));
        let renamed = renameat(&credentials.fd, draft.as_str(), &credentials.fd, name.as_str());
        drop(held);
        // Only now the last of the old file goes, which may take a disk milliseconds (discard).
        drop(now);
        renamed.map(|()| Resealed::Done).map_err(|source| FileError::System {
            file: credentials.path.join(&name),
            action: "put in place",
            source,
        })
    }
}

impl Drop for ResealingFiles {
    fn drop(&mut self) {
        for found in &self.drafted {
            // The next rotation tries again.
            let _ = self.dirs.credentials.remove(&draft_of(&found.user));
        }
    }
}

fn draft_of(user: &User) -> String {
    debug_assert!(OURS.starts_with(DRAFT), "a listing leaves drafts out");
    format!("{OURS}{}", user.component())
}
