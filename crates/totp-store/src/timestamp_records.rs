//! Timestamp records of accepted codes, as files below the runtime directory. They are gone after a reboot.
//!
//! Few machines use them, so a login leaves one only if its own settings ask for freshness or if the directory exists
//! (`totp_host::config_and_keyring::leaves_timestamps`). A login that wants records creates the directory. Logins with other settings (another
//! service file, another config) leave records from then on.

use crate::error::FileError;
use crate::trusted_file_changes::make_private;
use crate::trusted_file_changes::open_private;
use crate::trusted_files::{Access, Directory, if_exists, read_opened};
use nix::fcntl::OFlag;
use std::path::{Path, PathBuf};
use totp_core::policy::timestamp_record::{Process, TimestampRecord};
use totp_core::store::StoreError;

/// The directory's name below `paths.runtime`.
pub const TIMESTAMPS: &str = "fresh";
/// One in this many processes removes expired records; if each did, every login would read all of them.
const SWEEPERS: u32 = 16;

/// The timestamp records of this machine, below `paths.runtime` of the config.
#[derive(Debug, Clone)]
pub struct TimestampRecords {
    runtime: PathBuf,
}

impl TimestampRecords {
    /// Opens and creates nothing yet.
    #[must_use]
    pub fn new(runtime: &Path) -> Self {
        Self { runtime: runtime.to_owned() }
    }

    /// Makes all logins leave a record, until the next boot.
    ///
    /// # Errors
    /// [`StoreError`]; then they do not.
    pub fn ask_for_timestamps(&self) -> Result<(), StoreError> {
        Ok(make_private(&self.runtime, TIMESTAMPS).map(drop)?)
    }

    /// Writes a record in place of an older one of the same account and session. A kill leaves half a line, which does not count.
    /// Now and then it also removes the records of processes that have ended, which `is_alive` tells.
    ///
    /// # Errors
    /// [`StoreError`]; there is no record then.
    pub fn put(&self, timestamp: &TimestampRecord, is_alive: impl Fn(u32) -> bool) -> Result<(), StoreError> {
        let directory = make_private(&self.runtime, TIMESTAMPS)?;
        if timestamp.leader.pid.is_multiple_of(SWEEPERS) {
            sweep(&directory, is_alive);
        }
        Ok(directory.write_new(&name(timestamp.uid, timestamp.leader), timestamp.encode().as_bytes())?)
    }

    /// The record of an account in the session of `leader`, if there is a complete one.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be trusted.
    pub fn of(&self, uid: u32, leader: Process) -> Result<Option<TimestampRecord>, StoreError> {
        let Some(directory) = if_exists(self.directory())? else { return Ok(None) };
        let name = name(uid, leader);
        let Some(fd) = directory.file(&name, OFlag::O_RDONLY)? else { return Ok(None) };
        let line = read_opened(&fd, &directory.path.join(&name), Access::RootOnly)?;
        Ok(TimestampRecord::decode(line.expose()))
    }

    /// Removes the records of an account in all its sessions; returns their number.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be listed or removed.
    pub fn forget(&self, uid: u32) -> Result<usize, StoreError> {
        let Some(directory) = if_exists(self.directory())? else { return Ok(0) };
        let mut count = 0usize;
        for name in directory.names()? {
            let name = name?;
            if name.split_once('.').is_some_and(|(owner, _)| owner.parse() == Ok(uid)) {
                directory.remove(&name)?;
                count = count.saturating_add(1);
            }
        }
        Ok(count)
    }

    /// The files of records whose process has ended, which `is_alive` tells; none if no login ever left a record.
    ///
    /// # Errors
    /// [`StoreError`] if the directory cannot be trusted or read.
    pub fn expired(&self, is_alive: impl Fn(u32) -> bool) -> Result<Vec<PathBuf>, StoreError> {
        let Some(directory) = if_exists(self.directory())? else { return Ok(Vec::new()) };
        let mut expired = Vec::new();
        for name in directory.names()? {
            let name = name?;
            if process_of(&name).is_some_and(|pid| !is_alive(pid)) {
                expired.push(directory.path.join(name));
            }
        }
        Ok(expired)
    }

    /// Removes a file that [`TimestampRecords::expired`] listed.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be removed.
    pub fn remove(&self, timestamp: &Path) -> Result<(), StoreError> {
        match timestamp.file_name().and_then(|name| name.to_str()) {
            Some(name) if process_of(name).is_some() => Ok(self.directory()?.remove(name)?),
            Some(_) | None => {
                Err(FileError::Unsafe { file: timestamp.to_owned(), problem: "is not a timestamp record" }
                    .into())
            }
        }
    }

    fn directory(&self) -> Result<Directory, FileError> {
        open_private(&self.runtime, TIMESTAMPS)
    }
}

/// Numbers only: no text that a user chose becomes a path (CVE-2014-2583).
fn name(uid: u32, leader: Process) -> String {
    format!("{uid}.{}", leader.pid)
}

fn process_of(name: &str) -> Option<u32> {
    name.split_once('.')?.1.parse().ok()
}

/// Best effort: a record that stays lets nobody in, because its process has ended.
fn sweep(directory: &Directory, is_alive: impl Fn(u32) -> bool) {
    for name in directory.names().into_iter().flatten().flatten() {
        if process_of(&name).is_some_and(|pid| !is_alive(pid)) {
            let _ = directory.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use totp_core::policy::timestamp_record::BootId;
    use totp_core::random::Id;

    fn timestamp(uid: u32, pid: u32) -> TimestampRecord {
        let boot = BootId::parse("11111111-4444-4444-4444-555555555555").unwrap();
        TimestampRecord { uid, credential: Id::new([1; 16]), boot, leader: Process { pid, start: 7 }, at: 9 }
    }

    fn timestamps() -> (tempfile::TempDir, TimestampRecords) {
        let directory = tempfile::tempdir().unwrap();
        let timestamps = TimestampRecords::new(&directory.path().join("run"));
        (directory, timestamps)
    }

    #[test]
    fn a_timestamp_is_found_for_its_account_and_session() {
        let (directory, timestamps) = timestamps();
        let leader = Process { pid: 20, start: 7 };
        assert_eq!(timestamps.of(1001, leader).unwrap(), None);
        timestamps.put(&timestamp(1001, 20), |_| true).unwrap();
        timestamps.put(&TimestampRecord { at: 10, ..timestamp(1001, 20) }, |_| true).unwrap();
        assert_eq!(
            timestamps.of(1001, leader).unwrap(),
            Some(TimestampRecord { at: 10, ..timestamp(1001, 20) })
        );
        assert_eq!(timestamps.of(1002, leader).unwrap(), None);
        assert_eq!(timestamps.of(1001, Process { pid: 21, start: 7 }).unwrap(), None);
        let mode = |name: &str| fs::metadata(directory.path().join(name)).unwrap().mode() & 0o777;
        assert_eq!((mode("run/fresh"), mode("run/fresh/1001.20")), (0o700, 0o600));
    }

    #[test]
    fn timestamps_can_be_asked_for_more_than_once() {
        let (directory, timestamps) = timestamps();
        for _ in 0..2 {
            timestamps.ask_for_timestamps().unwrap();
            let mode = fs::metadata(directory.path().join("run/fresh")).unwrap().mode() & 0o777;
            assert_eq!(mode, 0o700);
        }
    }

    #[test]
    fn what_a_kill_left_half_made_is_made_whole() {
        use std::os::unix::fs::{PermissionsExt, chown};
        for (owner, mode, becomes) in [
            // As su and sudo leave it, between the making and the giving; and by a strange umask.
            ((0, 1001), 0o700, Some(())),
            ((0, 0), 0o500, Some(())),
            ((0, 1001), 0o2700, Some(())),
            // What another process was or could have been in.
            ((0, 1001), 0o750, None),
            ((1001, 0), 0o700, None),
            ((0, 0), 0o1700, None),
        ] {
            let (directory, timestamps) = timestamps();
            let fresh = directory.path().join("run/fresh");
            fs::create_dir_all(&fresh).unwrap();
            fs::set_permissions(&fresh, PermissionsExt::from_mode(mode)).unwrap();
            chown(&fresh, Some(owner.0), Some(owner.1)).unwrap();
            let put = timestamps.put(&timestamp(1001, 20), |_| true).ok();
            assert_eq!(put, becomes, "{owner:?} {mode:o}");
            let found = fs::metadata(&fresh).unwrap();
            let found = ((found.uid(), found.gid()), found.mode() & 0o7777);
            assert_eq!(found, if becomes.is_some() { ((0, 0), 0o700) } else { (owner, mode) });
        }
    }

    #[test]
    fn asking_for_timestamps_changes_none() {
        let (_directory, timestamps) = timestamps();
        timestamps.put(&timestamp(1001, 20), |_| true).unwrap();
        timestamps.ask_for_timestamps().unwrap();
        assert!(timestamps.of(1001, Process { pid: 20, start: 7 }).unwrap().is_some());
    }

    #[test]
    fn where_others_can_write_no_timestamp_is_kept_and_the_reason_is_given() {
        let (directory, timestamps) = timestamps();
        let run = directory.path().join("run");
        fs::create_dir(&run).unwrap();
        fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        assert!(timestamps.ask_for_timestamps().is_err());
        assert!(!run.join("fresh").exists());
        fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        symlink("/nowhere", run.join("fresh")).unwrap();
        assert!(timestamps.put(&timestamp(1001, 20), |_| true).is_err());
    }

    #[test]
    fn a_file_that_is_not_roots_own_is_no_timestamp_but_an_error() {
        let (directory, timestamps) = timestamps();
        timestamps.put(&timestamp(1001, 20), |_| true).unwrap();
        let leader = Process { pid: 21, start: 7 };
        symlink(directory.path().join("run/fresh/1001.20"), directory.path().join("run/fresh/1001.21"))
            .unwrap();
        assert!(timestamps.of(1001, leader).is_err());
        fs::set_permissions(
            directory.path().join("run/fresh"),
            std::os::unix::fs::PermissionsExt::from_mode(0o777),
        )
        .unwrap();
        assert!(timestamps.of(1001, Process { pid: 20, start: 7 }).is_err());
        assert!(timestamps.put(&timestamp(1001, 20), |_| true).is_err());
    }

    #[test]
    fn the_timestamps_of_one_account_alone_are_forgotten() {
        let (_directory, timestamps) = timestamps();
        assert_eq!(timestamps.forget(1001).unwrap(), 0);
        for (uid, pid) in [(1001, 20), (1001, 21), (100, 22)] {
            timestamps.put(&timestamp(uid, pid), |_| true).unwrap();
        }
        assert_eq!(timestamps.forget(1001).unwrap(), 2);
        assert_eq!(timestamps.of(1001, Process { pid: 20, start: 7 }).unwrap(), None);
        assert!(timestamps.of(100, Process { pid: 22, start: 7 }).unwrap().is_some());
    }

    #[test]
    fn timestamps_of_processes_that_are_gone_are_named_and_removed_one_by_one() {
        let (directory, timestamps) = timestamps();
        assert_eq!(timestamps.expired(|_| false).unwrap(), Vec::<PathBuf>::new());
        for pid in [20, 21] {
            timestamps.put(&timestamp(1001, pid), |_| true).unwrap();
        }
        let expired = timestamps.expired(|pid| pid == 20).unwrap();
        assert_eq!(expired, [directory.path().join("run/fresh/1001.21")]);
        timestamps.remove(&expired[0]).unwrap();
        assert_eq!(timestamps.expired(|_| false).unwrap(), [directory.path().join("run/fresh/1001.20")]);
        assert!(timestamps.remove(&directory.path().join("run/fresh/other")).is_err());
    }

    #[test]
    fn timestamps_of_processes_that_are_gone_are_swept() {
        let (directory, timestamps) = timestamps();
        for pid in [20, 21] {
            timestamps.put(&timestamp(1001, pid), |_| true).unwrap();
        }
        timestamps.put(&timestamp(1001, SWEEPERS), |pid| pid == 20).unwrap();
        let mut left: Vec<_> = fs::read_dir(directory.path().join("run/fresh"))
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["1001.16", "1001.20"]);
    }
}
