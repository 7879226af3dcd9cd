//! What a reset takes, as the config says.

use crate::time::Seconds;

/// The most approvals that the config can ask for.
pub const MOST_APPROVALS: u32 = 3;

/// What the config asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetRules {
    /// How long nothing happens after the last approval that was needed, or after the request if none is.
    pub cooldown: Seconds,
    /// How many operators beside the one who requests it have to approve, 0 to [`MOST_APPROVALS`].
    pub approvals: u32,
    /// How long after the request it can be completed.
    pub expires: Seconds,
    /// How long the token is good that it leaves.
    pub token_for: Seconds,
}

impl ResetRules {
    /// Of a machine whose config says nothing of it.
    pub const DEFAULT: Self =
        Self { cooldown: Seconds(3600), approvals: 1, expires: Seconds(86400), token_for: Seconds(86400) };
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResetError {
    /// The owner of the enrolment is no operator of this reset.
    #[error("you cannot reset your own second factor: ask an operator to request the reset")]
    Own,
    /// There is one on its way.
    #[error("a reset of this account was already requested: approve it, or cancel it first")]
    Requested,
    /// It would void a token that someone may hold.
    #[error(
        "the token of an earlier reset is still valid: the owner can enrol with it; if it is lost, an operator of that reset can make a new one with \"totp-enroll reset complete\", or void it with \"totp-enroll reset cancel\""
    )]
    TokenOut,
    /// The enrolment is withdrawn, and they had no part in that.
    #[error(
        "a token was already issued: only an operator who requested, approved or completed the reset can issue a new one"
    )]
    NoPart,
    /// An operator called it off when nobody was enrolled.
    #[error("the reset was cancelled: request it again, or enrol the account as an operator")]
    CalledOff,
    /// Anyone who requested it does not approve it.
    #[error("you requested this reset: another operator has to approve it")]
    SamePerson,
    /// One approval each.
    #[error("you have already approved this reset: another operator has to approve it")]
    ApprovedBefore,
    /// Approvals are given by persons.
    #[error("approvals must come from a named administrator through sudo; a root shell does not count")]
    NobodyInPerson,
    /// There are enough.
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
    /// Too old.
    #[error("the request has expired: request the reset again")]
    Expired,
    /// Its cool-down would end after it.
    #[error(
        "the request would expire before the end of the cool-down: cancel it and request the reset again"
    )]
    TooLate,
    /// It is about another enrolment.
    #[error(
        "the enrolment has changed since the request: check it with \"totp-enroll status\", then request the reset again"
    )]
    Void,
    /// Its enrolment is withdrawn.
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
