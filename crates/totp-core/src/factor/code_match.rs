//! What a code turned out to be, whatever kind of factor it was checked against.

use crate::time::Seconds;

/// What a code is to one authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeMatch {
    /// Right, and not used yet.
    Right {
        /// What is used up with it, in the factor's own count: [`crate::ledger::Progress::used_up_to`].
        used_up_to: u64,
    },
    /// Right, but used before.
    Replayed {
        /// In what time the next one comes, where that is a matter of time.
        next_code: Option<Seconds>,
    },
    /// A used one, because the clock stands this much before the last accepted code.
    ClockBack(Seconds),
    /// One that may have been used before this boot; a later one is good in this time.
    BeforeBoot(Seconds),
    /// None that is right now.
    Wrong,
}

/// By how much a clock is off, for a code that would be right by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOff {
    /// Steps that the phone's clock is ahead of this machine's, or behind if negative.
    pub steps: i64,
    /// The same in seconds.
    pub seconds: i64,
}
