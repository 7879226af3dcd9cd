//! Opening files that root alone may have written: no symbolic links, no foreign owner, no loose mode.

use super::StoreError;
use crate::secret::Secret;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The largest document that is read, in bytes; a credential has about three thousand.
const LARGEST_DOCUMENT: usize = 1 << 20;

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
        let Some(free) = bytes.get_mut(filled..).filter(|free| !free.is_empty()) else {
            return Err(unsafe_file(file, "grew while it was read: try again"));
        };
        match read(fd, free) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(Errno::EINTR) => {}
            Err(error) => {
                return Err(StoreError::System { file: file.to_owned(), action: "read", source: error });
            }
        }
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
