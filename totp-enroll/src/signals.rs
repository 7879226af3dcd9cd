//! A stretch in which Ctrl-C waits: from the moment that an enrolment is changed until what comes of it was shown.

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// While this lives, signals from the terminal wait. The store would be whole without it; recovery codes that nobody
/// saw would not help anybody.
pub(crate) struct Undisturbed {
    before: Option<SigSet>,
}

impl Undisturbed {
    pub(crate) fn begin() -> Self {
        let signals = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP];
        let waiting: SigSet = signals.into_iter().collect();
        // Where it fails the work is done all the same, as safely as before.
        Self { before: waiting.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok() }
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // The mask was the thread's own, so it is a valid one.
            let _ = before.thread_set_mask();
        }
    }
}

/// Ctrl-Z does nothing in the command: stopped while it holds someone's ledger, it would keep that person out.
pub(crate) fn never_stop() {
    let _ = [Signal::SIGTSTP].into_iter().collect::<SigSet>().thread_block();
}
