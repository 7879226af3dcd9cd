//! Documents by their path, each in a directory of root's: read, made, replaced, destroyed whole.

use crate::directory::{Access, Directory, make_directory};
use crate::error::FileError;
use crate::guard::{FLAGS, Guard, LARGEST_DOCUMENT, check_file, opening, read_opened, system, unsafe_file};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, renameat};
use nix::sys::stat::Mode;
use nix::unistd::fsync;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;
use totp_core::secret::Secret;
use totp_core::store::StoreError;

/// Longer than anybody takes from opening a document to having read it.
const TIME_TO_READ: Duration = Duration::from_millis(200);

/// Reads a whole document. `None`: provably not there.
///
/// # Errors
/// [`StoreError`] for anything that is there and is not what `guard` asks for.
pub fn read_document(file: &Path, guard: Guard) -> Result<Option<Secret>, StoreError> {
    match open(file, FLAGS | OFlag::O_RDONLY, Mode::empty()) {
        Ok(fd) => Ok(Some(read_opened(&fd, file, guard)?)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(opening(file, error).into()),
    }
}

/// Makes a document 0600 in a directory that root alone can write, whole or not at all. Returns whether it did: one
/// that is there stays as it is. The directory itself is made, 0755, if only it is missing.
///
/// # Errors
/// [`StoreError`]; then nothing was made.
pub fn create_document(file: &Path, text: &Secret) -> Result<bool, StoreError> {
    let (parent, name) = place_of(file)?;
    make_directory(parent, Mode::from_bits_truncate(0o755))?;
    let directory = Directory::open(parent, Access::RootWrites)?;
    let draft = format!(".new.{}.{name}", std::process::id());
    directory.write_new(&draft, text.expose())?;
    let named = directory.sync_file(&draft).and_then(|()| directory.name(&draft, name));
    if named.is_err() {
        // It may be a key; the error that matters is the first.
        let _ = directory.remove(&draft);
    }
    directory.sync()?;
    Ok(named?)
}

/// Replaces a document by another, whole or not at all. One command at a time, which the caller sees to: a draft that a kill
/// left behind is written over.
///
/// # Errors
/// [`StoreError`]; the old document is then in place, unless it was the last sync that failed: then the new one is, and may
/// not outlast a crash.
pub fn replace_document(file: &Path, text: &Secret) -> Result<(), StoreError> {
    let (parent, name) = place_of(file)?;
    let directory = Directory::open(parent, Access::RootWrites)?;
    let draft = format!(".new.{name}");
    directory.write_new(&draft, text.expose())?;
    let replaced = directory.sync_file(&draft).and_then(|()| {
        renameat(&directory.fd, draft.as_str(), &directory.fd, name).map_err(|source| FileError::System {
            file: file.to_owned(),
            action: "put in place",
            source,
        })
    });
    if replaced.is_err() {
        let _ = directory.remove(&draft);
    }
    replaced?;
    Ok(directory.sync()?)
}

/// Removes a document for good: its name, to last through a crash, and then what it held is written over. Anyone who had it open
/// has read it by then. Where a disk or a file system keeps what was there before (flash, snapshots, a copy in a journal) nothing
/// is promised.
///
/// # Errors
/// [`StoreError`]; its name may be gone and its content not.
pub fn destroy_document(file: &Path) -> Result<(), StoreError> {
    let (parent, name) = place_of(file)?;
    let directory = Directory::open(parent, Access::RootWrites)?;
    let Some(fd) = directory.file(name, OFlag::O_WRONLY)? else { return Ok(()) };
    let stat = check_file(&fd, file, Guard::Secret)?;
    directory.remove(name)?;
    directory.sync()?;
    std::thread::sleep(TIME_TO_READ);
    let length = usize::try_from(stat.st_size).unwrap_or(0).min(LARGEST_DOCUMENT);
    let opened = File::from(fd);
    opened.write_all_at(&vec![0; length], 0).map_err(|error| system(file, "write over", &error))?;
    fsync(&opened).map_err(|source| FileError::System { file: file.to_owned(), action: "sync", source })?;
    Ok(())
}

/// Removes for good what killed programs have left of a document: its drafts hold what it holds. One command at a time, which the
/// caller sees to; where the directory is not there, there are none.
///
/// # Errors
/// As [`destroy_document`].
pub fn destroy_drafts(file: &Path) -> Result<(), StoreError> {
    let (parent, name) = place_of(file)?;
    let directory = match Directory::open(parent, Access::RootWrites) {
        Err(FileError::System { source: Errno::ENOENT, .. }) => return Ok(()),
        opened => opened?,
    };
    let (entries, parent) = directory.entries()?;
    for entry in entries {
        let entry =
            entry.map_err(|source| FileError::System { file: parent.clone(), action: "list", source })?;
        let draft = entry.file_name().to_string_lossy();
        if draft.strip_prefix(".new.").is_some_and(|draft| is_draft_of(draft, name)) {
            destroy_document(&parent.join(&*draft))?;
        }
    }
    Ok(())
}

/// `NAME`, or `PROCESS.NAME`.
fn is_draft_of(draft: &str, name: &str) -> bool {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    draft == name || draft.split_once('.').is_some_and(|(process, rest)| is_number(process) && rest == name)
}

/// Makes a document that is in place outlast a crash, anyone who put it there.
///
/// # Errors
/// [`StoreError`] where it cannot be synced.
pub fn sync_document(file: &Path) -> Result<(), StoreError> {
    let (parent, name) = place_of(file)?;
    let directory = Directory::open(parent, Access::RootWrites)?;
    directory.sync_file(name)?;
    Ok(directory.sync()?)
}

fn place_of(file: &Path) -> Result<(&Path, &str), FileError> {
    match (file.parent(), file.file_name().and_then(|name| name.to_str())) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        (Some(_) | None, _) => Err(unsafe_file(file, "is not the name of a file")),
    }
}
