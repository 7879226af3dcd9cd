//! The stretch from holding a ledger to the line in the log: anyone who started the program must not be able to stop it there.
//!
//! `su` keeps its caller's real uid, and so its caller may send it signals (kill(2)): stopped while it holds someone's
//! ledger, it would shut that person out. So signals wait, and the real uid is root's meanwhile. What remains is a frozen
//! cgroup; the log line of the login that waits in vain says where to look.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::{ResUid, getresuid, setresuid};

/// The program's own signal mask and real uid could not be restored.
#[derive(Debug, thiserror::Error)]
#[error("the program's own uid could not be put back (setresuid: {}): end it", .0.desc())]
pub(crate) struct NotRestored(Errno);

/// While it is raised, nobody but root reaches the process.
pub(crate) struct CallerGuard {
    mask: Option<SigSet>,
    uids: Option<ResUid>,
}

impl CallerGuard {
    /// What cannot be done is left undone: the login is then as safe as without.
    pub(crate) fn raise() -> Self {
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK).ok();
        let started_by_another = |uids: &ResUid| uids.effective.is_root() && !uids.real.is_root();
        let uids = getresuid().ok().filter(started_by_another);
        let uids = uids.filter(|uids| setresuid(uids.effective, uids.effective, uids.saved).is_ok());
        Self { mask, uids }
    }

    /// Restores the mask and the uids.
    pub(crate) fn lower(mut self) -> Result<(), NotRestored> {
        self.restore_uids().map_err(NotRestored)
    }

    fn restore_uids(&mut self) -> Result<(), Errno> {
        self.uids.take().map_or(Ok(()), |uids| setresuid(uids.real, uids.effective, uids.saved))
    }
}

impl Drop for CallerGuard {
    fn drop(&mut self) {
        // Only a panic comes here with something to restore, and refuses.
        let _ = self.restore_uids();
        if let Some(mask) = &self.mask {
            // The mask was the thread's own, so it is a valid one.
            let _ = mask.thread_set_mask();
        }
    }
}
