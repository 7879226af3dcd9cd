//! Files and directories that root alone can have written: each is opened, checked for owner, group, mode, kind and number of links,
//! and only then read or written.
//!
//! Files are opened, written, renamed and removed in an opened directory, even if its path names another directory meanwhile.

use crate::error::FileError;
use nix::dir::{self, Dir};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, open, openat, renameat, renameat2};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmod, fchmodat, fstat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, fsync, mkdir, read, syncfs, unlinkat};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
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

    /// Writes a new file, 0600, in place of one of the same name; on an error there is none. Not synced.
    pub(crate) fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.path.join(name);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let made = match self.file(name, flags) {
            // A program that was killed left it.
            Err(FileError::System { source: Errno::EEXIST, .. }) => {
                self.remove(name)?;
                self.file(name, flags)?
            }
            made => made?,
        };
        let Some(fd) = made else {
            return Err(FileError::System { file: path, action: "make", source: Errno::ENOENT });
        };
        let file = File::from(fd);
        let written = make_private_file(&file)
            .map_err(|source| FileError::System { file: path.clone(), action: "chown and chmod", source })
            .and_then(|()| file.write_all_at(bytes, 0).map_err(|error| system(&path, "write", &error)));
        if written.is_err() {
            // The disk may be full. The first error is the one to report.
            let _ = self.remove(name);
        }
        written
    }

    /// Renames a draft to `name`, unless that exists; then the draft is removed. Returns whether it was renamed. Not synced.
    /// A hard link and a removal would do the same, but a file with two names is refused by every reader.
    pub(crate) fn name(&self, draft: &str, name: &str) -> Result<bool, FileError> {
        match renameat2(&self.fd, draft, &self.fd, name, RenameFlags::RENAME_NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EEXIST) => self.remove(draft).map(|()| false),
            Err(source) => Err(FileError::System { file: self.path.join(name), action: "make", source }),
        }
    }

    /// Removes a file; a missing one is not an error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), FileError> {
        match unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(source) => Err(FileError::System { file: self.path.join(name), action: "remove", source }),
        }
    }

    /// Makes the content of a file outlast a crash.
    pub(crate) fn sync_file(&self, name: &str) -> Result<(), FileError> {
        let path = self.path.join(name);
        let Some(fd) = self.file(name, OFlag::O_RDONLY)? else {
            return Err(FileError::System { file: path, action: "sync", source: Errno::ENOENT });
        };
        fsync(&fd).map_err(|source| FileError::System { file: path, action: "sync", source })
    }

    /// The names in the directory, as it is read.
    pub(crate) fn names(&self) -> Result<EntryNames, FileError> {
        // Not the descriptor itself, which is at its end after one listing.
        match Dir::openat(&self.fd, ".", FLAGS | OFlag::O_DIRECTORY, Mode::empty()) {
            Ok(opened) => Ok(EntryNames { entries: opened.into_iter(), path: self.path.clone() }),
            Err(source) => Err(FileError::System { file: self.path.clone(), action: "list", source }),
        }
    }

    /// Renames a draft to `name`, in place of a file of that name. Not synced.
    pub(crate) fn put_in_place(&self, draft: &str, name: &str) -> Result<(), FileError> {
        renameat(&self.fd, draft, &self.fd, name).map_err(|source| FileError::System {
            file: self.path.join(name),
            action: "put in place",
            source,
        })
    }

    /// Finishes what [`make_root_directory`] began for a private directory before it was killed. A directory that another user could
    /// have entered stays as it is.
    fn finish_creation(&self, name: &str) -> Result<(), FileError> {
        let path = self.path.join(name);
        let fd = openat(&self.fd, name, FLAGS | OFlag::O_DIRECTORY, Mode::empty())
            .map_err(|error| opening(&path, error))?;
        let stat = stat_of(&fd, &path)?;
        // The set-group-id bit is inherited from the directory above.
        if stat.st_uid != 0 || stat.st_mode & 0o7777 & !0o2700 != 0 {
            return Ok(());
        }
        fchown(&fd, Some(Uid::from_raw(0)), Some(Gid::from_raw(0)))
            .and_then(|()| fchmod(&fd, Mode::S_IRWXU))
            .map_err(|source| FileError::System { file: path, action: "chown and chmod", source })
    }

    /// Makes everything on this file system outlast a crash.
    pub(crate) fn sync_everything(&self) -> Result<(), FileError> {
        syncfs(&self.fd).map_err(|source| FileError::System {
            file: self.path.clone(),
            action: "sync",
            source,
        })
    }

    /// Makes added, renamed and removed names outlast a crash.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        fsync(&self.fd).map_err(|source| FileError::System {
            file: self.path.clone(),
            action: "sync",
            source,
        })
    }
}

/// The names in a directory, without `.` and `..`. Bytes that are not UTF-8 are replaced; no file of the store has such a name.
pub(crate) struct EntryNames {
    entries: dir::OwningIter,
    path: PathBuf,
}

impl Iterator for EntryNames {
    type Item = Result<String, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.entries.next()? {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) => return Some(Ok(entry.file_name().to_string_lossy().into_owned())),
                Err(source) => {
                    return Some(Err(FileError::System { file: self.path.clone(), action: "list", source }));
                }
            }
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

/// Opens a private directory in `parent`, and finishes one that a killed program left half made.
pub(crate) fn open_private(parent: &Path, name: &str) -> Result<Directory, FileError> {
    let parent = Directory::open(parent, Access::RootWrites)?;
    match parent.inner(name, Access::RootOnly) {
        Err(FileError::Unsafe { .. }) => {
            parent.finish_creation(name)?;
            parent.inner(name, Access::RootOnly)
        }
        found => found,
    }
}

/// The same, and makes the directory if it is missing.
pub(crate) fn make_private(parent: &Path, name: &str) -> Result<Directory, FileError> {
    match open_private(parent, name) {
        Err(FileError::System { source: Errno::ENOENT, .. }) => {
            make_root_directory(parent, Mode::from_bits_truncate(0o755))?;
            make_root_directory(&parent.join(name), Mode::S_IRWXU)?;
            open_private(parent, name)
        }
        found => found,
    }
}

/// Makes a directory root:root with this mode, whatever the caller's umask and group are: su and sudo keep those of the user.
/// Returns whether it was made; one that exists stays as it is.
fn make_root_directory(path: &Path, mode: Mode) -> Result<bool, FileError> {
    let (uid, gid) = (Some(Uid::from_raw(0)), Some(Gid::from_raw(0)));
    let made = match mkdir(path, mode) {
        // Only root can write the parent, so the path still names what mkdir made.
        Ok(()) => fchownat(AT_FDCWD, path, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)
            .and_then(|()| fchmodat(AT_FDCWD, path, mode, FchmodatFlags::FollowSymlink))
            .map(|()| true),
        Err(Errno::EEXIST) => Ok(false),
        Err(error) => Err(error),
    };
    made.map_err(|source| FileError::System { file: path.to_owned(), action: "make", source })
}

/// Makes a directory that outlasts a crash; one that exists stays as it is. If a crash could remove the whole state, everyone
/// would be "not enrolled" afterwards.
pub(crate) fn make_directory(path: &Path, mode: Mode) -> Result<(), FileError> {
    if !make_root_directory(path, mode)? {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(parent, flags, Mode::empty()).and_then(fsync).map_err(|source| FileError::System {
        file: parent.to_owned(),
        action: "sync",
        source,
    })
}

/// The umask may have removed bits, and sudo keeps the group of its caller.
fn make_private_file(file: &File) -> nix::Result<()> {
    if is_private(&fstat(file)?, 0o600) {
        return Ok(());
    }
    fchmod(file, Mode::S_IRUSR | Mode::S_IWUSR)?;
    fchown(file, Some(Uid::from_raw(0)), Some(Gid::from_raw(0)))
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
#[path = "directory_tests.rs"]
mod tests;
