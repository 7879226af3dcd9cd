//! Changing what is in a directory: create, rename, list, remove, sync.

use crate::error::FileError;
use crate::trusted_files::{Access, Directory, FLAGS, is_private, opening, stat_of, system};
use nix::dir::{self, Dir};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, open, openat, renameat, renameat2};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat, fstat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, fsync, mkdir, syncfs, unlinkat};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

impl Directory {
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
            Ok(opened) => Ok(EntryNames { entries: Some(opened.into_iter()), path: self.path.clone() }),
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

/// The names in a directory, without `.` and `..`, up to the first error. Bytes that are not UTF-8 are replaced; no file of the
/// store has such a name.
pub(crate) struct EntryNames<I = dir::OwningIter> {
    /// `None` after an error.
    pub(crate) entries: Option<I>,
    pub(crate) path: PathBuf,
}

impl<I: Iterator<Item = nix::Result<dir::Entry>>> Iterator for EntryNames<I> {
    type Item = Result<String, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.entries.as_mut()?.next()? {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) => return Some(Ok(entry.file_name().to_string_lossy().into_owned())),
                Err(source) => {
                    // Otherwise a caller that skips errors would never end where one stays.
                    self.entries = None;
                    return Some(Err(FileError::System { file: self.path.clone(), action: "list", source }));
                }
            }
        }
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
