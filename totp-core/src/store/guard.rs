//! Opening files that root alone may have written: no symbolic links, no foreign owner, no loose mode.

use super::StoreError;
use crate::secret::Secret;
use nix::dir::{self, Dir};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, open, openat, renameat, renameat2};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmod, fchmodat, fstat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, fsync, mkdir, read, syncfs, unlinkat};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest document that is read, in bytes; a credential has about three thousand.
const LARGEST_DOCUMENT: usize = 1 << 20;

/// Longer than anybody takes from opening a document to having read it.
const TIME_TO_READ: Duration = Duration::from_millis(200);

/// What a file's owner and mode have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// root:root 0600, one link: keyring, credentials, ledgers.
    Secret,
    /// Owned by root and writable by nobody else: the config.
    Public,
}

/// Reads a whole document. `None`: provably not there.
///
/// # Errors
/// [`StoreError`] for anything that is there and is not what `guard` asks for.
pub fn read_document(file: &Path, guard: Guard) -> Result<Option<Secret>, StoreError> {
    match open(file, FLAGS | OFlag::O_RDONLY, Mode::empty()) {
        Ok(fd) => read_opened(&fd, file, guard).map(Some),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(opening(file, error)),
    }
}

/// `O_NONBLOCK`: a pipe put in a file's place must not stop a login; it is refused afterwards.
const FLAGS: OFlag =
    OFlag::O_CLOEXEC.union(OFlag::O_NOFOLLOW).union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY);

pub(super) fn read_opened(fd: &OwnedFd, file: &Path, guard: Guard) -> Result<Secret, StoreError> {
    let stat = check_file(fd, file, guard)?;
    let expected = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
    if expected > LARGEST_DOCUMENT {
        return Err(unsafe_file(file, "is larger than any file of ours: restore it from a backup"));
    }
    // One byte more than the size, so that the end is seen and the buffer never grows and leaves a copy behind.
    let mut bytes = zeroize::Zeroizing::new(vec![0; expected.saturating_add(1)]);
    let mut filled = 0;
    loop {
        let free = bytes.get_mut(filled..).unwrap_or_default();
        match read(fd, free) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(Errno::EINTR) => continue,
            Err(error) => {
                return Err(StoreError::System { file: file.to_owned(), action: "read", source: error });
            }
        }
        // Nothing came for the one byte more: the file has ended, and no further call need say so.
        if filled >= expected {
            break;
        }
    }
    if filled > expected {
        return Err(unsafe_file(file, "grew while it was read: try again"));
    }
    bytes.truncate(filled);
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}

/// A directory of ours, opened.
pub(super) struct Directory {
    pub(super) fd: OwnedFd,
    pub(super) path: PathBuf,
}

/// What a directory's owner and mode have to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// root:root 0700.
    Private,
    /// Owned by root and writable by nobody else: the administrator may choose where the state lies.
    Place,
}

impl Directory {
    pub(super) fn open(path: &Path, room: Room) -> Result<Self, StoreError> {
        let fd =
            open(path, FLAGS | OFlag::O_DIRECTORY, Mode::empty()).map_err(|error| opening(path, error))?;
        Self::checked(fd, path.to_owned(), room)
    }

    pub(super) fn inner(&self, name: &str, room: Room) -> Result<Self, StoreError> {
        let path = self.path.join(name);
        let fd = openat(&self.fd, name, FLAGS | OFlag::O_DIRECTORY, Mode::empty())
            .map_err(|error| opening(&path, error))?;
        Self::checked(fd, path, room)
    }

    fn checked(fd: OwnedFd, path: PathBuf, room: Room) -> Result<Self, StoreError> {
        let stat = stat_of(&fd, &path)?;
        let problem = match room {
            Room::Private if !is_private(&stat, 0o700) => {
                Some("must be root:root 0700: chown root:root and chmod 0700")
            }
            Room::Place if !is_ours(&stat) => {
                Some("must belong to root and be writable by nobody else: chown root, chmod go-w")
            }
            Room::Private | Room::Place => None,
        };
        match problem {
            Some(problem) => Err(StoreError::Unsafe { file: path, problem }),
            None => Ok(Self { fd, path }),
        }
    }

    /// Opens a file in it. `None`: provably not there.
    pub(super) fn file(&self, name: &str, flags: OFlag) -> Result<Option<OwnedFd>, StoreError> {
        match openat(&self.fd, name, FLAGS | flags, Mode::from_bits_truncate(0o600)) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(opening(&self.path.join(name), error)),
        }
    }
}

impl Directory {
    /// Writes a file that was not there, 0600; on an error it is not there either. Not synced.
    pub(super) fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.remove(name)?;
        let path = self.path.join(name);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let Some(fd) = self.file(name, flags)? else {
            return Err(StoreError::System { file: path, action: "make", source: Errno::ENOENT });
        };
        let file = File::from(fd);
        // The umask may have taken bits away, and sudo runs with the group of whoever called it.
        let written = fchmod(&file, Mode::S_IRUSR | Mode::S_IWUSR)
            .and_then(|()| fchown(&file, Some(Uid::from_raw(0)), Some(Gid::from_raw(0))))
            .map_err(|source| StoreError::System { file: path.clone(), action: "chown and chmod", source })
            .and_then(|()| file.write_all_at(bytes, 0).map_err(|error| system(&path, "write", &error)));
        if written.is_err() {
            // The disk may be full; leave it no fuller. The error that matters is the first.
            let _ = self.remove(name);
        }
        written
    }

    /// Gives what [`Directory::write_new`] wrote its own name, unless somebody was quicker. Returns whether it did. In one
    /// step: a file never has two names, which would be taken for somebody else's. Not synced.
    pub(super) fn name(&self, draft: &str, name: &str) -> Result<bool, StoreError> {
        match renameat2(&self.fd, draft, &self.fd, name, RenameFlags::RENAME_NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EEXIST) => self.remove(draft).map(|()| false),
            Err(source) => Err(StoreError::System { file: self.path.join(name), action: "make", source }),
        }
    }

    /// Removes a file; one that is not there is no error.
    pub(super) fn remove(&self, name: &str) -> Result<(), StoreError> {
        match unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(source) => Err(StoreError::System { file: self.path.join(name), action: "remove", source }),
        }
    }

    /// Makes the content of a file last through a crash.
    pub(super) fn sync_file(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path.join(name);
        let Some(fd) = self.file(name, OFlag::O_RDONLY)? else {
            return Err(StoreError::System { file: path, action: "sync", source: Errno::ENOENT });
        };
        fsync(&fd).map_err(|source| StoreError::System { file: path, action: "sync", source })
    }

    /// What is in it, and where it lies.
    pub(super) fn entries(self) -> Result<(dir::OwningIter, PathBuf), StoreError> {
        let Self { fd, path } = self;
        match Dir::from_fd(fd) {
            Ok(directory) => Ok((directory.into_iter(), path)),
            Err(source) => Err(StoreError::System { file: path, action: "list", source }),
        }
    }

    /// Makes everything on this file system last through a crash.
    pub(super) fn sync_everything(&self) -> Result<(), StoreError> {
        syncfs(&self.fd).map_err(|source| StoreError::System {
            file: self.path.clone(),
            action: "sync",
            source,
        })
    }

    /// Makes names that were added or removed last through a crash.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        fsync(&self.fd).map_err(|source| StoreError::System {
            file: self.path.clone(),
            action: "sync",
            source,
        })
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
    let directory = Directory::open(parent, Room::Place)?;
    let draft = format!(".new.{}.{name}", std::process::id());
    directory.write_new(&draft, text.expose())?;
    let named = directory.sync_file(&draft).and_then(|()| directory.name(&draft, name));
    if named.is_err() {
        // It may be a key; the error that matters is the first.
        let _ = directory.remove(&draft);
    }
    directory.sync()?;
    named
}

/// Makes a directory of root's, also where the program runs with the group of whoever called it, as su and sudo do. Returns
/// whether it did: one that is there stays as it is.
pub(super) fn make_roots(path: &Path, mode: Mode) -> Result<bool, StoreError> {
    let (uid, gid) = (Some(Uid::from_raw(0)), Some(Gid::from_raw(0)));
    let made = match mkdir(path, mode) {
        // Nobody but root can have put another directory in its place. The caller's umask may have taken bits away.
        Ok(()) => fchownat(AT_FDCWD, path, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)
            .and_then(|()| fchmodat(AT_FDCWD, path, mode, FchmodatFlags::FollowSymlink))
            .map(|()| true),
        Err(Errno::EEXIST) => Ok(false),
        Err(error) => Err(error),
    };
    made.map_err(|source| StoreError::System { file: path.to_owned(), action: "make", source })
}

/// Makes a directory that lasts through a crash; one that is there stays as it is. A crash that took the whole state
/// away would leave everybody "not enrolled".
pub(super) fn make_directory(path: &Path, mode: Mode) -> Result<(), StoreError> {
    if !make_roots(path, mode)? {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(parent, flags, Mode::empty()).and_then(fsync).map_err(|source| StoreError::System {
        file: parent.to_owned(),
        action: "sync",
        source,
    })
}

/// Replaces a document by another, whole or not at all. One desk at a time, which the caller sees to: a draft that a kill
/// left behind is written over.
///
/// # Errors
/// [`StoreError`]; the old document is then in place, unless it was the last sync that failed: then the new one is, and may
/// not outlast a crash.
pub fn replace_document(file: &Path, text: &Secret) -> Result<(), StoreError> {
    let (parent, name) = place_of(file)?;
    let directory = Directory::open(parent, Room::Place)?;
    let draft = format!(".new.{name}");
    directory.write_new(&draft, text.expose())?;
    let replaced =
        directory.sync_file(&draft).and_then(|()| {
            renameat(&directory.fd, draft.as_str(), &directory.fd, name).map_err(|source| {
                StoreError::System { file: file.to_owned(), action: "put in place", source }
            })
        });
    if replaced.is_err() {
        let _ = directory.remove(&draft);
    }
    replaced?;
    directory.sync()
}

/// Removes a document for good: its name, to last through a crash, and then what it held is written over. Whoever had it open
/// has read it by then. Where a disk or a file system keeps what was there before (flash, snapshots, a copy in a journal) nothing
/// is promised.
///
/// # Errors
/// [`StoreError`]; its name may be gone and its content not.
pub fn destroy_document(file: &Path) -> Result<(), StoreError> {
    let (parent, name) = place_of(file)?;
    let directory = Directory::open(parent, Room::Place)?;
    let Some(fd) = directory.file(name, OFlag::O_WRONLY)? else { return Ok(()) };
    let stat = check_file(&fd, file, Guard::Secret)?;
    directory.remove(name)?;
    directory.sync()?;
    std::thread::sleep(TIME_TO_READ);
    let length = usize::try_from(stat.st_size).unwrap_or(0).min(LARGEST_DOCUMENT);
    let opened = File::from(fd);
    opened.write_all_at(&vec![0; length], 0).map_err(|error| system(file, "write over", &error))?;
    fsync(&opened).map_err(|source| StoreError::System { file: file.to_owned(), action: "sync", source })
}

/// Removes for good what killed programs have left of a document: its drafts hold what it holds. One desk at a time, which the
/// caller sees to; where the directory is not there, there are none.
///
/// # Errors
/// As [`destroy_document`].
pub fn destroy_drafts(file: &Path) -> Result<(), StoreError> {
    let (parent, name) = place_of(file)?;
    let directory = match Directory::open(parent, Room::Place) {
        Err(StoreError::System { source: Errno::ENOENT, .. }) => return Ok(()),
        opened => opened?,
    };
    let (entries, parent) = directory.entries()?;
    for entry in entries {
        let entry =
            entry.map_err(|source| StoreError::System { file: parent.clone(), action: "list", source })?;
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

/// Makes a document that is in place outlast a crash, whoever put it there.
///
/// # Errors
/// [`StoreError`] where it cannot be synced.
pub fn sync_document(file: &Path) -> Result<(), StoreError> {
    let (parent, name) = place_of(file)?;
    let directory = Directory::open(parent, Room::Place)?;
    directory.sync_file(name)?;
    directory.sync()
}

fn place_of(file: &Path) -> Result<(&Path, &str), StoreError> {
    match (file.parent(), file.file_name().and_then(|name| name.to_str())) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        (Some(_) | None, _) => Err(unsafe_file(file, "is not the name of a file")),
    }
}

pub(super) fn system(path: &Path, action: &'static str, error: &std::io::Error) -> StoreError {
    let source = Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO));
    StoreError::System { file: path.to_owned(), action, source }
}

pub(super) fn check_file(fd: impl AsFd, file: &Path, guard: Guard) -> Result<FileStat, StoreError> {
    let stat = stat_of(fd, file)?;
    if kind(&stat) != SFlag::S_IFREG {
        return Err(unsafe_file(file, "is not a regular file: move it away"));
    }
    match guard {
        Guard::Secret if !is_private(&stat, 0o600) => Err(unsafe_file(
            file,
            "must be root:root 0600: find out who changed it, then chown root:root and chmod 0600",
        )),
        Guard::Secret if stat.st_nlink > 1 => {
            Err(unsafe_file(file, "has a second name (hard link): remove the other"))
        }
        Guard::Public if !is_ours(&stat) => Err(unsafe_file(
            file,
            "must belong to root and be writable by nobody else: chown root, chmod go-w",
        )),
        Guard::Secret | Guard::Public => Ok(stat),
    }
}

pub(super) fn stat_of(fd: impl AsFd, file: &Path) -> Result<FileStat, StoreError> {
    fstat(fd).map_err(|source| StoreError::System { file: file.to_owned(), action: "look at", source })
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

fn is_private(stat: &FileStat, mode: u32) -> bool {
    stat.st_uid == 0 && stat.st_gid == 0 && stat.st_mode & 0o7777 == mode
}

fn is_ours(stat: &FileStat) -> bool {
    stat.st_uid == 0 && stat.st_mode & 0o022 == 0
}

#[expect(clippy::wildcard_enum_match_arm, reason = "errno is not an enum of ours")]
fn opening(file: &Path, error: Errno) -> StoreError {
    match error {
        Errno::ELOOP => unsafe_file(file, "is a symbolic link: put the file itself in its place"),
        Errno::ENOTDIR => unsafe_file(
            file,
            "is not a directory, or a symbolic link to one: put the directory itself in its place",
        ),
        source => StoreError::System { file: file.to_owned(), action: "open", source },
    }
}

fn unsafe_file(file: &Path, problem: &'static str) -> StoreError {
    StoreError::Unsafe { file: file.to_owned(), problem }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
