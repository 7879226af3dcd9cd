//! A stretch in which Ctrl-C waits: from the moment that an enrolment is changed until what comes of it was shown.

use nix::sys::signal::{SigSet, Signal};

/// While this lives, signals from the terminal wait. The store would be whole without it; recovery codes that nobody
/// saw would not help anybody.
pub(crate) struct Undisturbed {
    waiting: SigSet,
}

impl Undisturbed {
    pub(crate) fn begin() -> Self {
        let signals = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP];
        let waiting: SigSet = signals.into_iter().collect();
        // Where it fails the work is done all the same, as safely as before.
        let _ = waiting.thread_block();
        Self { waiting }
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        let _ = self.waiting.thread_unblock();
    }
}
