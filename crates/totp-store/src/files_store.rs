//! The store as files on one machine: `credentials/NAME.toml` and `ledgers/NAME` below one directory.
//!
//! The lock on the ledger's file is the lock on the user. That file is never replaced, because a lock on a file that was renamed
//! over excludes nobody. It is created under another name and renamed if the name is free, and it is removed only while locked; a
//! process that waited for the lock notices that and opens it anew.

use crate::enrolment_attempts::AttemptFiles;
use crate::error::FileError;
use crate::generation::GenerationCopies;
use crate::spool::{SPOOL, SpoolDirectory};
use crate::told_notices::TOLD;
use crate::trusted_file_changes::make_directory;
use crate::trusted_files::Locked;
use crate::trusted_files::{Access, Directory, if_exists, read_opened, system};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, OFlag, fallocate};
use nix::sys::stat::Mode;
use nix::unistd::fdatasync;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use totp_core::DocumentError;
use totp_core::account_recovery::{Cancellation, Reset};
use totp_core::config::Paths;
use totp_core::credential::Credential;
use totp_core::keyring::LedgerKey;
use totp_core::ledger::Ledger;
use totp_core::ledger::slot::{self, SLOT};
use totp_core::ledger::slots::{self, Conversion, LENGTH, LENGTH_V1, NextSlot, OpenLedgerError, Slots};
use totp_core::random::Secret;
use totp_core::store::{Engine, LedgerKeys, StoreError};
use totp_core::user::User;

/// The store at the paths of a config, whose ledgers have their MAC under `keys`. Opens and creates nothing yet.
#[must_use]
pub fn open(paths: &Paths, keys: Arc<dyn LedgerKeys>) -> FilesStore {
    FilesStore::new(&paths.state, &paths.runtime, &paths.keyring, keys)
}

/// The store: below `paths.state` of the config, and below `paths.runtime` for what ends with the boot.
#[derive(Clone)]
pub struct FilesStore {
    state: PathBuf,
    runtime: PathBuf,
    pub(crate) generation: GenerationCopies,
    keys: Arc<dyn LedgerKeys>,
}

impl FilesStore {
    /// Opens and creates nothing yet.
    #[must_use]
    pub fn new(state: &Path, runtime: &Path, keyring: &Path, keys: Arc<dyn LedgerKeys>) -> Self {
        let generation = GenerationCopies::new(state, keyring);
        Self { state: state.to_owned(), runtime: runtime.to_owned(), generation, keys }
    }

    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    pub(crate) fn keys(&self) -> &Arc<dyn LedgerKeys> {
        &self.keys
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
/// Marks beside the resets, by which they are called off without a lock.
pub(crate) const CANCELLED: &str = "cancelled";

/// The inventory of hardware tokens.
pub(crate) const TOKENS: &str = "tokens";

/// Every directory below `paths.state`: the list for programs that look at the whole state.
pub const STATE_DIRECTORIES: [&str; 7] = [CREDENTIALS, LEDGERS, RESETS, CANCELLED, SPOOL, TOLD, TOKENS];

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

    /// The error for the ledger of an enrolment whose credential is not there.
    pub(crate) fn credential_missing(&self, component: &str) -> DocumentError {
        let file = self.credentials.path.join(format!("{component}.toml"));
        let problem = format!(
            "belongs to an enrolment, but its file {} is missing: restore that from a backup, or run \"totp-enroll disable USER\" to remove the enrolment",
            file.display()
        );
        DocumentError::new(&self.ledgers.path.join(component), problem)
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
        let reset = Reset::parse(&path, text.expose(), &user)?;
        Ok(Some(self.cancelled(component, reset)?))
    }

    /// The reset, called off if there is a mark that says so.
    fn cancelled(&self, component: &str, reset: Reset) -> Result<Reset, FileError> {
        let Some(directory) = if_exists(self.state.inner(CANCELLED, Access::RootOnly))? else {
            return Ok(reset);
        };
        let Some(fd) = directory.file(component, OFlag::O_RDONLY)? else { return Ok(reset) };
        let path = directory.path.join(component);
        let text = read_opened(&fd, &path, Access::RootOnly)?;
        let mark = std::str::from_utf8(text.expose()).ok().and_then(Cancellation::parse);
        // A mark that a crash tore is taken for one of this reset: to request it again costs less than to lose a cancellation.
        Ok(mark.unwrap_or_else(|| Cancellation::of(&reset)).applied_to(reset))
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
        (None, _) if Slots::is_length(bytes.len()) => Ok(bytes),
        (None, _) | (Some(_), LaterVersion::TreatAsDamaged) => Ok(Vec::new()),
        (Some(version), LaterVersion::Refuse) => Err(too_new(path, version)),
    }
}

/// The same; a ledger with a slot of a later version is an error.
pub(crate) fn read_file(file: &File, path: &Path) -> Result<Vec<u8>, FileError> {
    read_ledger(file, path, LaterVersion::Refuse)
}

fn too_new(path: &Path, version: u32) -> FileError {
    let known = slot::VERSION;
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
        return Ok(slots::blank());
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The file of a user's ledger, locked.
pub(crate) struct LedgerFile {
    pub(crate) file: Locked,
    pub(crate) path: PathBuf,
    pub(crate) user: User,
}

impl LedgerFile {
    /// Writes `ledger` to a slot, under `key`; only a ledger of nobody needs none.
    pub(crate) fn write(
        &self,
        ledger: &Ledger,
        slot: NextSlot,
        key: Option<&LedgerKey>,
    ) -> Result<(), FileError> {
        self.put(&self.encode(ledger, slot, key)?, slot)
    }

    /// The bytes of a slot.
    pub(crate) fn encode(
        &self,
        ledger: &Ledger,
        slot: NextSlot,
        key: Option<&LedgerKey>,
    ) -> Result<Vec<u8>, FileError> {
        let no_key = || broken(&self.path, "cannot be written without the keyring");
        slot.bytes(ledger, &self.user, key).ok_or_else(no_key)
    }

    /// Writes the bytes of a slot.
    pub(crate) fn put(&self, bytes: &[u8], slot: NextSlot) -> Result<(), FileError> {
        if slot.conversion == Conversion::Grow {
            self.grow()?;
        }
        self.file
            .write_all_at(bytes, slot.offset() as u64)
            .map_err(|error| system(&self.path, "write", &error))
    }

    /// Writes both slots as they are. A limit on the size of files, or a full disk that copies what is written, stops this as it
    /// would stop a record. Whatever stops it, the bytes stay what they were.
    pub(crate) fn check_writable(&self) -> Result<(), FileError> {
        let bytes = read_whole(&self.file, &self.path)?;
        self.file.write_all_at(&bytes, 0).map_err(|error| system(&self.path, "write", &error))
    }

    /// Makes a slot count for nothing: a reader takes the other one. Not for a file of version 1, whose first block has both.
    pub(crate) fn void(&self, slot: NextSlot) -> Result<(), FileError> {
        let written = match slot.conversion {
            Conversion::None => self.file.write_all_at(&[0; 8], slot.offset() as u64),
            Conversion::Grow | Conversion::Finish => Ok(()),
        };
        written.map_err(|error| system(&self.path, "write", &error))
    }

    /// Allocates the second block of a file of version 1.
    fn grow(&self) -> Result<(), FileError> {
        let action = "allocate the second half, which a ledger of version 1 lacks (free some space)";
        let length = i64::try_from(LENGTH).unwrap_or(i64::MAX);
        match fallocate(&*self.file, FallocateFlags::empty(), 0, length) {
            Ok(()) => Ok(()),
            // File systems without it (NFS before 4.2, some FUSE ones) allocate what is written.
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => {
                let written = self.file.write_all_at(&[0; SLOT], SLOT as u64);
                written.map_err(|error| {
                    // A file that is longer than one version and shorter than the other would be a damaged one.
                    let _ = self.file.set_len(LENGTH_V1 as u64);
                    system(&self.path, action, &error)
                })
            }
            Err(source) => Err(FileError::System { file: self.path.clone(), action, source }),
        }
    }

    /// Writes `ledger` to the other slot too and syncs it, once `slot` is synced. Otherwise the next login would write over the
    /// other slot, the one after it over `slot`, and a crash that tears that write and loses the one before would bring back a
    /// ledger from before.
    pub(crate) fn write_twin(
        &self,
        ledger: &Ledger,
        slot: NextSlot,
        key: Option<&LedgerKey>,
    ) -> Result<(), FileError> {
        self.write(ledger, slot.other(), key)?;
        self.sync()
    }

    /// Makes what was written outlast a crash.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        let synced = fdatasync(&*self.file);
        synced.map_err(|source| FileError::System { file: self.path.clone(), action: "sync", source })
    }
}

/// Why the newest slot of an enrolment cannot be used.
pub(crate) fn unusable(path: &Path, error: OpenLedgerError) -> StoreError {
    match error {
        OpenLedgerError::Ledger(error) => DocumentError::new(path, error.to_string()).into(),
        OpenLedgerError::Keyring(error) => error,
    }
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
