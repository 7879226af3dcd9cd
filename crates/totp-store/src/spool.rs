//! The spool of notices: one file for each, which logins and commands leave and `totp-enroll notify` sends.
//!
//! A notice is renamed into place, so a reader never finds half of one. Its tries are part of its name, so that one rename records
//! a try: `SECOND.NUMBER.UID.ID.TRIES.LAST`. Notices are sent in the order of their names.

use crate::error::FileError;
use crate::trusted_file_changes::make_directory;
use crate::trusted_files::{Access, DRAFT, Directory, if_exists, read_opened};
use crate::trusted_files::{LockMode, Locked, lock_directory};
use base16ct::lower;
use nix::errno::Errno;
use nix::fcntl::{OFlag, RenameFlags, renameat2};
use nix::sys::stat::Mode;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use totp_core::notice::Notice;
use totp_core::random::{Entropy, random_array};
use totp_core::store::StoreError;
use totp_core::store::notices::{NoticeSpool, Origin, SendLock, Sending, Waiting, space_for};

/// The directory's name below `paths.state`.
pub(crate) const SPOOL: &str = "spool";
/// A draft that is older than this, in seconds, was left by a program that was killed.
const STALE: u64 = 3600;

/// The spool, under `paths.state` of the config.
#[derive(Debug, Clone)]
pub struct SpoolDirectory {
    state: PathBuf,
}

impl SpoolDirectory {
    /// Opens and creates nothing yet.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.state.join(SPOOL)
    }

    /// The number of one more notice among those of the same second.
    fn space_for(&self, at: u64, uid: Option<u32>, origin: Origin) -> Result<u32, StoreError> {
        let (waiting, _) = self.waiting()?;
        let problem = "has reached its limit of unsent notices: find out why they are not sent (\"totp-enroll notify\")";
        let full = || FileError::Unsafe { file: self.path(), problem };
        Ok(space_for(&waiting, at, uid, origin).ok_or_else(full)?)
    }

    fn names(&self) -> Result<Vec<String>, FileError> {
        match if_exists(self.directory())? {
            Some(directory) => directory.names()?.collect(),
            None => Ok(Vec::new()),
        }
    }

    fn directory(&self) -> Result<Directory, FileError> {
        Directory::open(&self.state, Access::RootWrites)?.inner(SPOOL, Access::RootOnly)
    }
}

impl NoticeSpool for SpoolDirectory {
    type Sending = SendingFiles;

    fn name(&self) -> String {
        self.path().display().to_string()
    }

    fn put(
        &self,
        notice: &Notice,
        uid: Option<u32>,
        origin: Origin,
        entropy: &mut dyn Entropy,
    ) -> Result<(), StoreError> {
        make_directory(&self.path(), Mode::S_IRWXU)?;
        let directory = self.directory()?;
        let number = self.space_for(notice.at, uid, origin)?;
        let id: [u8; 16] = random_array(entropy).map_err(|_| FileError::System {
            file: self.path(),
            action: "name a notice without random bytes in",
            source: Errno::EAGAIN,
        })?;
        let id = lower::encode_string(&id);
        let name = name_of(&Waiting { at: notice.at, number, uid, id, tries: 0, last: 0 });
        let draft = format!("{DRAFT}{name}");
        directory.write_new(&draft, notice.encode().as_bytes())?;
        let put = (|| {
            if origin == Origin::Command {
                directory.sync_file(&draft)?;
            }
            directory.name(&draft, &name)?;
            if origin == Origin::Command { directory.sync() } else { Ok(()) }
        })();
        if put.is_err() {
            let _ = directory.remove(&draft);
        }
        Ok(put?)
    }

    fn waiting(&self) -> Result<(Vec<Waiting>, Vec<String>), StoreError> {
        let (mut waiting, mut foreign) = (Vec::new(), Vec::new());
        for name in self.names()? {
            match parse(&name) {
                Some(notice) => waiting.push(notice),
                None if name.starts_with(DRAFT) => {}
                None => foreign.push(self.path().join(name).display().to_string()),
            }
        }
        waiting.sort();
        Ok((waiting, foreign))
    }

    fn read(&self, waiting: &Waiting) -> Result<Option<Vec<u8>>, StoreError> {
        let (directory, name) = (self.directory()?, name_of(waiting));
        let Some(fd) = directory.file(&name, OFlag::O_RDONLY)? else { return Ok(None) };
        let text = read_opened(&fd, &directory.path.join(&name), Access::RootOnly)?;
        Ok(Some(text.expose().to_vec()))
    }

    fn lock_to_send(&self, patience: Duration, now: u64) -> Result<SendLock<SendingFiles>, StoreError> {
        let Some(lock) = if_exists(self.directory())? else { return Ok(SendLock::NothingThere) };
        let directory = self.directory()?;
        let Some(locked) = lock_directory(lock, LockMode::Exclusive, Instant::now().checked_add(patience))?
        else {
            return Ok(SendLock::Busy);
        };
        for name in self.names()? {
            let draft = name.strip_prefix(DRAFT).and_then(parse);
            if draft.is_some_and(|draft| now.abs_diff(draft.at) > STALE) {
                directory.remove(&name)?;
            }
        }
        Ok(SendLock::Sending(SendingFiles { directory, _locked: locked }))
    }
}

/// The right to send; dropping it releases the lock.
pub struct SendingFiles {
    directory: Directory,
    _locked: Locked,
}

impl Sending for SendingFiles {
    fn done(&self, notice: &Waiting) -> Result<(), StoreError> {
        Ok(self.directory.remove(&name_of(notice))?)
    }

    fn replace(&self, notice: &Waiting, next: &Waiting) -> Result<(), StoreError> {
        let (fd, old, name) = (&self.directory.fd, name_of(notice), name_of(next));
        renameat2(fd, old.as_str(), fd, name.as_str(), RenameFlags::RENAME_NOREPLACE).map_err(|source| {
            FileError::System { file: self.directory.path.join(name), action: "rename to", source }
        })?;
        Ok(())
    }
}

/// The file name of a notice.
fn name_of(waiting: &Waiting) -> String {
    let Waiting { at, number, uid, id, tries, last } = waiting;
    let uid = uid.map_or_else(|| "-".to_owned(), |uid| uid.to_string());
    format!("{at:012}.{number}.{uid}.{id}.{tries}.{last}")
}

fn parse(name: &str) -> Option<Waiting> {
    let mut parts = name.split('.');
    let (at, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let uid = match parts.next()? {
        "-" => None,
        uid => Some(uid.parse().ok()?),
    };
    let is_id = |id: &&str| lower::decode(id, &mut [0; 16]).is_ok_and(|id| id.len() == 16);
    let id = parts.next().filter(is_id)?;
    let (tries, last) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let waiting = Waiting { at, number, uid, id: id.to_owned(), tries, last };
    // Each notice has exactly one name: "01" for 1 is refused.
    (name_of(&waiting) == name).then_some(waiting)
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
