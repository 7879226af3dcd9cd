//! The lock on a ledger's file, which is the lock on its user: taken with patience, and noticing a file that is gone; and
//! the lock on a directory, for what concerns everybody in it.

use crate::directory::Directory;
use crate::error::FileError;
use crate::guard::{Guard, check_stat, stat_of, system};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// The first pause between two tries for the lock; it doubles up to [`LONGEST_PAUSE`]. A login holds it for some 100 µs.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// What waiting for a lock came to.
pub(crate) enum Lock {
    /// It is ours until it is dropped.
    Locked(Locked),
    /// It was removed while we waited.
    Gone,
    /// Another process had it until the deadline.
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
        // At once, also where a process forked meanwhile has it open. Where that fails, closing it lets go.
        let _ = self.0.unlock();
    }
}

/// Who else may have a lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Nobody.
    Alone,
    /// Others who share it.
    Shared,
}

/// Locks `fd`, which was opened at `path`.
pub(crate) fn lock(fd: OwnedFd, path: &Path, deadline: Option<Instant>) -> Result<Lock, FileError> {
    let file = File::from(fd);
    if acquire(&file, path, Share::Alone, deadline)? {
        locked_file(Locked(file), path)
    } else {
        Ok(Lock::Busy)
    }
}

/// Locks a directory that is never removed; `None`: others had it until the deadline.
pub(crate) fn lock_directory(
    directory: Directory,
    share: Share,
    deadline: Option<Instant>,
) -> Result<Option<Locked>, FileError> {
    let Directory { fd, path } = directory;
    let file = File::from(fd);
    Ok(acquire(&file, &path, share, deadline)?.then(|| Locked(file)))
}

fn acquire(file: &File, path: &Path, share: Share, deadline: Option<Instant>) -> Result<bool, FileError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let tried = match share {
            Share::Alone => file.try_lock(),
            Share::Shared => file.try_lock_shared(),
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
    check_stat(&stat, path, Guard::Secret)?;
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

    fn in_time(patience: Duration) -> Option<Instant> {
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
        let patience = in_time(Duration::from_secs(30));
        assert!(matches!(lock(opened(&file), file.path(), patience), Ok(Lock::Locked(_))));
        holder.join().unwrap();
    }

    #[test]
    fn waiting_for_a_lock_ends_at_the_deadline() {
        let file = ledger();
        let _held = lock(opened(&file), file.path(), None);
        for patience in [None, in_time(Duration::ZERO), in_time(Duration::from_millis(1))] {
            assert!(matches!(lock(opened(&file), file.path(), patience), Ok(Lock::Busy)));
        }
    }

    #[test]
    fn a_lock_is_let_go_though_a_child_has_the_file_open_still() {
        let file = ledger();
        let Ok(Lock::Locked(held)) = lock(opened(&file), file.path(), None) else { panic!("free") };
        let _inherited = held.try_clone().unwrap();
        drop(held);
        assert!(matches!(lock(opened(&file), file.path(), None), Ok(Lock::Locked(_))));
    }

    #[test]
    fn a_file_that_was_removed_meanwhile_is_no_lock() {
        let file = ledger();
        let fd = opened(&file);
        std::fs::remove_file(file.path()).unwrap();
        assert!(matches!(lock(fd, file.path(), None), Ok(Lock::Gone)));
    }

    #[test]
    fn what_cannot_be_locked_is_trouble_and_not_a_crowd() {
        let file = ledger();
        // Stands for the file without opening it.
        let fd = open(file.path(), OFlag::O_PATH, Mode::empty()).unwrap();
        assert!(lock(fd, file.path(), None).is_err());
    }
}
