//! What a rotation of keys needs of the files: the locks on the keyring, and resealing.
//!
//! The locks are on the store's directories, which only root can open. The keyring's own directory can be opened by every user, who
//! could then keep a lock on it.
//!
//! Resealing replaces credentials by the same ones sealed with another key. They are drafted and synced without a lock, and renamed into place
//! one by one: each user is locked for the moment of the rename, and it happens only if the credential was not changed since. So no
//! login waits for a lock while the disk syncs, and no change of a command is undone.

use crate::FilesStore;
use crate::error::FileError;
use crate::files_store::{CredentialText, LedgerFile, StateDirs, broken, read_file, unusable};
use crate::trusted_files::DRAFT;
use crate::trusted_files::{Lock, LockMode, Locked, lock, lock_directory};
use nix::fcntl::OFlag;
use std::time::{Duration, Instant};
use totp_core::credential::Credential;
use totp_core::keyring::Keyring;
use totp_core::ledger::slots::Slots;
use totp_core::random::Secret;
use totp_core::store::{FoundCredential, KeyringLocks, LedgerKeys, Reseal, Resealed, Resealing, StoreError};
use totp_core::user::User;

/// A lock on the keyring; dropping it releases it.
pub struct KeyringLock {
    _locked: Locked,
}

impl KeyringLocks for FilesStore {
    type Lock = KeyringLock;

    fn lock_to_seal(&self, patience: Duration) -> Result<Option<KeyringLock>, StoreError> {
        let locked = lock_directory(self.dirs()?.credentials, LockMode::Shared, deadline(patience))?;
        Ok(locked.map(KeyringLock::of))
    }

    fn lock_to_change_keys(&self, patience: Duration) -> Result<Option<KeyringLock>, StoreError> {
        let locked = lock_directory(self.dirs()?.credentials, LockMode::Exclusive, deadline(patience))?;
        Ok(locked.map(KeyringLock::of))
    }

    fn lock_to_rotate(&self) -> Result<Option<KeyringLock>, StoreError> {
        Ok(lock_directory(self.dirs()?.ledgers, LockMode::Exclusive, None)?.map(KeyringLock::of))
    }
}

impl KeyringLock {
    fn of(locked: Locked) -> Self {
        Self { _locked: locked }
    }
}

fn deadline(patience: Duration) -> Option<Instant> {
    Instant::now().checked_add(patience)
}

/// How the name of a draft starts, before the user's component. No component starts with `%.`, so the draft of a command that
/// changes the same user meanwhile has another name.
const RESEAL_DRAFT: &str = ".new.%.";

/// Drafted credentials. The caller has [`totp_core::store::KeyringLocks::lock_to_rotate`], so one process does this at a time.
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
        for name in dirs.credentials.names()? {
            let name = name?;
            if name.starts_with(RESEAL_DRAFT) {
                dirs.credentials.remove(&name)?;
            }
        }
        Ok(ResealingFiles { dirs, drafted: Vec::new() })
    }

    fn reseal_ledger(
        &self,
        user: &User,
        keyring: &Keyring,
        patience: Duration,
    ) -> Result<Resealed, StoreError> {
        let dirs = self.dirs()?;
        let component = user.component();
        let path = dirs.ledgers.path.join(&component);
        let Some(fd) = dirs.ledgers.file(&component, OFlag::O_RDWR)? else { return Ok(Resealed::Changed) };
        let file = match lock(fd, &path, deadline(patience))? {
            Lock::Locked(file) => LedgerFile { file, path, user: user.clone() },
            Lock::Gone => return Ok(Resealed::Changed),
            Lock::Busy => return Ok(Resealed::Busy),
        };
        let bytes = read_file(&file.file, &file.path)?;
        let slots = Slots::of(&bytes);
        let Some(credential) = dirs.credential(user, &component)? else {
            let is_lost = !slots.none_enrolled();
            return if is_lost {
                Err(dirs.credential_missing(&component).into())
            } else {
                Ok(Resealed::Done)
            };
        };
        if slots.is_under(credential.owner().id, keyring.active()) {
            return Ok(Resealed::Done);
        }
        let found = slots.newest_of(&credential, keyring).map_err(|error| unusable(&file.path, error))?;
        let damaged = || broken(&file.path, "is damaged, or belongs to another enrolment");
        let (ledger, slot) = found.ok_or_else(damaged)?;
        let key = LedgerKeys::active_ledger_key(keyring)?;
        file.write(&ledger, slot, Some(&key))?;
        file.sync()?;
        file.write_twin(&ledger, slot, Some(&key))?;
        Ok(Resealed::Done)
    }

    fn ledger_keys(&self, user: &User) -> Result<Vec<String>, StoreError> {
        let dirs = self.dirs()?;
        let component = user.component();
        let Some(fd) = dirs.ledgers.file(&component, OFlag::O_RDONLY)? else { return Ok(Vec::new()) };
        let bytes = read_file(&fd.into(), &dirs.ledgers.path.join(&component))?;
        let slots = Slots::of(&bytes);
        // A command was killed while it enrolled or removed this person: what the other slot says is of nobody.
        if slots.none_enrolled() && dirs.credential_text(&component)?.is_none() {
            return Ok(Vec::new());
        }
        Ok(slots.keys().map(str::to_owned).collect())
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
        // A program of the version before may have enrolled this person since the ledgers were resealed.
        let bytes = read_file(&held, &path)?;
        if !Slots::of(&bytes).has_present_version(found.credential.owner().id) {
            return Ok(Resealed::Changed);
        }
        let (draft, name) = (draft_of(&found.user), format!("{component}.toml"));
        let renamed = credentials.put_in_place(&draft, &name);
        drop(held);
        // Closing the old file frees its blocks, which may take milliseconds (discard): after the lock is released.
        drop(now);
        renamed.map(|()| Resealed::Done)
    }
}

impl Drop for ResealingFiles {
    fn drop(&mut self) {
        for found in &self.drafted {
            // The next rotation removes it.
            let _ = self.dirs.credentials.remove(&draft_of(&found.user));
        }
    }
}

fn draft_of(user: &User) -> String {
    debug_assert!(RESEAL_DRAFT.starts_with(DRAFT), "a listing leaves drafts out");
    format!("{RESEAL_DRAFT}{}", user.component())
}
