//! Keeps the user who started the program from stopping it between holding a ledger and writing the log line.
//!
//! `su` keeps its caller's real uid, so its caller may send it signals (kill(2)). If it were stopped while it holds an
//! account's ledger, that account could not log in. So signals are blocked meanwhile, and the real uid is root's. A frozen
//! cgroup can still stop it; the log line of a login that waited in vain says where to look.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::{ResUid, getresuid, setresuid};

/// The program's own real uid could not be restored.
#[derive(Debug, thiserror::Error)]
#[error("the program's own uid could not be restored (setresuid: {}): end the program", .0.desc())]
pub(crate) struct RestoreError(Errno);

/// While it exists, only root can signal the process.
pub(crate) struct CallerGuard {
    mask: Option<SigSet>,
    uids: Option<ResUid>,
}

impl CallerGuard {
    /// Blocks signals, then takes on root's real uid. A step that fails is skipped: the login is then as safe as without it.
    pub(crate) fn new() -> Self {
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK).ok();
        let started_by_user = |uids: &ResUid| uids.effective.is_root() && !uids.real.is_root();
        let uids = getresuid().ok().filter(started_by_user);
        let uids = uids.filter(|uids| setresuid(uids.effective, uids.effective, uids.saved).is_ok());
        Self { mask, uids }
    }

    /// Restores the uids and the signal mask.
    ///
    /// # Errors
    /// [`RestoreError`], where the program would go on with root's real uid: the login must be refused.
    pub(crate) fn restore(mut self) -> Result<(), RestoreError> {
        self.restore_uids().map_err(RestoreError)
    }

    fn restore_uids(&mut self) -> Result<(), Errno> {
        self.uids.take().map_or(Ok(()), |uids| setresuid(uids.real, uids.effective, uids.saved))
    }
}

impl Drop for CallerGuard {
    fn drop(&mut self) {
        // There are uids to restore only after a panic, which refuses the login.
        let _ = self.restore_uids();
        if let Some(mask) = &self.mask {
            // It was this thread's own mask, so it is valid.
            let _ = mask.thread_set_mask();
        }
    }
}
