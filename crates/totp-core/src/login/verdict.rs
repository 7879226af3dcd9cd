//! What a verdict says: how a login was accepted, or why it was refused. And why nothing could be judged.

use crate::account_recovery::ResetNotice;
use crate::audit_event::{Event, Name};
use crate::code::ClockOff;
use crate::credential::Label;
use crate::factor::{FactorKind, Unusable};
use crate::keyring::OpenError;
use crate::ledger::LastLogin;
use crate::lockout::{CountedIn, LockState, Warning};
use crate::recovery::RecoveryKind;
use crate::store::StoreError;
use crate::time::Seconds;

/// How a login was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// A code of a factor.
    Code {
        /// The authenticator's label.
        authenticator: Label,
        /// The kind of factor.
        kind: FactorKind,
        /// How many digits the code had.
        digits: u8,
    },
    /// A recovery code.
    RecoveryCode {
        /// Who made the set of codes.
        kind: RecoveryKind,
        /// How many are left.
        left: usize,
    },
}

/// What happened since the previous login, for the person to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SinceLast {
    /// The previous login.
    pub login: Option<LastLogin>,
    /// How many wrong codes came after it, from all sources.
    pub wrong: u32,
    /// How many of them came from sources that were not known, and from how many places at least.
    pub foreign: Option<ForeignTries>,
    /// Whether a device that is still remembered was added at that login or later.
    pub device: bool,
    /// A requested reset, expired or not.
    pub reset: Option<ResetNotice>,
}

/// Wrong codes from sources that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignTries {
    /// How many.
    pub wrong: u32,
    /// From at least so many places.
    pub places: u32,
}

/// Why a login was refused, and what followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// The length of the lock that this attempt started.
    pub lock: Option<Seconds>,
    /// For a used code: the wait for the next one.
    pub next_code: Option<Seconds>,
    /// For a wrong code: what it can mean to a person with a counter token. It depends on the enrolment and the length of the code,
    /// not on what the code is.
    pub token: Option<TokenAdvice>,
    /// Someone is guessing: the owner is to be told.
    pub warning: Option<Warning>,
    /// The row that a try from there is counted in; `None`: nothing was judged.
    pub row: Option<CountedIn>,
}

/// What a wrong code can mean to a person with a counter token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAdvice {
    /// The token may be too far ahead: two codes, one after the other, resynchronise it.
    MayBeAhead,
    /// Codes of this length are not accepted from the token now.
    Unusable(Unusable),
}

/// A code was looked at, and the result could not be recorded. It is answered like a wrong code, right or wrong: a person who can
/// make the record fail, by a limit on the size of files, must not learn which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrecorded {
    /// The refusal of a wrong code.
    pub as_wrong: Refusal,
    /// Why it could not be recorded, for the log.
    pub error: StoreError,
}

impl Unrecorded {
    /// The reason in the log.
    pub const REASON: &'static str = "unrecorded";

    /// The event for the log, begun by `about`.
    #[must_use]
    pub fn event(&self, about: impl FnOnce(Name) -> Event) -> Event {
        let Self { as_wrong, error } = self;
        let name = if as_wrong.lock.is_some() { Name::Locked } else { Name::Refused };
        about(name)
            .field("reason", Self::REASON)
            .maybe("seconds", as_wrong.lock.map(|lock| lock.0))
            .field("file", error.about())
            .maybe("line", error.line())
            .field("problem", error.problem())
    }
}

/// Why a login was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The code is wrong.
    Wrong,
    /// The code is right for a clock that is off by this: the phone's or this machine's.
    ClockOff(ClockOff),
    /// The code was used before.
    Replayed,
    /// The machine's clock is this much before the last accepted code.
    ClockBack(Seconds),
    /// The code may have been used before this boot; a later one is accepted after this wait.
    BeforeBoot(Seconds),
    /// The token's counter is at its end: it has no further code.
    CounterEnded,
    /// It is not known how far the token was used, so two codes, one after the other, are needed.
    OutOfStep,
    /// The answer cannot be a code. Nothing was charged.
    Malformed,
    /// Too many attempts in a short time; wait this long.
    Limited(Seconds),
    /// Locked for this time.
    Locked(Seconds),
    /// Disabled after too many wrong codes.
    Disabled,
    /// The year's budget for guessing is used up.
    OverBudget,
    /// The user has no enrolment.
    NotEnrolled,
    /// Neither the system nor the store knows the user.
    UnknownUser,
    /// Other processes held the ledger until the deadline.
    Busy,
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
            Self::CounterEnded => "counter_ended",
            Self::OutOfStep => "out_of_step",
            Self::Malformed => "malformed",
            Self::Limited(_) => "limited",
            Self::Locked(_) => "locked",
            Self::Disabled => "disabled",
            Self::OverBudget => "budget",
            Self::NotEnrolled => "not_enrolled",
            Self::UnknownUser => "unknown_user",
            Self::Busy => "busy",
        }
    }

    /// Whether no code was looked at because of wrong ones before it. A recovery code is.
    #[must_use]
    pub fn is_lock(self) -> bool {
        match self {
            Self::Limited(_) | Self::Locked(_) | Self::Disabled | Self::OverBudget => true,
            Self::Wrong
            | Self::ClockOff(_)
            | Self::Replayed
            | Self::ClockBack(_)
            | Self::BeforeBoot(_)
            | Self::CounterEnded
            | Self::OutOfStep
            | Self::Malformed
            | Self::NotEnrolled
            | Self::UnknownUser
            | Self::Busy => false,
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
            LockState::OverBudget => Self::OverBudget,
        }
    }
}

impl From<Unusable> for Reason {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Ended => Self::CounterEnded,
            Unusable::OutOfStep => Self::OutOfStep,
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, lock: None, next_code: None, token: None, warning: None, row: None }
    }
}

/// Why nothing could be judged. Such a login is refused, and never treated as not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A seal does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The account of that name is not the one that was enrolled.
    #[error(
        "the account's uid differs from the enrolled one: if it is the same person, enrol again with --replace"
    )]
    OtherAccount,
    /// The ledger lacks an entry for an authenticator of the credential.
    #[error(
        "the ledger does not fit the credential: \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes"
    )]
    LedgerDoesNotFit,
}
