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
    #[error("nobody resets their own second factor: it takes operators who know who you are")]
    Own,
    /// There is one on its way.
    #[error("a reset of this account is on its way already: approve it, or cancel it first")]
    Requested,
    /// It would void a token that someone may hold.
    #[error(
        "a token of this account is out and still good: its owner enrols with it; if it is lost, \"reset complete\" by anyone who requested, approved or completed the reset shows another, and \"reset cancel\" voids it"
    )]
    TokenOut,
    /// The enrolment is withdrawn, and they had no part in that.
    #[error("a token is out: another one is made by anyone who requested, approved or completed the reset")]
    NoPart,
    /// An operator called it off when nobody was enrolled.
    #[error("the reset was called off: request it again, or enrol the account as an operator")]
    CalledOff,
    /// Anyone who requested it does not approve it.
    #[error("anyone who requested a reset does not approve it: that takes another operator")]
    SamePerson,
    /// One approval each.
    #[error("you have approved it already: that takes another operator")]
    ApprovedBefore,
    /// Approvals are given by persons.
    #[error("root is nobody in person: an approval is given through sudo, from an operator's own login")]
    NobodyInPerson,
    /// There are enough.
    #[error("it has the approvals that it needs")]
    Enough,
    /// Approvals are missing.
    #[error("it lacks approvals ({0}): \"totp-enroll reset approve\", by another operator")]
    Unapproved(usize),
    /// The cool-down is not over.
    #[error("it has to wait for another {0}, so that the owner of the account can object")]
    Cooling(Seconds),
    /// Too old.
    #[error("the request has expired: request it again")]
    Expired,
    /// Its cool-down would end after it.
    #[error("the request expires before the cool-down would be over: cancel it and request it again")]
    TooLate,
    /// It is about another enrolment.
    #[error("the enrolment was changed since the request: look at it, and request the reset again")]
    Void,
    /// Its enrolment is withdrawn.
    #[error("the enrolment is withdrawn already: the token is what counts now")]
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
