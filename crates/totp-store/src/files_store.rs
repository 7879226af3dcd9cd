//! The store as files on one machine: `credentials/NAME.toml` and `ledgers/NAME` below one directory, and a login's hold on a user.
//!
//! The lock on the ledger's file is the lock on the user. That file is never replaced, because a lock on a file that was renamed
//! over excludes nobody. It is created under another name and renamed if the name is free, and it is removed only while locked; a
//! process that waited for the lock notices that and opens it anew.

use crate::enrolment_attempts::AttemptFiles;
use crate::error::FileError;
use crate::spool::{SPOOL, SpoolDirectory};
use crate::trusted_file_changes::make_directory;
use crate::trusted_files::{Access, Directory, if_exists, read_opened, system};
use crate::trusted_files::{Lock, Locked, lock};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::fdatasync;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use totp_core::DocumentError;
use totp_core::account_recovery::Reset;
use totp_core::config::Paths;
use totp_core::credential::Credential;
use totp_core::ledger::Ledger;
use totp_core::ledger::slot::{self, LENGTH, NextSlot, SLOT, Slots};
use totp_core::random::Secret;
use totp_core::store::{Charging, Durability, Engine, Held, Hold, Store, StoreError};
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

impl Store for FilesStore {
    const CHARGING: Charging = Charging::BeforeLook;

    type Held = FileHeld;

    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<FileHeld>, StoreError> {
        let dirs = self.dirs()?;
        let component = user.component();
        let path = dirs.ledgers.path.join(&component);
        let deadline = Instant::now().checked_add(patience);
        let mut missing = false;
        let file = loop {
            let Some(fd) = dirs.ledgers.file(&component, OFlag::O_RDWR)? else {
                if dirs.credential(user, &component)?.is_none() {
                    return Ok(Hold::NotEnrolled);
                }
                if missing {
                    return Err(broken(&path, "is missing though the user is enrolled").into());
                }
                // A command that is enrolling this user creates the ledger first: look again.
                missing = true;
                continue;
            };
            match lock(fd, &path, deadline)? {
                Lock::Locked(file) => break file,
                Lock::Gone => {}
                Lock::Busy => return Ok(Hold::Busy),
            }
        };
        let bytes = read_file(&file, &path)?;
        let slots = Slots::of(&bytes);
        let Some(credential) = dirs.credential(user, &component)? else {
            if slots.none_enrolled() {
                return Ok(Hold::NotEnrolled);
            }
            let problem = "exists, but its credential is missing: restore the credential from a backup, or run \
                           \"totp-enroll disable USER\" to remove the enrolment";
            return Err(DocumentError::new(&path, problem).into());
        };
        let Some((ledger, slot)) = slots.newest_of(credential.owner().id) else {
            return Err(broken(&path, "is damaged, or belongs to another enrolment").into());
        };
        Ok(Hold::Held(FileHeld { path, file, credential, ledger, slot }))
    }
}

/// A held enrolment; dropping it unlocks the ledger.
pub struct FileHeld {
    path: PathBuf,
    file: Locked,
    credential: Credential,
    ledger: Ledger,
    slot: NextSlot,
}

impl Held for FileHeld {
    fn credential(&self) -> &Credential {
        &self.credential
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn replace(&mut self, next: &Ledger, durability: Durability) -> Result<(), StoreError> {
        let slot = self.slot;
        self.slot = slot.other();
        write_slot(&self.file, &self.path, next, slot)?;
        match durability {
            Durability::Process => Ok(()),
            Durability::Machine => {
                sync_data(&self.file, &self.path)?;
                self.slot = slot.other().other();
                Ok(write_twin(&self.file, &self.path, next, slot)?)
            }
        }
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
        if_exists(self.state.inner(RESETS, Access::RootOnly))
    }
}

/// The text of a credential, and its file, kept open.
pub(crate) struct CredentialText {
    pub(crate) path: PathBuf,
    pub(crate) text: Secret,
    _fd: OwnedFd,
}

/// What to do with a ledger that has a slot of a later version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaterVersion {
    /// Refuse it: the slot lists used codes that this version cannot read.
    Refuse,
    /// Treat the ledger as damaged: use no slot of it, and keep that slot until the ledger is removed.
    TreatAsDamaged,
}

/// The bytes of a ledger, as [`Slots`] takes them; empty for a damaged one.
pub(crate) fn read_ledger(file: &File, path: &Path, later: LaterVersion) -> Result<Vec<u8>, FileError> {
    let bytes = read_whole(file, path)?;
    // Before the length: that of a later version may be another one.
    match (Slots::of(&bytes).newer(), later) {
        (None, _) if bytes.len() == LENGTH => Ok(bytes),
        (None, _) | (Some(_), LaterVersion::TreatAsDamaged) => Ok(Vec::new()),
        (Some(version), LaterVersion::Refuse) => Err(too_new(path, version)),
    }
}

/// The same; a ledger with a slot of a later version is an error.
pub(crate) fn read_file(file: &File, path: &Path) -> Result<Vec<u8>, FileError> {
    read_ledger(file, path, LaterVersion::Refuse)
}

fn too_new(path: &Path, version: u32) -> FileError {
    let known = slot::version();
    let problem = format!(
        "version {version} is newer than this program reads ({known}): upgrade it; do not repair the file, which would forget which codes were used; \
         if no later version ever ran here, the file is damaged: run \"totp-enroll reset request USER\" or \"totp-enroll disable USER\""
    );
    FileError::Document(DocumentError::new(path, problem))
}

/// The bytes of the file, of one that is too long the first [`LENGTH`] and one more; a blank ledger if it is empty.
pub(crate) fn read_whole(file: &File, path: &Path) -> Result<Vec<u8>, FileError> {
    // One byte more, to notice a file that is too long.
    let mut bytes = vec![0; LENGTH + 1];
    let mut filled = 0;
    // If that byte is not filled, this is the end of the file; no further call is needed.
    while let Some(free @ [_, _, ..]) = bytes.get_mut(filled..) {
        match file.read_at(free, filled as u64) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(system(path, "read", &error)),
        }
    }
    if filled == 0 {
        // The machine crashed between the creation of the file and its first sync. A credential is stored only after that sync, so
        // nobody was enrolled.
        return Ok(slot::blank());
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Writes `ledger` to a slot.
pub(crate) fn write_slot(file: &File, path: &Path, ledger: &Ledger, slot: NextSlot) -> Result<(), FileError> {
    let offset = slot.spare.saturating_mul(SLOT) as u64;
    let bytes = slot::encode(ledger, slot.sequence);
    file.write_all_at(&bytes, offset).map_err(|error| system(path, "write", &error))
}

/// Writes `ledger` to the other slot too and syncs it, once `slot` is synced. Otherwise the next login would write over the other
/// slot, the one after it over `slot`, and a crash that tears that write and loses the one before would bring back a ledger from before.
pub(crate) fn write_twin(file: &File, path: &Path, ledger: &Ledger, slot: NextSlot) -> Result<(), FileError> {
    write_slot(file, path, ledger, slot.other())?;
    sync_data(file, path)
}

/// Makes what was written outlast a crash.
pub(crate) fn sync_data(file: &File, path: &Path) -> Result<(), FileError> {
    fdatasync(file).map_err(|source| FileError::System { file: path.to_owned(), action: "sync", source })
}

/// The error for a damaged ledger, which a repair replaces.
pub(crate) fn broken(path: &Path, what: &str) -> FileError {
    let problem =
        format!("{what}; \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes");
    FileError::Document(DocumentError::new(path, problem))
}

#[cfg(test)]
#[path = "files_store_tests.rs"]
mod tests;
