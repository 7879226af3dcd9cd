//! What a login came to, sealed until it is recorded: [`Verified`] is made here, and nowhere else.

use crate::account_recovery::ResetNotice;
use crate::credential::{Authenticator, Label};
use crate::factor::{ClockOff, Codes, FactorKind, Windows};
use crate::id::Id;
use crate::ledger::{LastLogin, Ledger, Record};
use crate::lockout::LockState;
use crate::recovery;
use crate::secret::Secret;
use crate::store::{Held, StoreError};
use crate::time::{Now, Seconds};

/// What a login came to.
pub enum Verdict {
    /// The code was right and its use is recorded.
    Accepted(Verified),
    /// It was not let in.
    Refused(Refusal),
}

impl From<Reason> for Verdict {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}

/// Proof that a code was right and that its use is recorded. It is made in one place, after the ledger was replaced.
pub struct Verified {
    method: Method,
    credential: Id,
    since_last: SinceLast,
}

impl Verified {
    /// What it was accepted by.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// What happened since the login before it.
    #[must_use]
    pub fn since_last(&self) -> SinceLast {
        self.since_last
    }

    /// The enrolment that the code was one of.
    #[must_use]
    pub fn credential(&self) -> Id {
        self.credential
    }
}

/// What a login was accepted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// A code of a factor.
    Code {
        /// The authenticator's label.
        authenticator: Label,
        /// Its kind.
        kind: FactorKind,
        /// How many digits the code had.
        digits: u8,
    },
    /// A recovery code.
    RecoveryCode {
        /// Whose making it was.
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

/// What happened since the login before this one, for the person to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SinceLast {
    /// That login.
    pub login: Option<LastLogin>,
    /// How many wrong codes in a row came after it.
    pub wrong: u32,
    /// Whether a device that is still remembered was remembered at it or after it.
    pub device: bool,
    /// That someone asked to reset the enrolment, expired or not.
    pub reset: Option<ResetNotice>,
}

impl SinceLast {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let last = ledger.last_login();
        let device = last.is_some_and(|last| ledger.devices.iter().any(|device| device.since >= last.at));
        Self { login: last, wrong: ledger.failures.consecutive(), device, reset: ledger.notice }
    }
}

/// A verdict nobody has seen yet. What it says comes out only by recording what belongs to it ([`SealedVerdict::commit`]).
pub(super) struct SealedVerdict {
    record: Option<Record>,
    decided: Decided,
}

/// What is in a sealed verdict.
pub(super) enum Decided {
    /// The code was right.
    Right { method: Method, credential: Id, since_last: SinceLast },
    /// It was not, and this is why.
    Refused(Refusal),
    /// It is no code of this user's.
    Wrong { lock: Option<Seconds>, search: ClockSearch },
}

impl SealedVerdict {
    /// Seals what was decided until `record` is recorded. `None`: it changed nothing, or nothing that is not recorded already.
    pub(super) fn until(record: Option<Record>, decided: Decided) -> Self {
        Self { record, decided }
    }

    /// Records what belongs to the verdict, and only then says it. Both the hold and the seal are used up.
    ///
    /// # Errors
    /// [`StoreError`]; then the verdict is gone unseen.
    pub(super) fn commit<H: Held>(self, mut held: H) -> Result<Verdict, StoreError> {
        if let Some(record) = &self.record {
            held.replace(record.ledger(), record.durability())?;
        }
        drop(held);
        Ok(match self.decided {
            // The one place where success by a code is made.
            Decided::Right { method, credential, since_last } => {
                Verdict::Accepted(Verified { method, credential, since_last })
            }
            Decided::Refused(refusal) => Verdict::Refused(refusal),
            // Nothing waits for the search: it only tells the log whether a clock is off.
            Decided::Wrong { lock, search } => {
                let reason = search.run().map_or(Reason::Wrong, Reason::ClockOff);
                Verdict::Refused(Refusal { reason, lock, next_code: None })
            }
        })
    }
}

/// Whether a wrong code would be right by a clock that is off.
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
