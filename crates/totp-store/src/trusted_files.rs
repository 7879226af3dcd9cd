//! Files and directories that root alone can have written: each is opened, checked for owner, group, mode, kind and number of links,
//! and only then read, or locked (flock).
//!
//! Files are opened, written, renamed and removed in an opened directory, even if its path names another directory meanwhile. The
//! lock on a ledger's file is the lock on its user; the lock on a directory is for changes that concern every user.

use crate::error::FileError;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::read;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use totp_core::random::Secret;
use totp_core::store::StoreError;

/// Who may have access to a file or directory. Anything else is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// root:root, 0600 for a file with one link, 0700 for a directory: keyring, credentials, ledgers.
    RootOnly,
    /// Owned by root and writable by nobody else: the config, and the directory that an administrator chose for the state.
    RootWrites,
}

/// Reads a document; `None`: it does not exist.
///
/// # Errors
/// [`StoreError`] if it exists and cannot be read, or others have more access than `access` allows.
pub fn read_document(file: &Path, access: Access) -> Result<Option<Secret>, StoreError> {
    match open(file, FLAGS | OFlag::O_RDONLY, Mode::empty()) {
        Ok(fd) => Ok(Some(read_opened(&fd, file, access)?)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(opening(file, error).into()),
    }
}

/// An opened directory that was checked for its owner and mode.
pub(crate) struct Directory {
    pub(crate) fd: OwnedFd,
    pub(crate) path: PathBuf,
}

impl Directory {
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, FileError> {
        let fd =
            open(path, FLAGS | OFlag::O_DIRECTORY, Mode::empty()).map_err(|error| opening(path, error))?;
        Self::checked(fd, path.to_owned(), access)
    }

    pub(crate) fn inner(&self, name: &str, access: Access) -> Result<Self, FileError> {
        let path = self.path.join(name);
        let fd = openat(&self.fd, name, FLAGS | OFlag::O_DIRECTORY, Mode::empty())
            .map_err(|error| opening(&path, error))?;
        Self::checked(fd, path, access)
    }

    fn checked(fd: OwnedFd, path: PathBuf, access: Access) -> Result<Self, FileError> {
        let stat = stat_of(&fd, &path)?;
        let problem = match access {
            Access::RootOnly if !is_private(&stat, 0o700) => {
                Some("must be root:root 0700: chown root:root and chmod 0700")
            }
            Access::RootWrites if !is_written_by_root_only(&stat) => {
                Some("must belong to root and be writable by nobody else: chown root, chmod go-w")
            }
            Access::RootOnly | Access::RootWrites => None,
        };
        match problem {
            Some(problem) => Err(FileError::Unsafe { file: path, problem }),
            None => Ok(Self { fd, path }),
        }
    }

    /// Opens a file; `None`: it does not exist.
    pub(crate) fn file(&self, name: &str, flags: OFlag) -> Result<Option<OwnedFd>, FileError> {
        match openat(&self.fd, name, FLAGS | flags, Mode::from_bits_truncate(0o600)) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(opening(&self.path.join(name), error)),
        }
    }
}

/// `None` for a file or directory that is missing.
pub(crate) fn if_exists<T>(found: Result<T, FileError>) -> Result<Option<T>, FileError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(FileError::System { source: Errno::ENOENT, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How the name of a file starts while it is written. No user's component starts with a dot.
pub(crate) const DRAFT: &str = ".new.";

/// The largest document that is read, in bytes; a credential has about three thousand.
pub(crate) const LARGEST_DOCUMENT: usize = 1 << 20;

/// `O_NONBLOCK`: a pipe in place of a file must not block a login; it is refused afterwards.
pub(crate) const FLAGS: OFlag =
    OFlag::O_CLOEXEC.union(OFlag::O_NOFOLLOW).union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY);

pub(crate) fn read_opened(fd: &OwnedFd, file: &Path, access: Access) -> Result<Secret, FileError> {
    let stat = check_file(fd, file, access)?;
    let expected = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
    if expected > LARGEST_DOCUMENT {
        return Err(unsafe_file(file, "is larger than any file of pam_totp: restore it from a backup"));
    }
    // One byte more than the size: the end is seen, and the buffer never grows, which would leave a copy of the secret.
    let mut bytes = zeroize::Zeroizing::new(vec![0; expected.saturating_add(1)]);
    let mut filled = 0;
    loop {
        let free = bytes.get_mut(filled..).unwrap_or_default();
        match read(fd, free) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(Errno::EINTR) => continue,
            Err(error) => {
                return Err(FileError::System { file: file.to_owned(), action: "read", source: error });
            }
        }
        // The extra byte was not filled, so this is the end of the file; no further call is needed.
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

pub(crate) fn system(path: &Path, action: &'static str, error: &std::io::Error) -> FileError {
    let source = Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO));
    FileError::System { file: path.to_owned(), action, source }
}

pub(crate) fn check_file(fd: impl AsFd, file: &Path, access: Access) -> Result<FileStat, FileError> {
    let stat = stat_of(fd, file)?;
    check_stat(&stat, file, access)?;
    Ok(stat)
}

pub(crate) fn check_stat(stat: &FileStat, file: &Path, access: Access) -> Result<(), FileError> {
    if kind(stat) != SFlag::S_IFREG {
        return Err(unsafe_file(file, "is not a regular file: move it away"));
    }
    match access {
        // It may have been made so: nobody has to have changed it.
        Access::RootOnly if is_written_by_root_only(stat) && stat.st_mode & 0o044 != 0 => Err(unsafe_file(
            file,
            "must be root:root 0600, but other users can read it: chown root:root and chmod 0600; if one may have read it, replace what is secret in it",
        )),
        Access::RootOnly if !is_private(stat, 0o600) => Err(unsafe_file(
            file,
            "must be root:root 0600: find out who changed it, then chown root:root and chmod 0600",
        )),
        Access::RootOnly if stat.st_nlink > 1 => {
            Err(unsafe_file(file, "has a second name (hard link): remove the other"))
        }
        Access::RootWrites if !is_written_by_root_only(stat) => Err(unsafe_file(
            file,
            "must belong to root and be writable by nobody else: chown root, chmod go-w",
        )),
        Access::RootOnly | Access::RootWrites => Ok(()),
    }
}

pub(crate) fn stat_of(fd: impl AsFd, file: &Path) -> Result<FileStat, FileError> {
    fstat(fd).map_err(|source| FileError::System { file: file.to_owned(), action: "look at", source })
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

pub(crate) fn is_private(stat: &FileStat, mode: u32) -> bool {
    stat.st_uid == 0 && stat.st_gid == 0 && stat.st_mode & 0o7777 == mode
}

pub(crate) fn is_written_by_root_only(stat: &FileStat) -> bool {
    stat.st_uid == 0 && stat.st_mode & 0o022 == 0
}

#[expect(clippy::wildcard_enum_match_arm, reason = "errno is an enum of the system")]
pub(crate) fn opening(file: &Path, error: Errno) -> FileError {
    match error {
        Errno::ELOOP => unsafe_file(file, "is a symbolic link: replace it by the file itself"),
        Errno::ENOTDIR => unsafe_file(
            file,
            "is not a directory, or is a symbolic link to one: replace it by the directory itself",
        ),
        source => FileError::System { file: file.to_owned(), action: "open", source },
    }
}

pub(crate) fn unsafe_file(file: &Path, problem: &'static str) -> FileError {
    FileError::Unsafe { file: file.to_owned(), problem }
}

/// The first pause between two tries; it doubles up to [`LONGEST_PAUSE`]. A login holds the lock for about 100 µs.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// The result of [`lock`].
pub(crate) enum Lock {
    /// Locked, until this is dropped.
    Locked(Locked),
    /// The file was removed meanwhile: open it anew.
    Gone,
    /// Another process held the lock until the deadline.
    Busy,
}

/// A file that is locked until it is dropped.
pub(crate) struct Locked(File);

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing is not enough if a child process inherited the file. If this fails, closing still unlocks it in all other cases.
        let _ = self.0.unlock();
    }
}

/// The mode of a lock, as in flock(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockMode {
    /// One process has it.
    Exclusive,
    /// Any number of processes have it, none of them exclusively.
    Shared,
}

/// Locks the file `fd`, which was opened at `path`, exclusively.
pub(crate) fn lock(fd: OwnedFd, path: &Path, deadline: Option<Instant>) -> Result<Lock, FileError> {
    let file = File::from(fd);
    if acquire(&file, path, LockMode::Exclusive, deadline)? {
        locked_file(Locked(file), path)
    } else {
        Ok(Lock::Busy)
    }
}

/// Locks a directory that is never removed; `None`: others held the lock until the deadline.
pub(crate) fn lock_directory(
    directory: Directory,
    mode: LockMode,
    deadline: Option<Instant>,
) -> Result<Option<Locked>, FileError> {
    let Directory { fd, path } = directory;
    let file = File::from(fd);
    Ok(acquire(&file, &path, mode, deadline)?.then(|| Locked(file)))
}

fn acquire(file: &File, path: &Path, mode: LockMode, deadline: Option<Instant>) -> Result<bool, FileError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let tried = match mode {
            LockMode::Exclusive => file.try_lock(),
            LockMode::Shared => file.try_lock_shared(),
        };
        match tried {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(system(path, "lock", &error)),
        }
        if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            return Ok(false);
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

fn locked_file(locked: Locked, path: &Path) -> Result<Lock, FileError> {
    let file: &File = &locked;
    let stat = stat_of(file, path)?;
    if stat.st_nlink == 0 {
        return Ok(Lock::Gone);
    }
    check_stat(&stat, path, Access::RootOnly)?;
    Ok(Lock::Locked(locked))
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod lock_tests;
#[cfg(test)]
#[path = "trusted_files_tests.rs"]
mod tests;
