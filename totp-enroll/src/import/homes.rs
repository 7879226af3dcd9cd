//! What lies in people's homes, read on their behalf: as the person whose home it is, so that nothing there makes root read
//! what that person could not, and so that a home on a server that trusts no root is read too.

use super::google_authenticator::LARGEST;
use crate::failure::Failure;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::{Gid, Uid, getegid, getgroups, setegid, seteuid, setgroups};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use zeroize::Zeroizing;

/// Asks the account database for everybody; getpwent(3) is not to be had without unsafe code.
const GETENT: &str = "/usr/bin/getent";

/// No link is followed. `O_NONBLOCK`: a pipe must not stop us; it is refused afterwards.
const CAREFULLY: OFlag =
    OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// An account as passwd(5) has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resident {
    pub(super) name: String,
    uid: Uid,
    gid: Gid,
    home: PathBuf,
}

/// Everybody whom the account database lists. sssd and the like list nobody of theirs unless they are told to (`enumerate`).
pub(super) fn residents() -> Result<Vec<Resident>, Failure> {
    let listed = Command::new(GETENT)
        .arg("passwd")
        .env_clear()
        .output()
        .map_err(|error| Failure::refused(format!("cannot be run: {error}")).at(GETENT, None))?;
    if !listed.status.success() {
        let problem = "the account database does not answer; check nsswitch.conf; nothing was imported";
        return Err(Failure::refused(problem));
    }
    let listed = String::from_utf8_lossy(&listed.stdout);
    // Two sources may list one account; the first is the one that counts (nsswitch.conf(5)).
    let mut names = BTreeSet::new();
    let residents = listed.lines().filter_map(Resident::of);
    Ok(residents.filter(|resident| names.insert(resident.name.clone())).collect())
}

impl Resident {
    /// Of a line of passwd(5); `None` for one of another form, and for one without a home.
    fn of(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, _] = fields.as_slice() else { return None };
        let home = PathBuf::from(home);
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        home.is_absolute().then(|| Self { name: (*name).to_owned(), uid, gid, home })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// Reads a file of the home; `None`: there is none.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub(super) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let mine = Acting::begin(self.uid, self.gid)
            .map_err(|error| format!("cannot act as the account: {}", error.desc()))
            .map(|acting| {
                let opened = self.open(name);
                drop(acting);
                opened
            })?;
        match mine {
            // The administrator may have made it, for root alone.
            Err(Errno::EACCES) => self.checked(self.open_as_root(name)),
            opened => self.checked(opened),
        }
    }

    fn open(&self, name: &str) -> Result<OwnedFd, Errno> {
        openat(&self.open_home(OFlag::empty())?, name, OFlag::O_RDONLY | CAREFULLY, Mode::empty())
    }

    /// Root follows the person nowhere: the home is no link, and the person's own. Else a link to root's home had root's
    /// file taken for theirs.
    fn open_as_root(&self, name: &str) -> Result<OwnedFd, Errno> {
        let home = match self.open_home(OFlag::O_NOFOLLOW) {
            Err(Errno::ENOTDIR | Errno::ELOOP) => return Err(Errno::EACCES),
            home => home?,
        };
        if fstat(&home)?.st_uid != self.uid.as_raw() {
            return Err(Errno::EACCES);
        }
        openat(&home, name, OFlag::O_RDONLY | CAREFULLY, Mode::empty())
    }

    fn open_home(&self, further: OFlag) -> Result<OwnedFd, Errno> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        open(&self.home, flags | further, Mode::empty())
    }

    fn checked(&self, opened: Result<OwnedFd, Errno>) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let fd = match opened {
            Ok(fd) => fd,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
            Err(error) => return Err(unopened(error)),
        };
        let stat = regular(&fd)?;
        if stat.st_uid != self.uid.as_raw() && stat.st_uid != 0 {
            return Err("belongs neither to the account nor to root".to_owned());
        }
        if stat.st_nlink != 1 {
            return Err("has a second name (hard link)".to_owned());
        }
        if stat.st_mode & 0o077 != 0 {
            return Err(
                "can be read by others than its owner: chmod 0600 it if nobody has read it, else enrol this user anew"
                    .to_owned(),
            );
        }
        read(File::from(fd)).map(Some).map_err(|error| format!("cannot be read: {error}"))
    }
}

/// A file that was named, and what is to be noted of it: it is root's business where it lies and whose it is.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(super) fn named(file: &Path, owner: Option<u32>) -> Result<(Zeroizing<Vec<u8>>, Vec<String>), String> {
    let fd = open(file, OFlag::O_RDONLY | CAREFULLY, Mode::empty()).map_err(unopened)?;
    let stat = regular(&fd)?;
    let mut notes = Vec::new();
    if stat.st_uid != 0 && Some(stat.st_uid) != owner {
        notes.push(format!(
            "the file belongs to uid {}, neither to the account nor to root: who has it has the secret",
            stat.st_uid
        ));
    }
    if stat.st_mode & 0o077 != 0 {
        notes.push(
            "the file can be read by others than its owner: if anybody has, enrol this user anew".to_owned(),
        );
    }
    let text = read(File::from(fd)).map_err(|error| format!("cannot be read: {error}"))?;
    Ok((text, notes))
}

fn unopened(error: Errno) -> String {
    if error == Errno::ELOOP {
        return "is a symbolic link, which is not followed".to_owned();
    }
    format!("cannot be opened: {}", error.desc())
}

fn regular(fd: &OwnedFd) -> Result<FileStat, String> {
    let stat = fstat(fd).map_err(|error| format!("cannot be looked at: {}", error.desc()))?;
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Ok(stat),
        _ => Err("is not a regular file".to_owned()),
    }
}

/// Reads a little more than the largest file that is one, and no further.
pub(super) fn read(from: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // As long as it can become, so that it never grows and leaves a copy behind.
    let most = LARGEST.saturating_add(1);
    let mut text = Zeroizing::new(Vec::with_capacity(most));
    from.take(most as u64).read_to_end(&mut text)?;
    Ok(text)
}

/// Root in another account's place, for as long as this lives.
struct Acting {
    group: Gid,
    groups: Vec<Gid>,
}

impl Acting {
    fn begin(uid: Uid, gid: Gid) -> Result<Self, Errno> {
        let acting = Self { group: getegid(), groups: getgroups()? };
        // From here on dropping it leads back, however far it came.
        setgroups(&[gid])?;
        setegid(gid)?;
        seteuid(uid)?;
        Ok(acting)
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        let back = seteuid(Uid::from_raw(0))
            .and_then(|()| setegid(self.group))
            .and_then(|()| setgroups(&self.groups));
        if back.is_err() {
            // Nothing may be written as another process.
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_its_line() {
        let found = Resident::of("alice:x:1001:1002:Alice,,,:/home/alice:/bin/sh");
        let (uid, gid) = (Uid::from_raw(1001), Gid::from_raw(1002));
        assert_eq!(found, Some(Resident { name: "alice".to_owned(), uid, gid, home: "/home/alice".into() }));
        for line in
            ["", "alice", "alice:x:one:2::/home/alice:/bin/sh", "alice:x:1:2::home:/bin/sh", "+::::::"]
        {
            assert_eq!(Resident::of(line), None, "{line}");
        }
    }
}
