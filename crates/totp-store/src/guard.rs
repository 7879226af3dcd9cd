//! What root alone may have written: no symbolic links, no foreign owner, no loose mode.

use crate::error::FileError;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, SFlag, fstat};
use nix::unistd::read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use totp_core::secret::Secret;

/// The largest document that is read, in bytes; a credential has about three thousand.
pub(crate) const LARGEST_DOCUMENT: usize = 1 << 20;

/// What a file's owner and mode have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// root:root 0600, one link: keyring, credentials, ledgers.
    Secret,
    /// Owned by root and writable by nobody else: the config.
    Public,
}

/// `O_NONBLOCK`: a pipe put in a file's place must not stop a login; it is refused afterwards.
pub(crate) const FLAGS: OFlag =
    OFlag::O_CLOEXEC.union(OFlag::O_NOFOLLOW).union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY);

pub(crate) fn read_opened(fd: &OwnedFd, file: &Path, guard: Guard) -> Result<Secret, FileError> {
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
                return Err(FileError::System { file: file.to_owned(), action: "read", source: error });
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

pub(crate) fn system(path: &Path, action: &'static str, error: &std::io::Error) -> FileError {
    let source = Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO));
    FileError::System { file: path.to_owned(), action, source }
}

pub(crate) fn check_file(fd: impl AsFd, file: &Path, guard: Guard) -> Result<FileStat, FileError> {
    let stat = stat_of(fd, file)?;
    check_stat(&stat, file, guard)?;
    Ok(stat)
}

pub(crate) fn check_stat(stat: &FileStat, file: &Path, guard: Guard) -> Result<(), FileError> {
    if kind(stat) != SFlag::S_IFREG {
        return Err(unsafe_file(file, "is not a regular file: move it away"));
    }
    match guard {
        Guard::Secret if !is_private(stat, 0o600) => Err(unsafe_file(
            file,
            "must be root:root 0600: find out who changed it, then chown root:root and chmod 0600",
        )),
        Guard::Secret if stat.st_nlink > 1 => {
            Err(unsafe_file(file, "has a second name (hard link): remove the other"))
        }
        Guard::Public if !is_ours(stat) => Err(unsafe_file(
            file,
            "must belong to root and be writable by nobody else: chown root, chmod go-w",
        )),
        Guard::Secret | Guard::Public => Ok(()),
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

pub(crate) fn is_ours(stat: &FileStat) -> bool {
    stat.st_uid == 0 && stat.st_mode & 0o022 == 0
}

#[expect(clippy::wildcard_enum_match_arm, reason = "errno is not an enum of ours")]
pub(crate) fn opening(file: &Path, error: Errno) -> FileError {
    match error {
        Errno::ELOOP => unsafe_file(file, "is a symbolic link: put the file itself in its place"),
        Errno::ENOTDIR => unsafe_file(
            file,
            "is not a directory, or a symbolic link to one: put the directory itself in its place",
        ),
        source => FileError::System { file: file.to_owned(), action: "open", source },
    }
}

pub(crate) fn unsafe_file(file: &Path, problem: &'static str) -> FileError {
    FileError::Unsafe { file: file.to_owned(), problem }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
