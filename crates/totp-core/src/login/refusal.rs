//! Why a login was not let in.

use crate::factor::ClockOff;
use crate::lockout::LockState;
use crate::time::Seconds;

/// Why a login was not let in, and what followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The length of the lock that this try started.
    pub lock: Option<Seconds>,
    /// For a code that was used before: in what time the next one comes.
    pub next_code: Option<Seconds>,
}

/// Why a login was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No code near is this one.
    Wrong,
    /// Right for a clock that is ahead or behind by this: the phone's clock, or this machine's, is off.
    ClockOff(ClockOff),
    /// The code was used before.
    Replayed,
    /// The machine's clock stands before the last accepted code by this time.
    ClockBack(Seconds),
    /// The code may have been used before this boot; a later one is good in this time.
    BeforeBoot(Seconds),
    /// The answer came too late.
    Late,
    /// The answer cannot be a code; nothing was charged.
    Malformed,
    /// Too many tries in a short time; again in this time.
    Limited(Seconds),
    /// Locked for this time.
    Locked(Seconds),
    /// Disabled after too many wrong codes in a row.
    Disabled,
    /// The user has no enrolment.
    NotEnrolled,
    /// Neither the system nor the store knows the name.
    UnknownUser,
    /// Another process held the ledger all the time.
    Busy,
    /// The conversation gave no answer.
    Conversation,
}

impl Reason {
    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::ClockOff { .. } => "clock_off",
            Self::Replayed => "replayed",
            Self::ClockBack(_) => "clock_back",
            Self::BeforeBoot(_) => "before_boot",
            Self::Late => "late",
            Self::Malformed => "malformed",
            Self::Limited(_) => "limited",
            Self::Locked(_) => "locked",
            Self::Disabled => "disabled",
            Self::NotEnrolled => "not_enrolled",
            Self::UnknownUser => "unknown_user",
            Self::Busy => "busy",
            Self::Conversation => "conversation",
        }
    }
}

impl From<LockState> for Reason {
    fn from(state: LockState) -> Self {
        match state {
            LockState::Open => Self::Wrong,
            LockState::Limited(wait) => Self::Limited(wait),
            LockState::Locked(wait) => Self::Locked(wait),
            LockState::Disabled => Self::Disabled,
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, lock: None, next_code: None }
    }
}
