//! Why a login that was to enrol someone did not.

use totp_core::account_recovery::TokenRefused;
use totp_core::enrolment::draft::NotConfirmed;
use totp_core::time::Seconds;

/// Why a login ended without having enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnrolmentAborted {
    /// The person said so.
    Cancelled,
    /// Too many codes were tried for this account in a short time; again in this time.
    Limited(Seconds),
    /// So many codes were wrong; the last one for this reason.
    NotConfirmed(NotConfirmed),
    /// An answer came too late.
    Late,
    /// The conversation gave no answer, or took no text.
    Conversation,
    /// Another process enrolled the account, or it may no longer be enrolled here.
    Meanwhile,
    /// A reset waits for its token, which was not shown or is no longer good.
    NotAuthorised(TokenRefused),
    /// The keys were rotated, and the one that sealed the enrolment may be gone soon.
    KeysRotated,
}
