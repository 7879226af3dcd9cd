//! What the spool keeps beside the waiting notices: those of commands that were sent within a day, so that one operator cannot mail
//! a person without end, and files that are allocated already, so that a full disk stops no change that helps an owner.

use crate::error::FileError;
use crate::notice_name::{name_of, parse};
use crate::trusted_file_changes::make_directory;
use crate::trusted_files::{Access, DRAFT, Directory, if_exists};
use nix::errno::Errno;
use nix::fcntl::{OFlag, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{fsync, ftruncate};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use totp_core::store::notices::{DAY, Topic, Waiting};

/// The directory's name below `paths.state`.
pub(crate) const TOLD: &str = "told";
/// The names of the allocated files, and the size of each: more than a notice has.
const RESERVE: [&str; 8] = ["room.1", "room.2", "room.3", "room.4", "room.5", "room.6", "room.7", "room.8"];
const SIZE: usize = 4096;

/// The directory, under `paths.state` of the config.
#[derive(Debug, Clone)]
pub(crate) struct ToldNotices {
    state: PathBuf,
}

impl ToldNotices {
    pub(crate) fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    fn directory(&self) -> Result<Directory, FileError> {
        Directory::open(&self.state, Access::RootWrites)?.inner(TOLD, Access::RootOnly)
    }

    fn made(&self) -> Result<Directory, FileError> {
        make_directory(&self.state.join(TOLD), Mode::S_IRWXU)?;
        self.directory()
    }

    /// Moves a notice that was sent out of the spool.
    pub(crate) fn keep(&self, spool: &Directory, notice: &Waiting) -> Result<(), FileError> {
        let (told, name) = (self.made()?, name_of(notice));
        renameat(&spool.fd, name.as_str(), &told.fd, name.as_str()).map_err(|source| FileError::System {
            file: told.path.join(name),
            action: "rename to",
            source,
        })
    }

    /// How many notices of this topic were sent that are of today.
    pub(crate) fn count(&self, topic: Topic, now: u64) -> Result<usize, FileError> {
        let is_one = |told: &Waiting| told.source.topic() == Some(topic) && now.abs_diff(told.at) < DAY;
        Ok(self.notices()?.iter().filter(|told| is_one(told)).count())
    }

    /// Removes those of more than a day ago.
    pub(crate) fn forget_old(&self, now: u64) -> Result<(), FileError> {
        let Some(directory) = if_exists(self.directory())? else { return Ok(()) };
        let told = self.notices()?;
        let mut old = told.iter().filter(|told| now.abs_diff(told.at) >= DAY);
        old.try_for_each(|told| directory.remove(&name_of(told)))
    }

    fn notices(&self) -> Result<Vec<Waiting>, FileError> {
        let Some(directory) = if_exists(self.directory())? else { return Ok(Vec::new()) };
        let names = directory.names()?.collect::<Result<Vec<_>, _>>()?;
        Ok(names.iter().filter_map(|name| parse(name)).collect())
    }

    /// Allocates the files that are missing. An error is no error of the notice that was left: the next one tries again.
    pub(crate) fn allocate(&self) -> Result<(), FileError> {
        let directory = self.made()?;
        for name in RESERVE {
            if directory.file(name, OFlag::O_RDONLY)?.is_some() {
                continue;
            }
            let draft = format!("{DRAFT}{}.{name}", std::process::id());
            let made = directory
                .write_new(&draft, &[b' '; SIZE])
                .and_then(|()| directory.sync_file(&draft))
                .and_then(|()| directory.name(&draft, name));
            if made.is_err() {
                // The first error is the one to report.
                let _ = directory.remove(&draft);
            }
            made?;
        }
        directory.sync()
    }

    /// Writes a draft in the spool into an allocated file; `false`: there is none. The space that it has is enough.
    pub(crate) fn write(&self, spool: &Directory, draft: &str, text: &[u8]) -> Result<bool, FileError> {
        let Some(told) = if_exists(self.directory())? else { return Ok(false) };
        let path = spool.path.join(draft);
        let failed = |action| {
            let file = path.clone();
            move |source| FileError::System { file, action, source }
        };
        for name in RESERVE.iter().filter(|_| text.len() <= SIZE) {
            // The rename decides who has the file.
            match renameat(&told.fd, *name, &spool.fd, draft) {
                Ok(()) => {}
                Err(Errno::ENOENT) => continue,
                Err(source) => return Err(failed("rename to")(source)),
            }
            let Some(fd) = spool.file(draft, OFlag::O_WRONLY)? else { continue };
            let file = File::from(fd);
            file.write_all_at(text, 0)
                .map_err(|error| crate::trusted_files::system(&path, "write", &error))?;
            let length = i64::try_from(text.len()).unwrap_or_default();
            ftruncate(&file, length).map_err(failed("shorten"))?;
            fsync(&file).map_err(failed("sync"))?;
            return Ok(true);
        }
        Ok(false)
    }
}
