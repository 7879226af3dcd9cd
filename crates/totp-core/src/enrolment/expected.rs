//! The enrolment over which a change was permitted.

use crate::credential::Credential;
use crate::id::Id;

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
