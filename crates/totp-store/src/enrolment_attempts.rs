//! The tries at new authenticators, as files under the runtime directory, one for each account by its uid: gone at reboot, and
//! root's alone.

use crate::directory::{Directory, make_private, open_private};
use crate::error::FileError;
use crate::guard::system;
use crate::lock::{Lock, Locked, lock};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use totp_core::enrolment::attempts::RecentAttempts;
use totp_core::store::{EnrolmentAttempts, StoreError};
use totp_core::time::Seconds;

/// The directory's name below `paths.runtime`.
pub const ATTEMPTS: &str = "confirming";
/// More than so many bytes are none of ours: five timestamps.
const LONGEST: usize = 128;

/// The tries of this machine, under `paths.runtime` of the config.
#[derive(Debug, Clone)]
pub struct AttemptFiles {
    runtime: PathBuf,
}

impl AttemptFiles {
    /// Nothing is opened or made yet.
    #[must_use]
    pub fn new(runtime: &Path) -> Self {
        Self { runtime: runtime.to_owned() }
    }

    fn there(&self) -> Result<Option<Directory>, FileError> {
        match self.directory() {
            Ok(directory) => Ok(Some(directory)),
            Err(FileError::System { source: Errno::ENOENT, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn directory(&self) -> Result<Directory, FileError> {
        open_private(&self.runtime, ATTEMPTS)
    }
}

impl EnrolmentAttempts for AttemptFiles {
    fn wait(&self, uid: u32, now: u64) -> Result<Option<Seconds>, StoreError> {
        let Some(directory) = self.there()? else { return Ok(None) };
        Ok(hold(&directory, uid)?.and_then(|held| held.tried.wait(now)))
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
            return match held.tried.charge(now) {
                Ok(()) => Ok(Ok(held.write()?)),
                Err(wait) => Ok(Err(wait)),
            };
        }
    }

    fn forget(&self, uid: u32) -> Result<bool, StoreError> {
        let Some(directory) = self.there()? else { return Ok(false) };
        // Held until it is gone: anyone who waits for it looks for it again.
        let held = hold(&directory, uid)?;
        directory.remove(&uid.to_string())?;
        Ok(held.is_some_and(|held| held.tried != RecentAttempts::default()))
    }
}

/// The tries of an account, held; `None`: there are none. A number only names the file: nothing that anybody chose becomes a
/// path (CVE-2014-2583).
fn hold(directory: &Directory, uid: u32) -> Result<Option<HeldTries>, FileError> {
    let name = uid.to_string();
    let path = directory.path.join(&name);
    loop {
        let Some(fd) = directory.file(&name, OFlag::O_RDWR)? else { return Ok(None) };
        match lock(fd, &path, Instant::now().checked_add(PATIENCE))? {
            Lock::Locked(file) => {
                let mut bytes = [0; LONGEST];
                let length = file.read_at(&mut bytes, 0).map_err(|error| system(&path, "read", &error))?;
                let tried = RecentAttempts::decode(bytes.get(..length).unwrap_or_default());
                return Ok(Some(HeldTries { file, path, tried }));
            }
            Lock::Gone => {}
            Lock::Busy => {
                let problem = "is held by another process all the time: try again";
                return Err(FileError::Busy { file: path, problem });
            }
        }
    }
}

/// It is held for some microseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// The tries of one account while nobody else can count.
struct HeldTries {
    file: Locked,
    path: PathBuf,
    tried: RecentAttempts,
}

impl HeldTries {
    /// In one write of one length: a kill leaves what was there, or this.
    fn write(&self) -> Result<(), FileError> {
        let mut line = self.tried.encode().into_bytes();
        line.resize(LONGEST, b'\n');
        self.file.write_all_at(&line, 0).map_err(|error| system(&self.path, "write", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    fn confirmations() -> (tempfile::TempDir, AttemptFiles) {
        let directory = tempfile::tempdir().unwrap();
        let confirmations = AttemptFiles::new(&directory.path().join("run"));
        (directory, confirmations)
    }

    #[test]
    fn tries_are_counted_for_each_account_across_runs() {
        let (directory, first) = confirmations();
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
    fn what_a_kill_left_half_made_keeps_nobody_out() {
        for first in ["wait", "charge", "forget"] {
            let (directory, confirmations) = confirmations();
            let confirming = directory.path().join("run/confirming");
            fs::create_dir_all(&confirming).unwrap();
            fs::set_permissions(&confirming, PermissionsExt::from_mode(0o700)).unwrap();
            chown(&confirming, None, Some(1001)).unwrap();
            match first {
                "wait" => assert_eq!(confirmations.wait(1001, 9000).unwrap(), None),
                "charge" => assert_eq!(confirmations.charge(1001, 9000).unwrap(), Ok(())),
                _ => assert!(!confirmations.forget(1001).unwrap()),
            }
            assert_eq!(fs::metadata(&confirming).unwrap().gid(), 0, "{first}");
        }
    }

    #[test]
    fn of_many_at_once_five_are_counted() {
        let (_directory, confirmations) = confirmations();
        // Threads have one number, which names the draft of a file that is made: it is there before they come.
        assert_eq!(confirmations.charge(1001, 1000).unwrap(), Ok(()));
        let one = || {
            let confirmations = confirmations.clone();
            std::thread::spawn(move || confirmations.charge(1001, 9000).unwrap().is_ok())
        };
        let many: Vec<_> = (0..16).map(|_| one()).collect();
        assert_eq!(many.into_iter().filter_map(|one| one.join().ok()).filter(|ok| *ok).count(), 5);
    }

    #[test]
    fn what_is_not_roots_own_file_is_an_error() {
        let (directory, confirmations) = confirmations();
        confirmations.charge(1001, 9000).unwrap().unwrap();
        let inside = |name: &str| directory.path().join("run/confirming").join(name);
        symlink(inside("1001"), inside("1002")).unwrap();
        assert!(confirmations.charge(1002, 9000).is_err());
        fs::set_permissions(inside("1001"), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        assert!(confirmations.charge(1001, 9000).is_err() && confirmations.wait(1001, 9000).is_err());
    }
}
