//! Reads files in home directories with the uid of their owner: a file there cannot make root read what the owner could not, and
//! a home on a network file system that refuses root is read too.

use crate::command_error::CommandError;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::{Gid, Uid, getegid, getgroups, setegid, seteuid, setgroups};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use zeroize::Zeroizing;

/// Lists the account database; getpwent(3) would need unsafe code.
const GETENT: &str = "/usr/bin/getent";

/// Follows no symbolic link. `O_NONBLOCK`: opening a named pipe must not block; it is refused afterwards.
const SAFE_FLAGS: OFlag =
    OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// The largest file that is read, in bytes.
pub(crate) const LARGEST: usize = 64 << 10;

/// A file that is read in homes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HomeFile {
    /// A secret of google-authenticator-libpam; one that others could have read is refused.
    GoogleAuthenticator,
    /// The keys that sshd accepts.
    AuthorizedKeys,
}

impl HomeFile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GoogleAuthenticator => ".google_authenticator",
            Self::AuthorizedKeys => ".ssh/authorized_keys",
        }
    }
}

/// An account of passwd(5) with a home directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HomeOwner {
    pub(crate) name: String,
    uid: Uid,
    gid: Gid,
    home: PathBuf,
}

/// Every account that the account database lists. sssd lists its accounts only with `enumerate`.
pub(crate) fn home_owners() -> Result<Vec<HomeOwner>, CommandError> {
    let listed = Command::new(GETENT)
        .arg("passwd")
        .env_clear()
        .output()
        .map_err(|error| CommandError::refused(format!("cannot be run: {error}")).at(GETENT, None))?;
    if !listed.status.success() {
        let problem = "cannot list the account database; nothing was imported; check nsswitch.conf(5)";
        return Err(CommandError::refused(problem));
    }
    let listed = String::from_utf8_lossy(&listed.stdout);
    // Two sources may list the same account; the first one counts (nsswitch.conf(5)).
    let mut names = BTreeSet::new();
    let home_owners = listed.lines().filter_map(HomeOwner::parse);
    Ok(home_owners.filter(|home_owner| names.insert(home_owner.name.clone())).collect())
}

impl HomeOwner {
    /// Parses a line of passwd(5); `None` if it is malformed or has no absolute home directory.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, _] = fields.as_slice() else { return None };
        let home = PathBuf::from(home);
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        home.is_absolute().then(|| Self { name: (*name).to_owned(), uid, gid, home })
    }

    pub(crate) fn file(&self, file: HomeFile) -> PathBuf {
        self.home.join(file.name())
    }

    /// The account and a file of it as the arguments of a process that reads it.
    pub(super) fn arguments(&self, file: HomeFile) -> [OsString; 4] {
        let home = self.home.clone().into_os_string();
        [file.name().into(), self.uid.to_string().into(), self.gid.to_string().into(), home]
    }

    /// The reverse; the name is not needed.
    pub(super) fn of_arguments(words: &[OsString]) -> Option<(Self, HomeFile)> {
        let [file, uid, gid, home] = words else { return None };
        let number = |word: &OsStr| word.to_str()?.parse().ok();
        let (uid, gid) = (Uid::from_raw(number(uid)?), Gid::from_raw(number(gid)?));
        let files = [HomeFile::GoogleAuthenticator, HomeFile::AuthorizedKeys];
        let file = files.into_iter().find(|known| file == known.name())?;
        Some((Self { name: String::new(), uid, gid, home: home.into() }, file))
    }

    /// Reads a file in the home directory; `None`: it does not exist. The home may never answer: [`super::reader`] gives up then.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub(super) fn read(&self, file: HomeFile) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let opened = ActingAs::begin(self.uid, self.gid)
            .map_err(|error| format!("cannot act as the account: {}", error.desc()))
            .map(|acting| {
                let opened = self.open(file.name());
                drop(acting);
                opened
            })?;
        match opened {
            // The file may belong to root.
            Err(Errno::EACCES) if file == HomeFile::GoogleAuthenticator => {
                self.checked(self.open_as_root(file.name()), file)
            }
            opened => self.checked(opened, file),
        }
    }

    fn open(&self, name: &str) -> Result<OwnedFd, Errno> {
        openat(&self.open_home(OFlag::empty())?, name, OFlag::O_RDONLY | SAFE_FLAGS, Mode::empty())
    }

    /// As root: the home must be a directory that the owner owns, not a link. Otherwise a link to root's home would give the
    /// owner root's secret.
    fn open_as_root(&self, name: &str) -> Result<OwnedFd, Errno> {
        let home = match self.open_home(OFlag::O_NOFOLLOW) {
            Err(Errno::ENOTDIR | Errno::ELOOP) => return Err(Errno::EACCES),
            home => home?,
        };
        if fstat(&home)?.st_uid != self.uid.as_raw() {
            return Err(Errno::EACCES);
        }
        openat(&home, name, OFlag::O_RDONLY | SAFE_FLAGS, Mode::empty())
    }

    fn open_home(&self, further: OFlag) -> Result<OwnedFd, Errno> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        open(&self.home, flags | further, Mode::empty())
    }

    fn checked(
        &self,
        opened: Result<OwnedFd, Errno>,
        file: HomeFile,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let fd = match opened {
            Ok(fd) => fd,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
            Err(error) => return Err(open_error(error)),
        };
        let stat = regular(&fd)?;
        if stat.st_uid != self.uid.as_raw() && stat.st_uid != 0 {
            return Err("is owned neither by the account nor by root".to_owned());
        }
        if file == HomeFile::GoogleAuthenticator && stat.st_nlink != 1 {
            return Err("has a second hard link".to_owned());
        }
        if let (HomeFile::GoogleAuthenticator, Some(open_to)) = (file, open_to_others(stat.st_mode)) {
            return Err(open_to.to_owned());
        }
        read(File::from(fd)).map(Some).map_err(|error| format!("cannot be read: {error}"))
    }
}

/// Reads a file that was given on the command line. Unsafe owner or mode are warnings: root chose the file.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(crate) fn named(file: &Path, owner: Option<u32>) -> Result<(Zeroizing<Vec<u8>>, Vec<String>), String> {
    let fd = open(file, OFlag::O_RDONLY | SAFE_FLAGS, Mode::empty()).map_err(open_error)?;
    let stat = regular(&fd)?;
    let mut notes = Vec::new();
    if stat.st_uid != 0 && Some(stat.st_uid) != owner {
        notes.push(format!(
            "the file is owned by uid {}, neither the account nor root; that user knows the secret",
            stat.st_uid
        ));
    }
    notes.extend(open_to_others(stat.st_mode).map(|problem| format!("the file {problem}")));
    let text = read(File::from(fd)).map_err(|error| format!("cannot be read: {error}"))?;
    Ok((text, notes))
}

/// Reads a file of a directory that was given on the command line. Its name is that of its user, so its owner has to be that user or
/// root: otherwise one who can write to the directory could give another account a secret.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(crate) fn in_directory(file: &Path, owner: Option<u32>) -> Result<Zeroizing<Vec<u8>>, String> {
    let fd = open(file, OFlag::O_RDONLY | SAFE_FLAGS, Mode::empty()).map_err(open_error)?;
    let stat = regular(&fd)?;
    if stat.st_uid != 0 && Some(stat.st_uid) != owner {
        return Err("is owned neither by the account that it is named after nor by root".to_owned());
    }
    if let Some(open_to) = open_to_others(stat.st_mode) {
        return Err(open_to.to_owned());
    }
    read(File::from(fd)).map_err(|error| format!("cannot be read: {error}"))
}

/// What is wrong with the mode of a secret file, and what to do.
fn open_to_others(mode: u32) -> Option<&'static str> {
    if mode & 0o022 != 0 {
        Some(
            "is writable by group or others, who may have put a secret of their own into it; enrol this user anew, or, if no one \
             has, run chmod 0600",
        )
    } else if mode & 0o077 != 0 {
        Some(
            "is readable by group or others; if no one has read it, run chmod 0600, otherwise enrol this user anew",
        )
    } else {
        None
    }
}

fn open_error(error: Errno) -> String {
    if error == Errno::ELOOP {
        return "is a symbolic link, which is refused".to_owned();
    }
    format!("cannot be opened: {}", error.desc())
}

fn regular(fd: &OwnedFd) -> Result<FileStat, String> {
    let stat = fstat(fd).map_err(|error| format!("cannot be inspected: {}", error.desc()))?;
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Ok(stat),
        _ => Err("is not a regular file".to_owned()),
    }
}

/// Reads at most one byte more than the largest secret file.
pub(crate) fn read(from: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // Full capacity at once: a buffer that grows leaves copies of the secret behind.
    let most = LARGEST.saturating_add(1);
    let mut text = Zeroizing::new(Vec::with_capacity(most));
    from.take(most as u64).read_to_end(&mut text)?;
    Ok(text)
}

/// Switches to the uid and groups of an account until it is dropped.
struct ActingAs {
    group: Gid,
    groups: Vec<Gid>,
}

impl ActingAs {
    fn begin(uid: Uid, gid: Gid) -> Result<Self, Errno> {
        let acting = Self { group: getegid(), groups: getgroups()? };
        // From here on, dropping it restores root, however many calls succeeded.
        setgroups(&[gid])?;
        setegid(gid)?;
        seteuid(uid)?;
        Ok(acting)
    }
}

impl Drop for ActingAs {
    fn drop(&mut self) {
        let back = seteuid(Uid::from_raw(0))
            .and_then(|()| setegid(self.group))
            .and_then(|()| setgroups(&self.groups));
        if back.is_err() {
            // Going on with the wrong uid would be unsafe.
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_passwd_is_parsed() {
        let found = HomeOwner::parse("alice:x:1001:1002:Alice,,,:/home/alice:/bin/sh");
        let (uid, gid) = (Uid::from_raw(1001), Gid::from_raw(1002));
        assert_eq!(found, Some(HomeOwner { name: "alice".to_owned(), uid, gid, home: "/home/alice".into() }));
        for line in
            ["", "alice", "alice:x:one:2::/home/alice:/bin/sh", "alice:x:1:2::home:/bin/sh", "+::::::"]
        {
            assert_eq!(HomeOwner::parse(line), None, "{line}");
        }
    }
}
