//! The result of checking a code, for any kind of factor.

use crate::time::Seconds;

/// The result of checking a code against one authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeMatch {
    /// Right, and not used yet.
    Right {
        /// What the code uses up, in the factor's own count: [`crate::ledger::Progress::used_up_to`].
        used_up_to: u64,
    },
    /// Right, but used before.
    Replayed {
        /// The wait for the next code, if it is a matter of time.
        next_code: Option<Seconds>,
    },
    /// Used, because the clock is this much before the last accepted code.
    ClockBack(Seconds),
    /// May have been used before this boot; a later code is accepted after this wait.
    BeforeBoot(Seconds),
    /// Wrong at this time.
    Wrong,
}

/// How far a clock is off, for a code that is right by that clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOff {
    /// Steps that the phone's clock is ahead of this machine's, or behind if negative.
    pub steps: i64,
    /// The same in seconds.
    pub seconds: i64,
}
