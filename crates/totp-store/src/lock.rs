//! Locks on files and directories (flock), with a deadline. The lock on a ledger's file is the lock on its user; the lock on a
//! directory is for changes that concern every user.

use crate::directory::{Access, Directory, check_stat, stat_of, system};
use crate::error::FileError;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// The first pause between two tries; it doubles up to [`LONGEST_PAUSE`]. A login holds the lock for about 100 µs.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// The result of [`lock`].
pub(crate) enum Lock {
    /// Locked, until this is dropped.
    Locked(Locked),
    /// The file was removed meanwhile: open it anew.
    Gone,
    /// Another process held the lock until the deadline.
    Busy,
}

/// A file that is locked until it is dropped.
pub(crate) struct Locked(File);

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing is not enough if a child process inherited the file. If this fails, closing still unlocks it in all other cases.
        let _ = self.0.unlock();
    }
}

/// The mode of a lock, as in flock(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockMode {
    /// One process has it.
    Exclusive,
    /// Any number of processes have it, none of them exclusively.
    Shared,
}

/// Locks the file `fd`, which was opened at `path`, exclusively.
pub(crate) fn lock(fd: OwnedFd, path: &Path, deadline: Option<Instant>) -> Result<Lock, FileError> {
    let file = File::from(fd);
    if acquire(&file, path, LockMode::Exclusive, deadline)? {
        locked_file(Locked(file), path)
    } else {
        Ok(Lock::Busy)
    }
}

/// Locks a directory that is never removed; `None`: others held the lock until the deadline.
pub(crate) fn lock_directory(
    directory: Directory,
    mode: LockMode,
    deadline: Option<Instant>,
) -> Result<Option<Locked>, FileError> {
    let Directory { fd, path } = directory;
    let file = File::from(fd);
    Ok(acquire(&file, &path, mode, deadline)?.then(|| Locked(file)))
}

fn acquire(file: &File, path: &Path, mode: LockMode, deadline: Option<Instant>) -> Result<bool, FileError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let tried = match mode {
            LockMode::Exclusive => file.try_lock(),
            LockMode::Shared => file.try_lock_shared(),
        };
        match tried {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(system(path, "lock", &error)),
        }
        if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            return Ok(false);
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

fn locked_file(locked: Locked, path: &Path) -> Result<Lock, FileError> {
    let file: &File = &locked;
    let stat = stat_of(file, path)?;
    if stat.st_nlink == 0 {
        return Ok(Lock::Gone);
    }
    check_stat(&stat, path, Access::RootOnly)?;
    Ok(Lock::Locked(locked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::{OFlag, open};
    use nix::sys::stat::Mode;

    fn ledger() -> tempfile::NamedTempFile {
        tempfile::NamedTempFile::new().unwrap()
    }

    fn opened(file: &tempfile::NamedTempFile) -> OwnedFd {
        file.reopen().unwrap().into()
    }

    fn deadline_in(patience: Duration) -> Option<Instant> {
        Instant::now().checked_add(patience)
    }

    #[test]
    fn a_lock_released_in_time_is_taken() {
        let file = ledger();
        let Ok(Lock::Locked(held)) = lock(opened(&file), file.path(), None) else { panic!("free") };
        let waits = nix::unistd::gettid();
        let holder = std::thread::spawn(move || {
            crate::fixture::until_it_sleeps(waits);
            drop(held);
        });
        let patience = deadline_in(Duration::from_secs(30));
        assert!(matches!(lock(opened(&file), file.path(), patience), Ok(Lock::Locked(_))));
        holder.join().unwrap();
    }

    #[test]
    fn waiting_for_a_lock_ends_at_the_deadline() {
        let file = ledger();
        let _held = lock(opened(&file), file.path(), None);
        for patience in [None, deadline_in(Duration::ZERO), deadline_in(Duration::from_millis(1))] {
            assert!(matches!(lock(opened(&file), file.path(), patience), Ok(Lock::Busy)));
        }
    }

    #[test]
    fn a_lock_ends_though_a_child_inherited_the_file() {
        let file = ledger();
        let Ok(Lock::Locked(held)) = lock(opened(&file), file.path(), None) else { panic!("free") };
        let _inherited = held.try_clone().unwrap();
        drop(held);
        assert!(matches!(lock(opened(&file), file.path(), None), Ok(Lock::Locked(_))));
    }

    #[test]
    fn a_removed_file_is_not_locked() {
        let file = ledger();
        let fd = opened(&file);
        std::fs::remove_file(file.path()).unwrap();
        assert!(matches!(lock(fd, file.path(), None), Ok(Lock::Gone)));
    }

    #[test]
    fn a_file_that_cannot_be_locked_is_an_error_and_not_busy() {
        let file = ledger();
        // O_PATH names the file without opening it, and flock refuses that.
        let fd = open(file.path(), OFlag::O_PATH, Mode::empty()).unwrap();
        assert!(lock(fd, file.path(), None).is_err());
    }
}
