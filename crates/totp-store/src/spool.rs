//! The spool of notices: one file for each, which logins and commands leave and `totp-enroll notify` sends.
//!
//! A notice is synced and renamed into place, so a reader never finds half of one, also after a power cut. If a notice is torn all the
//! same, by a disk that does not sync as it says, its owner is told that a notice was lost. Its tries are part of its name
//! ([`crate::notice_name`]), so that one rename records a try. Notices are sent in the order of their names.
//!
//! A command locks the notice of a change until it has made the change (flock): a process that can lock it knows that the command has
//! ended.

use crate::error::FileError;
use crate::notice_name::{name_of, parse};
use crate::told_notices::ToldNotices;
use crate::trusted_file_changes::make_directory;
use crate::trusted_files::{Access, DRAFT, Directory, if_exists, read_opened};
use crate::trusted_files::{Lock, LockMode, Locked, lock, lock_directory};
use nix::errno::Errno;
use nix::fcntl::{OFlag, RenameFlags, renameat2};
use nix::sys::stat::Mode;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use totp_core::notice::Notice;
use totp_core::random::Entropy;
use totp_core::store::StoreError;
use totp_core::store::notices::{
    Begun, DAY, NoticeSpool, Origin, SendLock, Sending, Source, Topic, Waiting, new_id, space_for,
};

/// The directory's name below `paths.state`.
pub(crate) const SPOOL: &str = "spool";
/// A draft that is older than this, in seconds, was left by a program that was killed, or by a machine that lost power.
const STALE: u64 = 300;

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

    fn told(&self) -> ToldNotices {
        ToldNotices::new(&self.state)
    }

    /// A notice that gets its name from this.
    fn new_notice(
        &self,
        notice: &Notice,
        (uid, origin, source): (Option<u32>, Origin, Source),
        entropy: &mut dyn Entropy,
    ) -> Result<Waiting, StoreError> {
        make_directory(&self.path(), Mode::S_IRWXU)?;
        let number = self.space_for(notice.at, uid, origin)?;
        let id = new_id(notice.user(), entropy).map_err(|_| FileError::System {
            file: self.path(),
            action: "name a notice without random bytes in",
            source: Errno::EAGAIN,
        })?;
        Ok(Waiting { at: notice.at, number, uid, id, tries: 0, last: 0, source })
    }

    /// Writes the draft of a notice, so that it outlasts a crash.
    fn write_draft(
        &self,
        directory: &Directory,
        draft: &str,
        notice: &Notice,
        origin: Origin,
    ) -> Result<(), FileError> {
        let text = notice.encode();
        match directory.write_new(draft, text.as_bytes()).and_then(|()| directory.sync_file(draft)) {
            Ok(()) => Ok(()),
            Err(error) if origin == Origin::Relief && is_full(&error) => {
                match self.told().write(directory, draft, text.as_bytes())? {
                    true => Ok(()),
                    false => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}

fn is_full(error: &FileError) -> bool {
    matches!(error, FileError::System { source: Errno::ENOSPC | Errno::EDQUOT, .. })
}

impl NoticeSpool for SpoolDirectory {
    type Sending = SendingFiles;
    type Begun = BegunFile;

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
        let waiting = self.new_notice(notice, (uid, origin, Source::of(notice, origin)), entropy)?;
        let (directory, name) = (self.directory()?, name_of(&waiting));
        let draft = format!("{DRAFT}{name}");
        let put = (|| {
            self.write_draft(&directory, &draft, notice, origin)?;
            directory.name(&draft, &name)?;
            directory.sync()
        })();
        if put.is_err() {
            let _ = directory.remove(&draft);
        }
        Ok(put?)
    }

    fn begin(
        &self,
        notice: &Notice,
        uid: Option<u32>,
        origin: Origin,
        entropy: &mut dyn Entropy,
    ) -> Result<BegunFile, StoreError> {
        let waiting = self.new_notice(notice, (uid, origin, Source::Begun(Topic::of(notice))), entropy)?;
        let (directory, name) = (self.directory()?, name_of(&waiting));
        let draft = format!("{DRAFT}{name}");
        let begun = (|| {
            self.write_draft(&directory, &draft, notice, origin)?;
            // Opened to be written, and closed when this process ends: the path unit of systemd looks at the spool again then.
            let gone = || FileError::System {
                file: directory.path.join(&draft),
                action: "lock",
                source: Errno::ENOENT,
            };
            let fd = directory.file(&draft, OFlag::O_RDWR)?.ok_or_else(gone)?;
            let Lock::Locked(locked) = lock(fd, &directory.path.join(&draft), None)? else {
                return Err(gone());
            };
            directory.name(&draft, &name)?;
            directory.sync()?;
            Ok(locked)
        })();
        if begun.is_err() {
            let _ = directory.remove(&draft);
            let _ = directory.remove(&name);
        }
        let locked = begun?;
        // What a full disk needs later. It fails on a full disk, and this notice is kept already.
        let _ = self.told().allocate();
        Ok(BegunFile { directory, waiting, topic: Topic::of(notice), _locked: locked })
    }

    fn recent(&self, topic: Topic, now: u64) -> Result<usize, StoreError> {
        let (waiting, _) = self.waiting()?;
        let is_one = |one: &&Waiting| one.source.topic() == Some(topic) && now.abs_diff(one.at) < DAY;
        Ok(waiting.iter().filter(is_one).count().saturating_add(self.told().count(topic, now)?))
    }

    fn is_abandoned(&self, waiting: &Waiting) -> Result<bool, StoreError> {
        let (directory, name) = (self.directory()?, name_of(waiting));
        // Gone: it has another name by now, or is sent.
        let Some(fd) = directory.file(&name, OFlag::O_RDONLY)? else { return Ok(false) };
        match lock(fd, &directory.path.join(&name), None)? {
            Lock::Locked(_) => Ok(true),
            Lock::Gone | Lock::Busy => Ok(false),
        }
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
            match draft.filter(|draft| now.abs_diff(draft.at) > STALE) {
                // No change is made before its notice has its name.
                Some(Waiting { source: Source::Begun(_), .. }) => directory.remove(&name)?,
                // It has happened. If the draft is torn, the owner is told that a notice was lost.
                Some(waiting) => drop(directory.name(&name, &name_of(&waiting))?),
                None => {}
            }
        }
        // The right to send does not depend on it.
        let _ = self.told().forget_old(now);
        let _ = self.told().allocate();
        Ok(SendLock::Sending(SendingFiles { directory, told: self.told(), _locked: locked }))
    }
}

/// A notice of a change that is about to be made, locked by this process.
pub struct BegunFile {
    directory: Directory,
    waiting: Waiting,
    topic: Topic,
    _locked: Locked,
}

impl Begun for BegunFile {
    fn finish(self) -> Result<bool, StoreError> {
        let done = Waiting { source: Source::Command(self.topic), ..self.waiting.clone() };
        match rename(&self.directory, &self.waiting, &done) {
            Ok(()) => Ok(true),
            Err(FileError::System { source: Errno::ENOENT, .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn retract(self) -> Result<(), StoreError> {
        Ok(self.directory.remove(&name_of(&self.waiting))?)
    }
}

/// The right to send; dropping it releases the lock.
pub struct SendingFiles {
    directory: Directory,
    told: ToldNotices,
    _locked: Locked,
}

impl Sending for SendingFiles {
    fn done(&self, notice: &Waiting) -> Result<(), StoreError> {
        // It is sent: what cannot be kept to be counted is removed.
        if notice.source != Source::Login && self.told.keep(&self.directory, notice).is_ok() {
            return Ok(());
        }
        Ok(self.directory.remove(&name_of(notice))?)
    }

    fn replace(&self, notice: &Waiting, next: &Waiting) -> Result<(), StoreError> {
        Ok(rename(&self.directory, notice, next)?)
    }
}

fn rename(directory: &Directory, notice: &Waiting, next: &Waiting) -> Result<(), FileError> {
    let (fd, old, name) = (&directory.fd, name_of(notice), name_of(next));
    renameat2(fd, old.as_str(), fd, name.as_str(), RenameFlags::RENAME_NOREPLACE)
        .map_err(|source| FileError::System { file: directory.path.join(name), action: "rename to", source })
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
