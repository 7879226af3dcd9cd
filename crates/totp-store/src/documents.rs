//! Creates, replaces and destroys documents by path: the keyring, clear, sealed or opened.

use crate::error::FileError;
use crate::trusted_file_changes::make_directory;
use crate::trusted_files::{
    Access, DRAFT, Directory, LARGEST_DOCUMENT, check_file, if_exists, system, unsafe_file,
};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::fsync;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;
use totp_core::random::Secret;
use totp_core::store::StoreError;

/// Longer than any program takes from opening a document to having read it.
const TIME_TO_READ: Duration = Duration::from_millis(200);

/// Creates a document 0600, completely or not at all, in a directory that only root can write; a missing directory is created 0755.
/// Returns whether the document was created: one that exists stays as it is.
///
/// # Errors
/// [`StoreError`]; no document was created then.
pub fn create_document(file: &Path, text: &Secret) -> Result<bool, StoreError> {
    let (parent, name) = parent_and_name(file)?;
    make_directory(parent, Mode::from_bits_truncate(0o755))?;
    let directory = Directory::open(parent, Access::RootWrites)?;
    let draft = format!("{DRAFT}{}.{name}", std::process::id());
    directory.write_new(&draft, text.expose())?;
    let named = directory.sync_file(&draft).and_then(|()| directory.name(&draft, name));
    if named.is_err() {
        // The draft may hold a key. The first error is the one to report.
        let _ = directory.remove(&draft);
    }
    directory.sync()?;
    Ok(named?)
}

/// Replaces a document, completely or not at all. The caller has the lock: the draft of a killed command is written over.
///
/// # Errors
/// [`StoreError`]; the old document is still there then. If only the last sync failed, the new one is, but may not outlast a crash.
pub fn replace_document(file: &Path, text: &Secret) -> Result<(), StoreError> {
    let (parent, name) = parent_and_name(file)?;
    let directory = Directory::open(parent, Access::RootWrites)?;
    let draft = format!("{DRAFT}{name}");
    directory.write_new(&draft, text.expose())?;
    let replaced = directory.sync_file(&draft).and_then(|()| directory.put_in_place(&draft, name));
    if replaced.is_err() {
        let _ = directory.remove(&draft);
    }
    replaced?;
    Ok(directory.sync()?)
}

/// Removes a document, waits until programs that had it open have read it, and overwrites its content. That does not reach copies
/// that the storage keeps (flash, snapshots, a journal).
///
/// # Errors
/// [`StoreError`]; the name may be gone then while the content is not overwritten.
pub fn destroy_document(file: &Path) -> Result<(), StoreError> {
    let (parent, name) = parent_and_name(file)?;
    let directory = Directory::open(parent, Access::RootWrites)?;
    let Some(fd) = directory.file(name, OFlag::O_WRONLY)? else { return Ok(()) };
    let stat = check_file(&fd, file, Access::RootOnly)?;
    directory.remove(name)?;
    directory.sync()?;
    std::thread::sleep(TIME_TO_READ);
    let length = usize::try_from(stat.st_size).unwrap_or(0).min(LARGEST_DOCUMENT);
    let opened = File::from(fd);
    opened.write_all_at(&vec![0; length], 0).map_err(|error| system(file, "overwrite", &error))?;
    fsync(&opened).map_err(|source| FileError::System { file: file.to_owned(), action: "sync", source })?;
    Ok(())
}

/// Destroys the drafts of a document that killed programs left: they hold the same secrets. The caller has the lock. A missing
/// directory has no drafts.
///
/// # Errors
/// As [`destroy_document`].
pub fn destroy_drafts(file: &Path) -> Result<(), StoreError> {
    let (parent, name) = parent_and_name(file)?;
    let Some(directory) = if_exists(Directory::open(parent, Access::RootWrites))? else { return Ok(()) };
    for draft in directory.names()? {
        let draft = draft?;
        if draft.strip_prefix(DRAFT).is_some_and(|draft| is_draft_of(draft, name)) {
            destroy_document(&parent.join(&draft))?;
        }
    }
    Ok(())
}

/// `NAME`, or `PROCESS.NAME`.
fn is_draft_of(draft: &str, name: &str) -> bool {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    draft == name || draft.split_once('.').is_some_and(|(process, rest)| is_number(process) && rest == name)
}

/// Makes a document outlast a crash, whichever program wrote it.
///
/// # Errors
/// [`StoreError`] if it cannot be synced.
pub fn sync_document(file: &Path) -> Result<(), StoreError> {
    let (parent, name) = parent_and_name(file)?;
    let directory = Directory::open(parent, Access::RootWrites)?;
    directory.sync_file(name)?;
    Ok(directory.sync()?)
}

fn parent_and_name(file: &Path) -> Result<(&Path, &str), FileError> {
    match (file.parent(), file.file_name().and_then(|name| name.to_str())) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        (Some(_) | None, _) => Err(unsafe_file(file, "is not a file name")),
    }
}
