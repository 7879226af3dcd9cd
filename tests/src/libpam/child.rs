//! A login in a forked child, as in sshd: the parent has libpam in memory, the child loads the modules.

use super::Handle;
use super::conversation::Conversation;
use crate::login::{Call, Login, PamCode, Stage};
use nix::libc::_exit;
use nix::unistd::{ForkResult, Pid};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Runs `work` in a forked child, which ends with it: status 0, or 1 when it panicked. The caller waits for it.
///
/// # Panics
/// When this process has more threads than one, or the fork fails.
pub fn fork(work: impl FnOnce()) -> Pid {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
    assert_eq!(threads, 1, "only a process of one thread can be forked and go on");
    // SAFETY: fork(2) lets the child of a process of one thread do whatever its parent could.
    match unsafe { nix::unistd::fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let panicked = catch_unwind(AssertUnwindSafe(work)).is_err();
            // SAFETY: _exit(2) has no preconditions. Nothing of the parent's is flushed or dropped twice.
            unsafe { _exit(i32::from(panicked)) }
        }
    }
}

/// Makes one login in this process and tells how long it took from `pam_start` to `pam_end`.
#[inline(never)]
pub fn timed(login: &mut Login) -> (PamCode, Duration) {
    let mut go_on = |_: Stage| {};
    let mut conversation = Conversation::new(login, &mut go_on);
    let conv = conversation.as_c();
    let begun = Instant::now();
    let Ok(mut handle) = Handle::start(login, &conv) else { return (PamCode::ABORT, begun.elapsed()) };
    let code = handle.ask(Call::Authenticate, 0);
    handle.end(code);
    (PamCode(code), begun.elapsed())
}
