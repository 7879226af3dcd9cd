//! What a call came to, and the one table that turns it into a PAM code.

use crate::arguments::ArgumentError;
use crate::caller_guard::NotRestored;
use crate::enrolment_aborted::EnrolmentAborted;
use pam::constants::PamResultCode;
use totp_core::enrolment::{Enrolled, EnrolmentError};
use totp_core::keyring::OpenError;
use totp_core::login::{JudgeError, Reason, Refusal, Verified};
use totp_core::policy::{Exemption, Unenrolled};
use totp_core::store::StoreError;
use totp_host::accounts::AccountError;
use totp_host::clock::ClockError;
use totp_host::settings::SettingsError;

/// What a call came to.
pub(crate) enum Outcome {
    /// A code was right and its use is recorded.
    Accepted(Verified),
    /// Not enrolled before: enrolled by this login, whose code was right and is recorded as used.
    Enrolled(Enrolled),
    /// The login was to enrol, and did not. Nothing was changed.
    EnrolmentAborted(EnrolmentAborted),
    /// A rule of the policy asked for no code.
    Exempted(Exemption),
    /// A rule of the policy asked for no code, and nobody has vouched for the person yet: the rest of the stack decides.
    Ignored(Exemption),
    /// The user is provably not enrolled, and the policy lets such users past.
    NotEnrolled(Unenrolled),
    /// Not let in.
    Refused(Refusal),
    /// Something is broken; nobody can be let in.
    LoginError(LoginError),
    /// The service file has the module on a line of another type than `auth`.
    Misplaced { facility: &'static str },
}

/// What is broken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    #[error(transparent)]
    Config(SettingsError),
    #[error(transparent)]
    Keyring(SettingsError),
    #[error("the application gave no user name, or one that is not UTF-8 (PAM error {0}): see what it asks")]
    NoUser(i32),
    #[error(transparent)]
    Database(#[from] AccountError),
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Enrolment(EnrolmentError),
    #[error(transparent)]
    CallerGuard(#[from] NotRestored),
    #[error("there is a mistake in pam_totp itself: please report it")]
    Panic,
    #[error("{file}: {trouble}")]
    Unusable { file: String, trouble: JudgeError },
}

impl From<EnrolmentError> for LoginError {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Store(error) => Self::Store(error),
            EnrolmentError::Credential(_)
            | EnrolmentError::Seal(_)
            | EnrolmentError::NoAuthenticator
            | EnrolmentError::Unconfirmed
            | EnrolmentError::AlreadyEnrolled
            | EnrolmentError::Changed
            | EnrolmentError::NotEnrolled
            | EnrolmentError::BrokenLedger
            | EnrolmentError::OtherAccount => Self::Enrolment(error),
        }
    }
}

impl LoginError {
    /// What `trouble` is about: what the store names, else the files of `user`.
    pub(crate) fn judging(trouble: JudgeError, credential: String, ledger: String) -> Self {
        match trouble {
            JudgeError::Store(error) => Self::Store(error),
            JudgeError::Open(OpenError::MissingKey { ref keyring, .. }) => {
                Self::Unusable { file: keyring.display().to_string(), trouble }
            }
            JudgeError::Open(OpenError::DoesNotOpen { .. }) | JudgeError::OtherAccount => {
                Self::Unusable { file: credential, trouble }
            }
            JudgeError::LedgerDoesNotFit => Self::Unusable { file: ledger, trouble },
        }
    }
}

/// `pam_sm_setcred` has nothing to do; refusing would fail logins that were accepted.
pub(crate) const CREDENTIALS_SET: PamResultCode = PamResultCode::PAM_SUCCESS;

/// The table. `PAM_SUCCESS` for a [`Verified`], an [`Enrolled`] or a [`Exemption`], `PAM_IGNORE` for an [`Unenrolled`] or
/// a [`Exemption`] that would be all there is, and for nothing else
/// (CVE-2025-23013: `PAM_IGNORE` on an error opened a module).
impl From<Outcome> for PamResultCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted(Verified { .. }) => Self::PAM_SUCCESS,
            Outcome::Enrolled(Enrolled { .. }) => Self::PAM_SUCCESS,
            Outcome::Exempted(Exemption { .. }) => Self::PAM_SUCCESS,
            Outcome::Ignored(Exemption { .. }) | Outcome::NotEnrolled(Unenrolled { .. }) => Self::PAM_IGNORE,
            Outcome::Refused(refusal) => match refusal.reason {
                Reason::Wrong
                | Reason::ClockOff(_)
                | Reason::Replayed
                | Reason::ClockBack(_)
                | Reason::BeforeBoot(_)
                | Reason::Late
                | Reason::Malformed
                | Reason::NotEnrolled
                | Reason::UnknownUser
                | Reason::Busy => Self::PAM_AUTH_ERR,
                Reason::Limited(_) | Reason::Locked(_) | Reason::Disabled => Self::PAM_MAXTRIES,
                Reason::Conversation => Self::PAM_CONV_ERR,
            },
            Outcome::EnrolmentAborted(why) => match why {
                EnrolmentAborted::Cancelled
                | EnrolmentAborted::NotConfirmed(_)
                | EnrolmentAborted::Late
                | EnrolmentAborted::Meanwhile
                | EnrolmentAborted::NotAuthorised(_)
                | EnrolmentAborted::KeysRotated => Self::PAM_AUTH_ERR,
                EnrolmentAborted::Limited(_) => Self::PAM_MAXTRIES,
                EnrolmentAborted::Conversation => Self::PAM_CONV_ERR,
            },
            Outcome::LoginError(login_error) => match login_error {
                LoginError::Argument(_) | LoginError::Config(_) => Self::PAM_SERVICE_ERR,
                LoginError::NoUser(_) => Self::PAM_USER_UNKNOWN,
                LoginError::Panic => Self::PAM_ABORT,
                LoginError::Keyring(_)
                | LoginError::Database(_)
                | LoginError::Clock(_)
                | LoginError::Store(_)
                | LoginError::Enrolment(_)
                | LoginError::CallerGuard(_)
                | LoginError::Unusable { .. } => Self::PAM_SYSTEM_ERR,
            },
            Outcome::Misplaced { .. } => Self::PAM_SERVICE_ERR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::account_recovery::TokenRefused;

    fn code(outcome: Outcome) -> PamResultCode {
        outcome.into()
    }

    #[test]
    fn no_trouble_opens_or_is_ignored() {
        let troubles = [
            Outcome::LoginError(LoginError::Argument(ArgumentError::Config)),
            Outcome::LoginError(LoginError::Keyring(SettingsError::KeyringMissing("/k".into()))),
            Outcome::LoginError(LoginError::NoUser(4)),
            Outcome::LoginError(LoginError::Clock(ClockError::Before1970)),
            Outcome::LoginError(LoginError::judging(JudgeError::OtherAccount, "/c".into(), "/l".into())),
            Outcome::LoginError(EnrolmentError::AlreadyEnrolled.into()),
            Outcome::Misplaced { facility: "account" },
            Outcome::EnrolmentAborted(EnrolmentAborted::Cancelled),
            Outcome::EnrolmentAborted(EnrolmentAborted::Meanwhile),
            Outcome::EnrolmentAborted(EnrolmentAborted::NotAuthorised(TokenRefused::Missing)),
            Outcome::EnrolmentAborted(EnrolmentAborted::KeysRotated),
            Outcome::EnrolmentAborted(EnrolmentAborted::Conversation),
        ];
        for outcome in troubles {
            let code = code(outcome);
            assert!(!matches!(code, PamResultCode::PAM_SUCCESS | PamResultCode::PAM_IGNORE), "{code:?}");
        }
    }

    #[test]
    fn a_stranger_is_answered_like_a_wrong_code() {
        let wrong = code(Outcome::Refused(Reason::Wrong.into()));
        for reason in [Reason::UnknownUser, Reason::NotEnrolled, Reason::Malformed] {
            assert_eq!(code(Outcome::Refused(reason.into())), wrong);
        }
        assert_eq!(code(Outcome::Refused(Reason::Disabled.into())), PamResultCode::PAM_MAXTRIES);
    }
}
