//! A step of a reset: who takes it and why, what the config demands of it, why it is refused, and what the owner is told.

use crate::misleading::misleads;
use crate::time::Seconds;
use serde::Serialize;

/// The person behind a command, as the system knows them. Uid 0 is no named person: a root shell or a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The uid, by which persons are told apart.
    pub uid: u32,
    /// The account's name, for people.
    pub name: String,
}

/// A step of a reset that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetStep {
    /// By whom.
    pub by: Person,
    /// When, seconds since 1970.
    pub at: u64,
}

/// The longest reason, in characters.
const LONGEST_REASON: usize = 200;

/// The reason for a reset, as the operator gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ResetReason(String);

impl ResetReason {
    /// Parses a reason: not empty, short enough, and one line.
    ///
    /// # Errors
    /// [`ResetReasonError`].
    pub fn parse(text: &str) -> Result<Self, ResetReasonError> {
        let text = text.trim();
        let is_fit = !text.is_empty() && text.chars().count() <= LONGEST_REASON && !text.contains(misleads);
        if is_fit { Ok(Self(text.to_owned())) } else { Err(ResetReasonError) }
    }

    /// The reason of a document. Characters that an earlier version took are read, and escaped where they are shown: an error
    /// would keep the reset from being cancelled.
    pub(super) fn stored(text: &str) -> Result<Self, ResetReasonError> {
        let is_fit =
            !text.is_empty() && text.chars().count() <= LONGEST_REASON && !text.contains(char::is_control);
        if is_fit { Ok(Self(text.to_owned())) } else { Err(ResetReasonError) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The reason is empty, too long or not readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a reason is one line of 1 to {LONGEST_REASON} characters, without control characters, invisible characters or characters that change the direction of text"
)]
pub struct ResetReasonError;

/// A requested reset, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetNotice {
    /// When, seconds since 1970; not zero.
    pub at: u64,
    /// When the request expires, seconds since 1970.
    pub until: u64,
    /// By whom: the uid.
    pub by: u32,
}

/// The highest number of approvals that the config can demand.
pub const MOST_APPROVALS: u32 = 3;

/// The `[reset]` section of the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetRules {
    /// The wait after the last needed approval, or after the request if none is needed.
    pub cooldown: Seconds,
    /// The number of operators, besides the one who requests the reset, who have to approve it, 0 to
    /// [`MOST_APPROVALS`].
    pub approvals: u32,
    /// How long after the request the reset can be completed.
    pub expires: Seconds,
    /// How long the token is valid.
    pub token_for: Seconds,
}

impl ResetRules {
    /// The defaults.
    pub const DEFAULT: Self =
        Self { cooldown: Seconds(3600), approvals: 1, expires: Seconds(86400), token_for: Seconds(86400) };
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResetError {
    /// The operator is the owner of the enrolment.
    #[error("you cannot reset your own second factor: ask an operator to request the reset")]
    Own,
    /// A reset is already pending.
    #[error("a reset of this account was already requested: approve it, or cancel it first")]
    Requested,
    /// It would void a valid token.
    #[error(
        "the token of an earlier reset is still valid: the owner can enrol with it; if it is lost, an operator of that reset can make a new one with \"totp-enroll reset complete\", or void it with \"totp-enroll reset cancel\""
    )]
    TokenOut,
    /// The enrolment is withdrawn, and this operator did not take part.
    #[error(
        "a token was already issued: only an operator who requested, approved or completed the reset can issue a new one"
    )]
    NoPart,
    /// The reset was cancelled after the enrolment was withdrawn.
    #[error("the reset was cancelled: request it again, or enrol the account as an operator")]
    CalledOff,
    /// The operator who requested the reset cannot approve it.
    #[error("you requested this reset: another operator has to approve it")]
    SamePerson,
    /// Each operator approves once.
    #[error("you have already approved this reset: another operator has to approve it")]
    ApprovedBefore,
    /// Uid 0 is no named person.
    #[error("approvals must come from a named administrator through sudo; a root shell does not count")]
    NobodyInPerson,
    /// No approval is missing.
    #[error("this reset already has all the approvals it needs")]
    Enough,
    /// Approvals are missing.
    #[error(
        "{} more {} needed: another operator runs \"totp-enroll reset approve\"",
        .0,
        if *.0 == 1 { "approval is" } else { "approvals are" }
    )]
    Unapproved(usize),
    /// The cool-down is not over.
    #[error("the cool-down ends in {0}: complete the reset after that")]
    Cooling(Seconds),
    /// The request has expired.
    #[error("the request has expired: request the reset again")]
    Expired,
    /// The cool-down would end after the request expires.
    #[error(
        "the request would expire before the end of the cool-down: cancel it and request the reset again"
    )]
    TooLate,
    /// The reset is about another enrolment.
    #[error(
        "the enrolment has changed since the request: check it with \"totp-enroll status\", then request the reset again"
    )]
    Void,
    /// The enrolment is already withdrawn.
    #[error("the enrolment is already removed: the owner enrols again with the token")]
    Withdrawn,
}

impl ResetError {
    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Requested => "requested_before",
            Self::TokenOut => "token_out",
            Self::NoPart => "no_part",
            Self::CalledOff => "called_off",
            Self::SamePerson => "same_person",
            Self::ApprovedBefore => "approved_before",
            Self::NobodyInPerson => "nobody_in_person",
            Self::Enough => "enough",
            Self::Unapproved(_) => "unapproved",
            Self::Cooling(_) => "cooling",
            Self::Expired => "expired",
            Self::TooLate => "too_late",
            Self::Void => "void",
            Self::Withdrawn => "withdrawn",
        }
    }
}
