//! A directory of ours, opened: what is done in it is done there, whatever its path comes to name meanwhile.

use crate::error::FileError;
use crate::guard::{FLAGS, is_ours, is_private, opening, stat_of, system};
use nix::dir::{self, Dir};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, open, openat, renameat2};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat, fstat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, fsync, mkdir, syncfs, unlinkat};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A directory of ours, opened.
pub(crate) struct Directory {
    pub(crate) fd: OwnedFd,
    pub(crate) path: PathBuf,
}

/// What a directory's owner and mode have to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// root:root 0700.
    RootOnly,
    /// Owned by root and writable by nobody else: the administrator may choose where the state lies.
    RootWrites,
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
            Access::RootWrites if !is_ours(&stat) => {
                Some("must belong to root and be writable by nobody else: chown root, chmod go-w")
            }
            Access::RootOnly | Access::RootWrites => None,
        };
        match problem {
            Some(problem) => Err(FileError::Unsafe { file: path, problem }),
            None => Ok(Self { fd, path }),
        }
    }

    /// Opens a file in it. `None`: provably not there.
    pub(crate) fn file(&self, name: &str, flags: OFlag) -> Result<Option<OwnedFd>, FileError> {
        match openat(&self.fd, name, FLAGS | flags, Mode::from_bits_truncate(0o600)) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(opening(&self.path.join(name), error)),
        }
    }

    /// Writes a file that was not there, 0600; on an error it is not there either. Not synced.
    pub(crate) fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.path.join(name);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let made = match self.file(name, flags) {
            // What a kill left, say.
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
            // The disk may be full; leave it no fuller. The error that matters is the first.
            let _ = self.remove(name);
        }
        written
    }

    /// Gives what [`Directory::write_new`] wrote its own name, unless someone was quicker. Returns whether it did. In one
    /// step: a file never has two names, which would be taken for another user's. Not synced.
    pub(crate) fn name(&self, draft: &str, name: &str) -> Result<bool, FileError> {
        match renameat2(&self.fd, draft, &self.fd, name, RenameFlags::RENAME_NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EEXIST) => self.remove(draft).map(|()| false),
            Err(source) => Err(FileError::System { file: self.path.join(name), action: "make", source }),
        }
    }

    /// Removes a file; one that is not there is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), FileError> {
        match unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(source) => Err(FileError::System { file: self.path.join(name), action: "remove", source }),
        }
    }

    /// Makes the content of a file last through a crash.
    pub(crate) fn sync_file(&self, name: &str) -> Result<(), FileError> {
        let path = self.path.join(name);
        let Some(fd) = self.file(name, OFlag::O_RDONLY)? else {
            return Err(FileError::System { file: path, action: "sync", source: Errno::ENOENT });
        };
        fsync(&fd).map_err(|source| FileError::System { file: path, action: "sync", source })
    }

    /// What is in it, and where it lies.
    pub(crate) fn entries(self) -> Result<(dir::OwningIter, PathBuf), FileError> {
        let Self { fd, path } = self;
        match Dir::from_fd(fd) {
            Ok(directory) => Ok((directory.into_iter(), path)),
            Err(source) => Err(FileError::System { file: path, action: "list", source }),
        }
    }

    /// Ends what [`make_roots`] began for a private directory and a kill cut short. One that anybody but root could have been in stays
    /// as it is.
    fn make_whole(&self, name: &str) -> Result<(), FileError> {
        let path = self.path.join(name);
        let fd = openat(&self.fd, name, FLAGS | OFlag::O_DIRECTORY, Mode::empty())
            .map_err(|error| opening(&path, error))?;
        let stat = stat_of(&fd, &path)?;
        // Set-group-id comes from the directory above.
        if stat.st_uid != 0 || stat.st_mode & 0o7777 & !0o2700 != 0 {
            return Ok(());
        }
        fchown(&fd, Some(Uid::from_raw(0)), Some(Gid::from_raw(0)))
            .and_then(|()| fchmod(&fd, Mode::S_IRWXU))
            .map_err(|source| FileError::System { file: path, action: "chown and chmod", source })
    }

    /// Makes everything on this file system last through a crash.
    pub(crate) fn sync_everything(&self) -> Result<(), FileError> {
        syncfs(&self.fd).map_err(|source| FileError::System {
            file: self.path.clone(),
            action: "sync",
            source,
        })
    }

    /// Makes names that were added or removed last through a crash.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        fsync(&self.fd).map_err(|source| FileError::System {
            file: self.path.clone(),
            action: "sync",
            source,
        })
    }
}

/// A private directory below `place` that is gone at reboot, opened. What a kill left half made is made whole by anyone who comes next.
pub(crate) fn open_private(place: &Path, name: &str) -> Result<Directory, FileError> {
    let place = Directory::open(place, Access::RootWrites)?;
    match place.inner(name, Access::RootOnly) {
        Err(FileError::Unsafe { .. }) => {
            place.make_whole(name)?;
            place.inner(name, Access::RootOnly)
        }
        found => found,
    }
}

/// The same; made where it is missing.
pub(crate) fn make_private(place: &Path, name: &str) -> Result<Directory, FileError> {
    match open_private(place, name) {
        Err(FileError::System { source: Errno::ENOENT, .. }) => {
            make_roots(place, Mode::from_bits_truncate(0o755))?;
            make_roots(&place.join(name), Mode::S_IRWXU)?;
            open_private(place, name)
        }
        found => found,
    }
}

/// Makes a directory of root's, also where the program runs with the group of anyone who called it, as su and sudo do. Returns
/// whether it did: one that is there stays as it is.
fn make_roots(path: &Path, mode: Mode) -> Result<bool, FileError> {
    let (uid, gid) = (Some(Uid::from_raw(0)), Some(Gid::from_raw(0)));
    let made = match mkdir(path, mode) {
        // Nobody but root can have put another directory in its place. The caller's umask may have taken bits away.
        Ok(()) => fchownat(AT_FDCWD, path, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)
            .and_then(|()| fchmodat(AT_FDCWD, path, mode, FchmodatFlags::FollowSymlink))
            .map(|()| true),
        Err(Errno::EEXIST) => Ok(false),
        Err(error) => Err(error),
    };
    made.map_err(|source| FileError::System { file: path.to_owned(), action: "make", source })
}

/// Makes a directory that lasts through a crash; one that is there stays as it is. A crash that took the whole state
/// away would leave everybody "not enrolled".
pub(crate) fn make_directory(path: &Path, mode: Mode) -> Result<(), FileError> {
    if !make_roots(path, mode)? {
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

/// The umask may have taken bits away, and sudo runs with the group of anyone who called it.
fn make_private_file(file: &File) -> nix::Result<()> {
    if is_private(&fstat(file)?, 0o600) {
        return Ok(());
    }
    fchmod(file, Mode::S_IRUSR | Mode::S_IWUSR)?;
    fchown(file, Some(Uid::from_raw(0)), Some(Gid::from_raw(0)))
}
