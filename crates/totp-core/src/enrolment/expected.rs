//! The enrolment over which a change was permitted, and why an enrolment is not changed.

use crate::credential::{AddError, Credential, CredentialError, ResealError};
use crate::keyring::SealError;
use crate::random::EntropyError;
use crate::random::Id;
use crate::store::error::StoreError;

/// What a user was enrolled with when a change was permitted. The change is made over that and nothing else: a
/// permission does not extend to a later enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedEnrolment {
    /// No enrolment.
    Nothing,
    /// A credential that cannot be read.
    Unreadable,
    /// This enrolment.
    Enrolment(Id),
}

impl ExpectedEnrolment {
    /// Of a credential as it was read; `None` where there is none.
    #[must_use]
    pub fn of<C: std::borrow::Borrow<Credential>, E>(credential: Option<Result<C, E>>) -> Self {
        match credential {
            None => Self::Nothing,
            Some(Err(_)) => Self::Unreadable,
            Some(Ok(credential)) => Self::Enrolment(credential.borrow().owner().id),
        }
    }
}

/// Why an enrolment was not changed. The old enrolment, if any, is whole.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The authenticator cannot be added to the credential.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// Nothing could be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A seal of the enrolment does not open, or none can be made.
    #[error(transparent)]
    Reseal(#[from] ResealError),
    /// Without its last authenticator, an enrolment would lock its user out.
    #[error(
        "this is the only authenticator of the user: add another one first, or remove the enrolment with \"totp-enroll disable USER\""
    )]
    LastAuthenticator,
    /// A change of the id would end the reset.
    #[error(
        "a reset of the enrolment is pending: complete or cancel it first, see \"totp-enroll reset list\""
    )]
    BeingReset,
    /// An enrolment without an authenticator would lock its user out.
    #[error("no authenticator was given to enrol")]
    NoAuthenticator,
    /// No code confirmed an authenticator that was to open a login at once.
    #[error("no code of the new authenticator was entered")]
    Unconfirmed,
    /// The user is enrolled, and replacing that was not permitted.
    #[error("the user is already enrolled")]
    AlreadyEnrolled,
    /// Another process changed the enrolment while this change was being permitted.
    #[error(
        "another login or command changed the enrolment: check it with \"totp-enroll status\", then start again"
    )]
    Changed,
    /// The user is not enrolled.
    #[error("the user is not enrolled")]
    NotEnrolled,
    /// The ledger is broken; only a repair may touch it.
    #[error(
        "the ledger is missing or broken: \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes"
    )]
    BrokenLedger,
    /// The account of that name is not the one that was enrolled.
    #[error("the account's uid differs from the enrolled one: enrol again with --replace")]
    OtherAccount,
}

impl From<AddError> for EnrolmentError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Credential(error) => Self::Credential(error),
            AddError::Seal(error) => Self::Seal(error),
        }
    }
}

impl From<EntropyError> for EnrolmentError {
    fn from(error: EntropyError) -> Self {
        Self::Seal(error.into())
    }
}
