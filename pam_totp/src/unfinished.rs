//! Why a login that was to enrol somebody did not.

use totp_core::draft::NotConfirmed;
use totp_core::readmission::NotTaken;
use totp_core::time::Seconds;

/// Why a login ended without having enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfinished {
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
    /// Somebody else enrolled the account, or it may no longer be enrolled here.
    Meanwhile,
    /// A reset waits for its ticket, which was not shown or is no longer good.
    NotAdmitted(NotTaken),
    /// The keys were rotated, and the one that sealed the enrolment may be gone soon.
    KeysRotated,
}
