//! The verdict on a login, sealed until it is recorded: [`Verified`] is made here and nowhere else.

use super::JudgeError;
use crate::account_recovery::ResetNotice;
use crate::credential::{Authenticator, Label};
use crate::factor::{ClockOff, Codes, FactorKind, Windows};
use crate::id::Id;
use crate::ledger::{LastLogin, Ledger, Record};
use crate::lockout::LockState;
use crate::recovery;
use crate::secret::Secret;
use crate::store::Held;
use crate::time::{Now, Seconds};

/// The verdict on a login.
pub enum Verdict {
    /// The code was right and its use is recorded.
    Accepted(Verified),
    /// The login is refused.
    Refused(Refusal),
}

impl From<Reason> for Verdict {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}

/// Proof that a code was right and its use is recorded. Made in one place, after the ledger was replaced.
pub struct Verified {
    method: Method,
    credential: Id,
    since_last: SinceLast,
}

impl Verified {
    /// How the login was accepted.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// What happened since the login before it.
    #[must_use]
    pub fn since_last(&self) -> SinceLast {
        self.since_last
    }

    /// The enrolment of the code.
    #[must_use]
    pub fn credential(&self) -> Id {
        self.credential
    }
}

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
        kind: recovery::RecoveryKind,
        /// How many are left.
        left: usize,
    },
}

impl Method {
    pub(super) fn of(authenticator: &Authenticator) -> Self {
        let (factor, authenticator) = (authenticator.factor(), authenticator.label().clone());
        Self::Code { authenticator, kind: factor.kind(), digits: factor.digits() }
    }
}

/// What happened since the previous login, for the person to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SinceLast {
    /// The previous login.
    pub login: Option<LastLogin>,
    /// How many wrong codes in a row came after it.
    pub wrong: u32,
    /// Whether a device that is still remembered was added at that login or later.
    pub device: bool,
    /// A requested reset, expired or not.
    pub reset: Option<ResetNotice>,
}

impl SinceLast {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let last = ledger.last_login();
        let device = last.is_some_and(|last| ledger.devices.iter().any(|device| device.since >= last.at));
        Self { login: last, wrong: ledger.failures.consecutive(), device, reset: ledger.notice }
    }
}

/// A verdict that nobody has seen. It is opened only by recording what belongs to it ([`SealedVerdict::commit`]).
pub(super) struct SealedVerdict {
    record: Option<Record>,
    decided: Decided,
}

/// The content of a sealed verdict.
pub(super) enum Decided {
    /// The code was right.
    Right { method: Method, credential: Id, since_last: SinceLast },
    /// The code was refused for this reason.
    Refused(Refusal),
    /// It is no code of this user.
    Wrong { lock: Option<Seconds>, search: ClockSearch },
    /// The look began and could not be finished.
    Failed(JudgeError),
}

impl SealedVerdict {
    /// Seals a decision until `record` is recorded. `None`: there is nothing to record, or nothing that is not recorded
    /// already.
    pub(super) fn until(record: Option<Record>, decided: Decided) -> Self {
        Self { record, decided }
    }

    /// Records what belongs to the verdict and then returns it. The hold and the seal are used up.
    ///
    /// # Errors
    /// [`JudgeError`]: the record failed, and the verdict is dropped unseen; or the look failed, and its charge is recorded.
    pub(super) fn commit<H: Held>(self, mut held: H) -> Result<Verdict, JudgeError> {
        if let Some(record) = &self.record {
            held.replace(record.ledger(), record.durability())?;
        }
        drop(held);
        Ok(match self.decided {
            // The only place where this proof is made.
            Decided::Right { method, credential, since_last } => {
                Verdict::Accepted(Verified { method, credential, since_last })
            }
            Decided::Refused(refusal) => Verdict::Refused(refusal),
            Decided::Failed(error) => return Err(error),
            // Done after the record: it only tells the log whether a clock is off.
            Decided::Wrong { lock, search } => {
                let reason = search.run().map_or(Reason::Wrong, Reason::ClockOff);
                Verdict::Refused(Refusal { reason, lock, next_code: None })
            }
        })
    }
}

/// What is needed to search whether a wrong code is right by a clock that is off.
pub(super) struct ClockSearch {
    pub(super) tried: Vec<(Codes, Option<Secret>)>,
    pub(super) windows: Windows,
    pub(super) now: Now,
}

impl ClockSearch {
    fn run(&self) -> Option<ClockOff> {
        self.tried.iter().find_map(|(codes, typed)| codes.clock_off(typed.as_ref()?, &self.windows, self.now))
    }
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
    /// The answer came too late.
    Late,
    /// The answer cannot be a code. Nothing was charged.
    Malformed,
    /// Too many attempts in a short time; wait this long.
    Limited(Seconds),
    /// Locked for this time.
    Locked(Seconds),
    /// Disabled after too many wrong codes in a row.
    Disabled,
    /// The user has no enrolment.
    NotEnrolled,
    /// Neither the system nor the store knows the user.
    UnknownUser,
    /// Other processes held the ledger until the deadline.
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
