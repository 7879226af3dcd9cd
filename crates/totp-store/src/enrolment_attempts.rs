//! Enrolment attempts as files below the runtime directory, one for each account, named by its uid. They are gone after a reboot.

use crate::error::FileError;
use crate::trusted_file_changes::make_private;
use crate::trusted_file_changes::open_private;
use crate::trusted_files::{Directory, if_exists, system};
use crate::trusted_files::{Lock, Locked, lock};
use nix::fcntl::OFlag;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use totp_core::enrolment::attempts::RecentAttempts;
use totp_core::store::{EnrolmentAttempts, StoreError};
use totp_core::time::Seconds;

/// The directory's name below `paths.runtime`.
pub const ATTEMPTS: &str = "confirming";
/// The length of a file, in bytes: enough for five timestamps.
const LONGEST: usize = 128;

/// The enrolment attempts of this machine, below `paths.runtime` of the config.
#[derive(Debug, Clone)]
pub struct AttemptFiles {
    runtime: PathBuf,
}

impl AttemptFiles {
    /// Opens and creates nothing yet.
    #[must_use]
    pub fn new(runtime: &Path) -> Self {
        Self { runtime: runtime.to_owned() }
    }

    fn existing(&self) -> Result<Option<Directory>, FileError> {
        if_exists(open_private(&self.runtime, ATTEMPTS))
    }
}

impl EnrolmentAttempts for AttemptFiles {
    fn wait(&self, uid: u32, now: u64) -> Result<Option<Seconds>, StoreError> {
        let Some(directory) = self.existing()? else { return Ok(None) };
        Ok(hold(&directory, uid)?.and_then(|held| held.attempts.wait(now)))
    }

    fn charge(&self, uid: u32, now: u64) -> Result<Result<(), Seconds>, StoreError> {
        let directory = make_private(&self.runtime, ATTEMPTS)?;
        loop {
            let Some(mut held) = hold(&directory, uid)? else {
                let draft = format!(".new.{}.{uid}", std::process::id());
                directory.write_new(&draft, b"")?;
                directory.name(&draft, &uid.to_string())?;
                continue;
            };
            return match held.attempts.charge(now) {
                Ok(()) => Ok(Ok(held.write()?)),
                Err(wait) => Ok(Err(wait)),
            };
        }
    }

    fn any(&self, uid: u32) -> Result<bool, StoreError> {
        let Some(directory) = self.existing()? else { return Ok(false) };
        let held = hold(&directory, uid)?;
        Ok(held.is_some_and(|held| held.attempts != RecentAttempts::default()))
    }

    fn forget(&self, uid: u32) -> Result<bool, StoreError> {
        let Some(directory) = self.existing()? else { return Ok(false) };
        // Locked until it is removed; a process that waits for the lock then opens the file anew.
        let held = hold(&directory, uid)?;
        directory.remove(&uid.to_string())?;
        Ok(held.is_some_and(|held| held.attempts != RecentAttempts::default()))
    }
}

/// The attempts of an account, locked; `None`: there are none. The file is named by a number, so no text that a user chose becomes
/// a path (CVE-2014-2583).
fn hold(directory: &Directory, uid: u32) -> Result<Option<HeldAttempts>, FileError> {
    let name = uid.to_string();
    let path = directory.path.join(&name);
    loop {
        let Some(fd) = directory.file(&name, OFlag::O_RDWR)? else { return Ok(None) };
        match lock(fd, &path, Instant::now().checked_add(PATIENCE))? {
            Lock::Locked(file) => {
                let mut bytes = [0; LONGEST];
                let length = file.read_at(&mut bytes, 0).map_err(|error| system(&path, "read", &error))?;
                let attempts = RecentAttempts::decode(bytes.get(..length).unwrap_or_default());
                return Ok(Some(HeldAttempts { file, path, attempts }));
            }
            Lock::Gone => {}
            Lock::Busy => {
                let problem = "is in use by another login or command: try again";
                return Err(FileError::Busy { file: path, problem });
            }
        }
    }
}

/// Long: the lock is held for microseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// The attempts of one account, locked.
struct HeldAttempts {
    file: Locked,
    path: PathBuf,
    attempts: RecentAttempts,
}

impl HeldAttempts {
    /// Writes them at once and always with the same length: a kill leaves the old attempts or these.
    fn write(&self) -> Result<(), FileError> {
        let mut line = self.attempts.encode().into_bytes();
        line.resize(LONGEST, b'\n');
        self.file.write_all_at(&line, 0).map_err(|error| system(&self.path, "write", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    fn attempts() -> (tempfile::TempDir, AttemptFiles) {
        let directory = tempfile::tempdir().unwrap();
        let attempts = AttemptFiles::new(&directory.path().join("run"));
        (directory, attempts)
    }

    #[test]
    fn attempts_are_counted_for_each_account_across_programs() {
        let (directory, first) = attempts();
        let second = first.clone();
        for at in 0..5 {
            let run = if at % 2 == 0 { &first } else { &second };
            assert_eq!(run.charge(1001, 9000 + at).unwrap(), Ok(()));
        }
        assert_eq!(first.charge(1001, 9005).unwrap(), Err(Seconds(595)));
        assert_eq!(first.wait(1001, 9005).unwrap(), Some(Seconds(595)));
        assert_eq!(first.charge(1002, 9005).unwrap(), Ok(()));
        assert_eq!((first.forget(1001).unwrap(), first.forget(1001).unwrap()), (true, false));
        assert_eq!(first.charge(1001, 9005).unwrap(), Ok(()));
        let mode = |name: &str| fs::metadata(directory.path().join(name)).unwrap().mode() & 0o777;
        assert_eq!((mode("run/confirming"), mode("run/confirming/1001")), (0o700, 0o600));
    }

    #[test]
    fn a_half_made_directory_locks_nobody_out() {
        for first in ["wait", "charge", "forget"] {
            let (directory, attempts) = attempts();
            let confirming = directory.path().join("run/confirming");
            fs::create_dir_all(&confirming).unwrap();
            fs::set_permissions(&confirming, PermissionsExt::from_mode(0o700)).unwrap();
            chown(&confirming, None, Some(1001)).unwrap();
            match first {
                "wait" => assert_eq!(attempts.wait(1001, 9000).unwrap(), None),
                "charge" => assert_eq!(attempts.charge(1001, 9000).unwrap(), Ok(())),
                _ => assert!(!attempts.forget(1001).unwrap()),
            }
            assert_eq!(fs::metadata(&confirming).unwrap().gid(), 0, "{first}");
        }
    }

    #[test]
    fn of_many_attempts_at_once_five_are_counted() {
        let (_directory, attempts) = attempts();
        // Threads share the process id that names a draft, so the file is created before they start.
        assert_eq!(attempts.charge(1001, 1000).unwrap(), Ok(()));
        let one = || {
            let attempts = attempts.clone();
            std::thread::spawn(move || attempts.charge(1001, 9000).unwrap().is_ok())
        };
        let many: Vec<_> = (0..16).map(|_| one()).collect();
        assert_eq!(many.into_iter().filter_map(|one| one.join().ok()).filter(|ok| *ok).count(), 5);
    }

    #[test]
    fn a_file_of_another_owner_or_mode_is_an_error() {
        let (directory, attempts) = attempts();
        attempts.charge(1001, 9000).unwrap().unwrap();
        let inside = |name: &str| directory.path().join("run/confirming").join(name);
        symlink(inside("1001"), inside("1002")).unwrap();
        assert!(attempts.charge(1002, 9000).is_err());
        fs::set_permissions(inside("1001"), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        assert!(attempts.charge(1001, 9000).is_err() && attempts.wait(1001, 9000).is_err());
    }
}
