//! Reads and writes the file of a ledger, slot by slot. Every caller has it locked.

use crate::directory::system;
use crate::error::FileError;
use nix::unistd::fdatasync;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use totp_core::DocumentError;
use totp_core::ledger::Ledger;
use totp_core::ledger::slot::{self, SLOT};
use totp_core::ledger::slots::{self, LENGTH, NextSlot, Slots};

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
    match (Slots::of(&bytes).newer(), later) {
        (None, _) => Ok(bytes),
        (Some(_), LaterVersion::TreatAsDamaged) => Ok(Vec::new()),
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

/// The bytes of the file: a blank ledger if it is empty, and nothing if it has another length than a ledger.
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
    Ok(match filled {
        // The machine crashed between the creation of the file and its first sync. A credential is stored only after that sync, so
        // nobody was enrolled.
        0 => slots::blank(),
        LENGTH => bytes,
        // Damaged: no slot is valid.
        _ => Vec::new(),
    })
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
