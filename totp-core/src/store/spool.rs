//! Notices that wait to be sent: one file each below the state, root's alone. The door leaves them, the desk sends them.
//!
//! A notice is whole or not there, for it is renamed into place. What became of it is in its name, so that one rename
//! records it: `SECOND.NUMBER.UID.ID.TRIES.LAST`, by which notices are sent in the order in which they came.

use super::StoreError;
use super::directory::{Directory, Room, make_directory};
use super::guard::{Guard, read_opened};
use super::layout::SPOOL;
use super::lock::{Locked, Share, lock_directory};
use crate::notice::Notice;
use crate::secret::{Entropy, random_array};
use base16ct::lower;
use nix::errno::Errno;
use nix::fcntl::{OFlag, RenameFlags, renameat2};
use nix::sys::stat::Mode;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const DRAFT: &str = ".new.";
/// The most that the door leaves of one account, and in all: nobody fills the disk by logging in.
const MOST_OF_ONE: usize = 32;
const MOST_OF_THE_DOOR: usize = 1024;
/// The most there are: what the desk has to tell finds room when the door's is used up.
const MOST: usize = 4096;
/// After so long a draft is what a program that was killed has left, in seconds.
const STALE: u64 = 3600;
/// The first pause before a notice is tried again, in seconds; it doubles up to the longest.
const FIRST_PAUSE: u64 = 60;
const LONGEST_PAUSE: u64 = 3600;
/// So many tries take three days. Whoever tries more often, as "notify --now" does, gives nothing up earlier.
const ENOUGH_TRIES: u32 = 78;
const LONGEST_WAIT: u64 = 3 * 86400;

/// The notices of this machine, under `paths.state` of the config.
#[derive(Debug, Clone)]
pub struct Spool {
    state: PathBuf,
}

/// Who leaves a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A login, which does not wait for the disk.
    Door,
    /// The desk: what it said it did is told also after a crash.
    Desk,
}

impl Spool {
    /// Nothing is opened or made yet.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// Where it lies, for messages about it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.state.join(SPOOL)
    }

    /// Leaves a notice about the account of `uid`.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written, or there are too many; then there is none.
    pub fn put(
        &self,
        notice: &Notice,
        uid: Option<u32>,
        origin: Origin,
        entropy: &mut dyn Entropy,
    ) -> Result<(), StoreError> {
        make_directory(&self.path(), Mode::S_IRWXU)?;
        let directory = self.directory()?;
        let number = self.room_for(notice.at, uid, origin)?;
        let id: [u8; 16] = random_array(entropy).map_err(|_| StoreError::System {
            file: self.path(),
            action: "name a notice without random bytes in",
            source: Errno::EAGAIN,
        })?;
        let id = lower::encode_string(&id);
        let name = Waiting { at: notice.at, number, uid, id, tries: 0, last: 0 }.name();
        let draft = format!("{DRAFT}{name}");
        directory.write_new(&draft, notice.encode().as_bytes())?;
        let put = (|| {
            if origin == Origin::Desk {
                directory.sync_file(&draft)?;
            }
            directory.name(&draft, &name)?;
            if origin == Origin::Desk { directory.sync() } else { Ok(()) }
        })();
        if put.is_err() {
            let _ = directory.remove(&draft);
        }
        put
    }

    /// The notices that wait, the oldest first, without what is being written; and the names of files that are none.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be read or trusted; one that is not there is empty.
    pub fn waiting(&self) -> Result<(Vec<Waiting>, Vec<PathBuf>), StoreError> {
        let (mut waiting, mut foreign) = (Vec::new(), Vec::new());
        for name in self.names()? {
            match Waiting::parse(&name) {
                Some(notice) => waiting.push(notice),
                None if name.starts_with(DRAFT) => {}
                None => foreign.push(self.path().join(name)),
            }
        }
        waiting.sort();
        Ok((waiting, foreign))
    }

    /// The text of a notice, without holding anybody up; `None`: it is gone, somebody sent it.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read or trusted.
    pub fn read(&self, waiting: &Waiting) -> Result<Option<Vec<u8>>, StoreError> {
        let (directory, name) = (self.directory()?, waiting.name());
        let Some(fd) = directory.file(&name, OFlag::O_RDONLY)? else { return Ok(None) };
        let text = read_opened(&fd, &directory.path.join(&name), Guard::Secret)?;
        Ok(Some(text.expose().to_vec()))
    }

    /// The turn to send, which one has at a time; `None`: somebody else had it for all of `patience`, or there is no spool
    /// yet. Takes away what killed programs have left.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be trusted, locked or cleaned.
    pub fn turn_to_send(&self, patience: Duration, now: u64) -> Result<Turn, StoreError> {
        let (lock, directory) = match (self.directory(), self.directory()) {
            (Err(StoreError::System { source: Errno::ENOENT, .. }), _) => return Ok(Turn::NothingThere),
            (lock, directory) => (lock?, directory?),
        };
        let Some(locked) = lock_directory(lock, Share::Alone, Instant::now().checked_add(patience))? else {
            return Ok(Turn::Busy);
        };
        for name in self.names()? {
            let draft = name.strip_prefix(DRAFT).and_then(Waiting::parse);
            if draft.is_some_and(|draft| now.abs_diff(draft.at) > STALE) {
                directory.remove(&name)?;
            }
        }
        Ok(Turn::Sending(Sending { directory, _locked: locked }))
    }

    /// Whether there is room for one more, and its number among those of the same second.
    fn room_for(&self, at: u64, uid: Option<u32>, origin: Origin) -> Result<u32, StoreError> {
        let (waiting, _) = self.waiting()?;
        let of_this_one = waiting.iter().filter(|notice| notice.uid == uid).count();
        let is_full = match origin {
            Origin::Door => waiting.len() >= MOST_OF_THE_DOOR || of_this_one >= MOST_OF_ONE,
            Origin::Desk => waiting.len() >= MOST,
        };
        if is_full {
            let problem =
                "holds as many notices as it may: find out why they are not sent (\"totp-enroll notify\")";
            return Err(StoreError::Unsafe { file: self.path(), problem });
        }
        let of_this_second = waiting.iter().filter(|notice| notice.at == at).map(|notice| notice.number);
        Ok(of_this_second.max().map_or(0, |number| number.saturating_add(1)))
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let directory = match self.directory() {
            Err(StoreError::System { source: Errno::ENOENT, .. }) => return Ok(Vec::new()),
            found => found?,
        };
        let (entries, path) = directory.entries()?;
        let mut names = Vec::new();
        for entry in entries {
            let entry =
                entry.map_err(|source| StoreError::System { file: path.clone(), action: "list", source })?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." {
                names.push(name.into_owned());
            }
        }
        Ok(names)
    }

    fn directory(&self) -> Result<Directory, StoreError> {
        Directory::open(&self.state, Room::Place)?.inner(SPOOL, Room::Private)
    }
}

/// Whether one may send.
pub enum Turn {
    /// Until this is dropped.
    Sending(Sending),
    /// Somebody else sends.
    Busy,
    /// There is no spool, so nothing to send.
    NothingThere,
}

/// The turn to send.
pub struct Sending {
    directory: Directory,
    _locked: Locked,
}

impl Sending {
    /// It was taken: it waits no longer.
    ///
    /// # Errors
    /// [`StoreError`]; it will be sent once more.
    pub fn done(&self, notice: &Waiting) -> Result<(), StoreError> {
        self.directory.remove(&notice.name())
    }

    /// It was not taken: it is tried again later, which is said, or was tried often and long enough and is given up.
    ///
    /// # Errors
    /// [`StoreError`]; the try is not counted.
    pub fn failed(&self, notice: &Waiting, now: u64) -> Result<Option<Waiting>, StoreError> {
        if notice.tries.saturating_add(1) >= ENOUGH_TRIES && notice.is_old(now) {
            return self.done(notice).map(|()| None);
        }
        self.later(notice, now).map(Some)
    }

    /// It is tried again later, however often it was tried.
    ///
    /// # Errors
    /// [`StoreError`]; the try is not counted.
    pub fn later(&self, notice: &Waiting, now: u64) -> Result<Waiting, StoreError> {
        let next = Waiting { tries: notice.tries.saturating_add(1), last: now, ..notice.clone() };
        let (fd, name) = (&self.directory.fd, next.name());
        match renameat2(fd, notice.name().as_str(), fd, name.as_str(), RenameFlags::RENAME_NOREPLACE) {
            Ok(()) => Ok(next),
            Err(source) => {
                Err(StoreError::System { file: self.directory.path.join(name), action: "rename to", source })
            }
        }
    }
}

/// A notice that waits, as far as its name says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// When it came about, in seconds since 1970.
    pub at: u64,
    /// Its place among those of the same second.
    number: u32,
    /// The account that it is about; `None`: one that the system did not know.
    pub uid: Option<u32>,
    id: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was tried last, in seconds since 1970; zero: never.
    pub last: u64,
}

impl Waiting {
    /// When it is to be tried, in seconds since 1970. Twice the pause after each try.
    #[must_use]
    pub fn due(&self) -> u64 {
        if self.tries == 0 {
            return 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
        self.last.saturating_add(pause)
    }

    /// Whether it is to be tried now. A clock that was set back does not hold it up.
    #[must_use]
    pub fn is_due(&self, now: u64) -> bool {
        now >= self.due() || now < self.last
    }

    /// Whether it has waited for as long as notices do.
    #[must_use]
    pub fn is_old(&self, now: u64) -> bool {
        now.saturating_sub(self.at) > LONGEST_WAIT
    }

    /// What it is called as long as it waits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What its file is called now.
    fn name(&self) -> String {
        let Self { at, number, uid, id, tries, last } = self;
        let uid = uid.map_or_else(|| "-".to_owned(), |uid| uid.to_string());
        format!("{at:012}.{number}.{uid}.{id}.{tries}.{last}")
    }

    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('.');
        let (at, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let uid = match parts.next()? {
            "-" => None,
            uid => Some(uid.parse().ok()?),
        };
        let is_id = |id: &&str| lower::decode(id, &mut [0; 16]).is_ok_and(|id| id.len() == 16);
        let id = parts.next().filter(is_id)?;
        let (tries, last) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let waiting = Self { at, number, uid, id: id.to_owned(), tries, last };
        // There is one way to write it.
        (waiting.name() == name).then_some(waiting)
    }
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
