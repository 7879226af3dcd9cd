//! Pending signals, for which nix has no calls.

use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use std::mem::MaybeUninit;
use std::ptr;

/// Whether this signal waits for the thread or the process (sigpending(2)).
pub(crate) fn is_pending(signal: Signal) -> bool {
    let mut pending = MaybeUninit::uninit();
    // SAFETY: the pointer is to memory for one set, which sigpending(2) fills.
    if unsafe { libc::sigpending(pending.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: it returned zero, so it has filled the set.
    let pending = unsafe { pending.assume_init() };
    // SAFETY: sigpending(2) promises a valid set.
    unsafe { SigSet::from_sigset_t_unchecked(pending) }.contains(signal)
}

/// Takes a blocked signal that waits, if there is one, so that nothing is delivered when it is no longer blocked (sigtimedwait(2)).
pub(crate) fn take(signal: Signal) {
    let mut set = SigSet::empty();
    set.add(signal);
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid set and a time that live for the call; null asks for no details. An error means that none waits.
    let _ = unsafe { libc::sigtimedwait(set.as_ref(), ptr::null_mut(), &raw const at_once) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_waits_until_it_is_taken() {
        let mut set = SigSet::empty();
        set.add(Signal::SIGXFSZ);
        set.thread_block().unwrap();
        take(Signal::SIGXFSZ);
        assert!(!is_pending(Signal::SIGXFSZ));
        nix::sys::signal::raise(Signal::SIGXFSZ).unwrap();
        assert!(is_pending(Signal::SIGXFSZ) && !is_pending(Signal::SIGUSR1));
        take(Signal::SIGXFSZ);
        assert!(!is_pending(Signal::SIGXFSZ));
        set.thread_unblock().unwrap();
    }
}
