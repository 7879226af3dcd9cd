//! Checks that a file or directory can have been written by root alone: owner, group, mode, kind, and number of links.

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

/// Who may have access to a file or directory. Anything else is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// root:root, 0600 for a file with one link, 0700 for a directory: keyring, credentials, ledgers.
    RootOnly,
    /// Owned by root and writable by nobody else: the config, and the directory that an administrator chose for the state.
    RootWrites,
}

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

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
