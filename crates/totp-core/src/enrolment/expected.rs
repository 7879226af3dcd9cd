//! What a change was permitted over.

use crate::credential::Credential;
use crate::id::Id;

/// What is in place for a user. A change is permitted over what was in place when someone was asked, and over nothing
/// that came meanwhile: a permission must not outlive the enrolment that it was given for.
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
    /// What a credential that was read, or could not be, stands for.
    #[must_use]
    pub fn of<C: std::borrow::Borrow<Credential>, E>(credential: Option<Result<C, E>>) -> Self {
        match credential {
            None => Self::Nothing,
            Some(Err(_)) => Self::Unreadable,
            Some(Ok(credential)) => Self::Enrolment(credential.borrow().owner().id),
        }
    }
}
