//! A ledger's file, locked by anyone who reads and writes it: as bytes, and slot by slot.

use crate::error::FileError;
use crate::guard::system;
use nix::unistd::fdatasync;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use totp_core::DocumentError;
use totp_core::ledger::Ledger;
use totp_core::ledger::slot::{self, SLOT};
use totp_core::ledger::slots::{self, LENGTH, NextSlot, Slots};

/// What a slot of a later version is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Newer {
    /// It knows of codes that were used, which nobody here can read.
    Refused,
    /// No slot of the ledger is used, and the slot stays until the ledger goes.
    Broken,
}

/// The same, with what a slot of a later version is to be taken for.
pub(crate) fn read_ledger(file: &File, path: &Path, newer: Newer) -> Result<Vec<u8>, FileError> {
    let bytes = read_whole(file, path)?;
    match (Slots::of(&bytes).newer(), newer) {
        (None, _) => Ok(bytes),
        (Some(_), Newer::Broken) => Ok(Vec::new()),
        (Some(version), Newer::Refused) => Err(too_new(path, version)),
    }
}

/// The bytes of a ledger's file, as [`Slots`] takes them; none of them where a slot is of a later version.
pub(crate) fn read_file(file: &File, path: &Path) -> Result<Vec<u8>, FileError> {
    read_ledger(file, path, Newer::Refused)
}

fn too_new(path: &Path, newer: u32) -> FileError {
    let known = slot::version();
    let problem = format!(
        "version {newer} is newer than this program reads ({known}): upgrade it; a repair would forget which codes were used; \
         where no later version ever ran here it is damaged: \"totp-enroll reset\" or \"totp-enroll disable USER\" help"
    );
    FileError::Document(DocumentError::new(path, problem))
}

/// The bytes as they are, blank where nothing was written yet; none where the file has another length than ours.
pub(crate) fn read_whole(file: &File, path: &Path) -> Result<Vec<u8>, FileError> {
    // One byte more, so that a file that is too long is seen.
    let mut bytes = vec![0; LENGTH + 1];
    let mut filled = 0;
    // Nothing came for that one: the file has ended, and no further call need say so.
    while let Some(free @ [_, _, ..]) = bytes.get_mut(filled..) {
        match file.read_at(free, filled as u64) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(system(path, "read", &error)),
        }
    }
    Ok(match filled {
        // A crash came between the making of the file and its first sync, and no credential is put in place before
        // that: nobody was enrolled by it.
        0 => slots::blank(),
        LENGTH => bytes,
        // No slot of it checks; the caller knows what that means.
        _ => Vec::new(),
    })
}

/// Writes the slot at `place`.
pub(crate) fn write_slot(
    file: &File,
    path: &Path,
    ledger: &Ledger,
    place: NextSlot,
) -> Result<(), FileError> {
    let offset = place.spare.saturating_mul(SLOT) as u64;
    let slot = slot::encode(ledger, place.sequence);
    file.write_all_at(&slot, offset).map_err(|error| system(path, "write", &error))
}

/// Writes and syncs the other slot too, after the one at `place` is safe: two logins later both are written over, and a
/// block torn by a crash then must not leave a slot from before.
pub(crate) fn write_twin(
    file: &File,
    path: &Path,
    ledger: &Ledger,
    place: NextSlot,
) -> Result<(), FileError> {
    write_slot(file, path, ledger, place.other())?;
    sync_data(file, path)
}

/// Makes what was written last through a crash.
pub(crate) fn sync_data(file: &File, path: &Path) -> Result<(), FileError> {
    fdatasync(file).map_err(|source| FileError::System { file: path.to_owned(), action: "sync", source })
}

/// Trouble with a ledger that a repair ends.
pub(crate) fn broken(path: &Path, what: &str) -> FileError {
    let problem =
        format!("{what}; \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes");
    FileError::Document(DocumentError::new(path, problem))
}
