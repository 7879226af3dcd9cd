//! The lock on a ledger's file, which is the lock on its user: taken with patience, and noticing a file that is gone.

use super::StoreError;
use super::guard::{Guard, check_file, stat_of, system};
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
pub(super) enum Lock {
    /// It is ours until it is dropped.
    Locked(Locked),
    /// It was removed while we waited.
    Gone,
    /// Somebody else had it until the deadline.
    Busy,
}

/// A file that is locked until it is dropped.
pub(super) struct Locked(File);

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

/// Locks `fd`, which was opened at `path`.
pub(super) fn lock(fd: OwnedFd, path: &Path, deadline: Option<Instant>) -> Result<Lock, StoreError> {
    let file = File::from(fd);
    let mut pause = FIRST_PAUSE;
    loop {
        match file.try_lock() {
            Ok(()) => return locked_file(Locked(file), path),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(system(path, "lock", &error)),
        }
        if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            return Ok(Lock::Busy);
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

fn locked_file(locked: Locked, path: &Path) -> Result<Lock, StoreError> {
    let file: &File = &locked;
    if stat_of(file, path)?.st_nlink == 0 {
        return Ok(Lock::Gone);
    }
    check_file(file, path, Guard::Secret)?;
    Ok(Lock::Locked(locked))
}
