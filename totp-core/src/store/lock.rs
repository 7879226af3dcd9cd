//! The lock on a ledger's file, which is the lock on its user: taken with patience, and noticing a file that is gone.

use super::StoreError;
use super::guard::{Guard, check_file, stat_of};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// The first pause between two tries for the lock; it doubles up to [`LONGEST_PAUSE`]. A login holds it for some 100 µs.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// What waiting for a lock came to.
pub(super) enum Lock {
    /// It is ours until it is dropped.
    Locked(Flock<File>),
    /// It was removed while we waited.
    Gone,
    /// Somebody else had it until the deadline.
    Busy,
}

/// Locks `fd`, which was opened at `path`.
pub(super) fn lock(fd: OwnedFd, path: &Path, deadline: Option<Instant>) -> Result<Lock, StoreError> {
    let mut file = File::from(fd);
    let mut pause = FIRST_PAUSE;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return locked_file(locked, path),
            Err((back, Errno::EWOULDBLOCK | Errno::EINTR)) => file = back,
            Err((_, source)) => {
                return Err(StoreError::System { file: path.to_owned(), action: "lock", source });
            }
        }
        if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            return Ok(Lock::Busy);
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

fn locked_file(locked: Flock<File>, path: &Path) -> Result<Lock, StoreError> {
    let file: &File = &locked;
    if stat_of(file, path)?.st_nlink == 0 {
        return Ok(Lock::Gone);
    }
    check_file(file, path, Guard::Secret)?;
    Ok(Lock::Locked(locked))
}
