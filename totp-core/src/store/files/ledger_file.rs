//! A ledger's file, locked by whoever reads and writes it: as bytes, and page by page.

use crate::document::DocumentError;
use crate::ledger::Ledger;
use crate::page::{self, PAGE};
use crate::pages::{self, LENGTH, Pages, Place};
use crate::store::StoreError;
use crate::store::guard::system;
use nix::unistd::fdatasync;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What a page of a later version is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newer {
    /// It knows of codes that were used, which nobody here can read.
    Refused,
    /// No page of the ledger is used, and the page stays until the ledger goes.
    Broken,
}

/// The same, with what a page of a later version is to be taken for.
pub(super) fn read_ledger(file: &File, path: &Path, newer: Newer) -> Result<Vec<u8>, StoreError> {
    let bytes = read_whole(file, path)?;
    match (Pages::of(&bytes).newer(), newer) {
        (None, _) => Ok(bytes),
        (Some(_), Newer::Broken) => Ok(Vec::new()),
        (Some(version), Newer::Refused) => Err(too_new(path, version)),
    }
}

/// The bytes of a ledger's file, as [`Pages`] takes them; none of them where a page is of a later version.
pub(super) fn read_file(file: &File, path: &Path) -> Result<Vec<u8>, StoreError> {
    read_ledger(file, path, Newer::Refused)
}

fn too_new(path: &Path, newer: u32) -> StoreError {
    let known = page::version();
    let problem = format!(
        "version {newer} is newer than this program reads ({known}): upgrade it; a repair would forget which codes were used; \
         where no later version ever ran here it is damaged: \"totp-enroll reset\" or \"totp-enroll disable USER\" help"
    );
    StoreError::Document(DocumentError::new(path, problem))
}

/// The bytes as they are, blank where nothing was written yet; none where the file has another length than ours.
pub(super) fn read_whole(file: &File, path: &Path) -> Result<Vec<u8>, StoreError> {
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
        0 => pages::blank(),
        LENGTH => bytes,
        // No page of it checks; the caller knows what that means.
        _ => Vec::new(),
    })
}

/// Writes the page at `place`.
pub(super) fn write_page(file: &File, path: &Path, ledger: &Ledger, place: Place) -> Result<(), StoreError> {
    let offset = place.spare.saturating_mul(PAGE) as u64;
    let page = page::encode(ledger, place.sequence);
    file.write_all_at(&page, offset).map_err(|error| system(path, "write", &error))
}

/// Writes and syncs the other page too, after the one at `place` is safe: two logins later both are written over, and a
/// block torn by a crash then must not leave a page from before.
pub(super) fn write_twin(file: &File, path: &Path, ledger: &Ledger, place: Place) -> Result<(), StoreError> {
    write_page(file, path, ledger, place.other())?;
    sync_data(file, path)
}

/// Makes what was written last through a crash.
pub(super) fn sync_data(file: &File, path: &Path) -> Result<(), StoreError> {
    fdatasync(file).map_err(|source| StoreError::System { file: path.to_owned(), action: "sync", source })
}

/// Trouble with a ledger that a repair ends.
pub(in crate::store) fn broken(path: &Path, what: &str) -> StoreError {
    let problem =
        format!("{what}; \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes");
    StoreError::Document(DocumentError::new(path, problem))
}
