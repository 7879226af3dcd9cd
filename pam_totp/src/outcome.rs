//! The outcome of a login, and the one table that turns it into a PAM code.

use nix::errno::Errno;
use pam::constants::PamResultCode;
use totp_core::account_recovery::ResetNotice;
use totp_core::account_recovery::TokenRefused;
use totp_core::enrolment::draft::NotConfirmed;
use totp_core::enrolment::{Enrolled, EnrolmentError};
use totp_core::keyring::OpenError;
use totp_core::login::{JudgeError, Reason, Refusal, Unrecorded, Verified};
use totp_core::lost_lines::Pace;
use totp_core::module_arguments::ArgumentError;
use totp_core::policy::{Exemption, Unenrolled};
use totp_core::store::{Document, StoreError};
use totp_core::time::Seconds;
use totp_host::config_and_keyring::SettingsError;
use totp_host::machine::{AccountError, ClockError};

/// The outcome of a login.
pub(crate) enum Outcome {
    /// A code was right and its use is recorded.
    Accepted(Verified),
    /// Not enrolled before: enrolled by this login, whose code was right and is recorded as used.
    Enrolled(Enrolled),
    /// The login was to enrol, and did not. Nothing was changed.
    EnrolmentAborted(EnrolmentAborted),
    /// A rule of the policy asked for no code. The notice is that of a reset, if the ledger was looked at and has one.
    Exempted { exemption: Exemption, reset_notice: Option<ResetNotice> },
    /// A rule of the policy asked for no code, but no first factor was passed yet: the rest of the stack decides.
    Ignored(Exemption),
    /// The user is provably not enrolled, and the policy allows that.
    NotEnrolled(Unenrolled),
    /// Refused.
    Refused(Refusal),
    /// A locked account was asked for a recovery code after a first factor, and the answer was refused too.
    StillLocked { refusal: Refusal, caller: CallerAtMaxTries },
    /// A code was looked at, and the result could not be recorded: refused like a wrong code. If it was the answer to the second
    /// question of a locked account, there is a caller.
    Unrecorded { unrecorded: Unrecorded, caller: Option<CallerAtMaxTries> },
    /// Refused, because there is no answer to judge.
    Unanswered(Unanswered),
    /// Something does not work, and nobody can log in.
    LoginError(LoginError),
    /// The service file has the module on a line of another type than `auth`.
    Misplaced { facility: &'static str },
}

impl Outcome {
    /// The same, as the outcome of the second question to a locked account.
    pub(crate) fn after_lock(self, caller: CallerAtMaxTries) -> Self {
        if let Self::Refused(refusal) = self {
            return Self::StillLocked { refusal, caller };
        }
        if let Self::Unrecorded { unrecorded, .. } = self {
            return Self::Unrecorded { unrecorded, caller: Some(caller) };
        }
        self
    }

    /// Whether it shows that this account needs no code, as others do.
    pub(crate) fn shows_who_needs_no_code(&self) -> bool {
        match self {
            Self::Ignored(exemption) => exemption.is_of_the_account(),
            Self::NotEnrolled(_) => true,
            Self::Accepted(_)
            | Self::Refused(_)
            | Self::StillLocked { .. }
            | Self::Unrecorded { .. }
            | Self::Unanswered(_)
            | Self::Exempted { .. }
            | Self::Enrolled(_)
            | Self::EnrolmentAborted(_)
            | Self::LoginError(_)
            | Self::Misplaced { .. } => false,
        }
    }

    /// The refusal that the person is still to be told of: a lock was told before the second question.
    pub(crate) fn refusal_to_tell(&self) -> Option<&Refusal> {
        let is_told = matches!(self, Self::StillLocked { refusal, .. } if refusal.reason.is_lock());
        self.refusal().filter(|_| !is_told)
    }

    /// The refusal that the person is told of. A code whose use could not be recorded looks like a wrong one.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal)
            | Self::StillLocked { refusal, .. }
            | Self::Unrecorded { unrecorded: Unrecorded { as_wrong: refusal, .. }, .. } => Some(refusal),
            Self::Accepted(_)
            | Self::Enrolled(_)
            | Self::EnrolmentAborted(_)
            | Self::Exempted { .. }
            | Self::Ignored(_)
            | Self::NotEnrolled(_)
            | Self::Unanswered(_)
            | Self::LoginError(_)
            | Self::Misplaced { .. } => None,
        }
    }

    /// Which lost lines about such outcomes are counted: one a minute of those that cost a stranger nothing.
    pub(crate) fn pace_of_lost_lines(&self) -> Pace {
        match self {
            Self::Refused(refusal)
            | Self::StillLocked { refusal, .. }
            | Self::Unrecorded { unrecorded: Unrecorded { as_wrong: refusal, .. }, .. } => {
                match refusal.reason {
                    Reason::Wrong
                    | Reason::ClockOff(_)
                    | Reason::Replayed
                    | Reason::ClockBack(_)
                    | Reason::BeforeBoot(_) => Pace::Each,
                    // Without another authenticator nothing is charged.
                    Reason::CounterEnded
                    | Reason::OutOfStep
                    | Reason::Malformed
                    | Reason::Limited(_)
                    | Reason::Locked(_)
                    | Reason::Disabled
                    | Reason::OverBudget
                    | Reason::NotEnrolled
                    | Reason::UnknownUser
                    | Reason::Busy => Pace::OneAMinute,
                }
            }
            Self::Accepted(_)
            | Self::Enrolled(_)
            | Self::Exempted { .. }
            | Self::Ignored(_)
            | Self::NotEnrolled(_) => Pace::Each,
            Self::EnrolmentAborted(_)
            | Self::Unanswered(_)
            | Self::LoginError(_)
            | Self::Misplaced { .. } => Pace::OneAMinute,
        }
    }
}

/// Why there is no answer to judge. Nothing was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The answer came too late.
    Late,
    /// The conversation gave no answer.
    Conversation,
    /// A locked account was asked for a recovery code, and the conversation gave no answer: the program has one answer.
    RecoveryCode,
}

impl Unanswered {
    /// The word in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Conversation | Self::RecoveryCode => "conversation",
        }
    }
}

/// What a program does when it gets `PAM_MAXTRIES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallerAtMaxTries {
    /// It ends the login and says so.
    EndsLogin,
    /// It fails.
    Fails,
}

/// The services of programs that fail at `PAM_MAXTRIES`. cockpit-session reports it as an internal error, and the browser then
/// has no form. xsecurelock's `authproto_pam` and other screen lockers do not ask again. sshd then offers no method any more, and
/// OpenSSH's client tries all that it has (`authmethod_get` in sshconnect2.c): it asks for a password, which nobody takes.
pub(crate) const FAIL_AT_MAXTRIES: [&str; 12] = [
    "cockpit",
    "gtklock",
    "hyprlock",
    "i3lock",
    "kde",
    "physlock",
    "sshd",
    "swaylock",
    "vlock",
    "waylock",
    "xscreensaver",
    "xsecurelock",
];

impl CallerAtMaxTries {
    /// The program behind a PAM service.
    pub(crate) fn of(service: &str) -> Self {
        if FAIL_AT_MAXTRIES.contains(&service) { Self::Fails } else { Self::EndsLogin }
    }
}

/// Why a login that was to enrol did not. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnrolmentAborted {
    /// The user cancelled.
    Cancelled,
    /// Too many codes were tried for this account in a short time; try again after this time.
    Limited(Seconds),
    /// Too many codes were wrong; the last one for this reason.
    NotConfirmed(NotConfirmed),
    /// An answer came too late.
    Late,
    /// The conversation gave no answer, or took no text.
    Conversation,
    /// Another process enrolled the account, or it may no longer be enrolled here.
    Meanwhile,
    /// The account was reset, and the reset token was not typed or is no longer valid.
    NotAuthorised(TokenRefused),
    /// The keys were rotated: the one that sealed the new enrolment may be removed soon.
    KeysRotated,
}

/// Why nobody can log in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    #[error(transparent)]
    Config(SettingsError),
    #[error(transparent)]
    Keyring(SettingsError),
    #[error("the application gave no user name, or one that is not UTF-8 (PAM error {0}): check its log")]
    NoUser(i32),
    #[error(transparent)]
    Database(#[from] AccountError),
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Enrolment(EnrolmentError),
    #[error("the program's own uid could not be restored (setresuid: {}): end the program", .0.desc())]
    CallerGuard(Errno),
    #[error("a bug in pam_totp ended the login: please report it")]
    Panic,
    #[error("{file}: {error}")]
    Unusable { file: String, error: JudgeError },
}

impl From<EnrolmentError> for LoginError {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Store(error) => Self::Store(error),
            EnrolmentError::Credential(_)
            | EnrolmentError::Seal(_)
            | EnrolmentError::Reseal(_)
            | EnrolmentError::LastAuthenticator
            | EnrolmentError::BeingReset
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
    /// Names what the error is about; `name_of` says what a document of the user is called in the store.
    pub(crate) fn judging(error: JudgeError, name_of: impl FnOnce(Document) -> String) -> Self {
        let file = match error {
            JudgeError::Store(error) => return Self::Store(error),
            JudgeError::Open(OpenError::MissingKey { ref keyring, .. }) => keyring.clone(),
            JudgeError::Open(OpenError::DoesNotOpen { .. }) | JudgeError::OtherAccount => {
                name_of(Document::Credential)
            }
            JudgeError::LedgerDoesNotFit => name_of(Document::Ledger),
        };
        Self::Unusable { file, error }
    }
}

/// `pam_sm_setcred` has no credentials to set; an error would refuse logins that were accepted.
pub(crate) const CREDENTIALS_SET: PamResultCode = PamResultCode::PAM_SUCCESS;

/// An account line with `confirm_source` decides nothing: the other lines do.
pub(crate) const ACCOUNT_NOT_JUDGED: PamResultCode = PamResultCode::PAM_IGNORE;

/// The table. `PAM_SUCCESS` only for a [`Verified`], an [`Enrolled`] or an [`Exemption`]; `PAM_IGNORE` only for an
/// [`Unenrolled`], or an [`Exemption`] where no first factor was passed. (CVE-2025-23013: in another module `PAM_IGNORE` on an
/// error let users in.) `PAM_MAXTRIES` only for a locked account that was asked for a recovery code, which is after a first
/// factor: a stranger gets the same code for every account.
impl From<Outcome> for PamResultCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted(Verified { .. }) => Self::PAM_SUCCESS,
            Outcome::Enrolled(Enrolled { .. }) => Self::PAM_SUCCESS,
            Outcome::Exempted { exemption: Exemption { .. }, .. } => Self::PAM_SUCCESS,
            Outcome::Ignored(Exemption { .. }) | Outcome::NotEnrolled(Unenrolled { .. }) => Self::PAM_IGNORE,
            Outcome::Refused(refusal) => match refusal.reason {
                Reason::Wrong
                | Reason::ClockOff(_)
                | Reason::Replayed
                | Reason::ClockBack(_)
                | Reason::BeforeBoot(_)
                | Reason::CounterEnded
                | Reason::OutOfStep
                | Reason::Malformed
                | Reason::NotEnrolled
                | Reason::UnknownUser
                | Reason::Busy
                | Reason::Limited(_)
                | Reason::Locked(_)
                | Reason::Disabled
                | Reason::OverBudget => Self::PAM_AUTH_ERR,
            },
            Outcome::Unrecorded { caller: None, .. } => Self::PAM_AUTH_ERR,
            Outcome::StillLocked { caller, .. } | Outcome::Unrecorded { caller: Some(caller), .. } => {
                match caller {
                    CallerAtMaxTries::EndsLogin => Self::PAM_MAXTRIES,
                    CallerAtMaxTries::Fails => Self::PAM_AUTH_ERR,
                }
            }
            Outcome::Unanswered(Unanswered::Late | Unanswered::RecoveryCode) => Self::PAM_AUTH_ERR,
            Outcome::Unanswered(Unanswered::Conversation) => Self::PAM_CONV_ERR,
            Outcome::EnrolmentAborted(why) => match why {
                EnrolmentAborted::Cancelled
                | EnrolmentAborted::Limited(_)
                | EnrolmentAborted::NotConfirmed(_)
                | EnrolmentAborted::Late
                | EnrolmentAborted::Meanwhile
                | EnrolmentAborted::NotAuthorised(_)
                | EnrolmentAborted::KeysRotated => Self::PAM_AUTH_ERR,
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
#[path = "outcome_tests.rs"]
mod tests;
