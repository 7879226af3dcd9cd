//! Why a command failed: what happened, what to do, and the exit status.

use std::path::PathBuf;
use totp_core::account_recovery::AccountRecoveryError;
use totp_core::account_recovery::ResetError;
use totp_core::enrolment::EnrolmentError;
use totp_core::login::JudgeError;
use totp_core::store::StoreError;
use totp_host::config_and_keyring::SettingsError;
use totp_host::machine::{AccountError, ClockError};

/// The error that ends a command. Its kind sets the exit status.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: ErrorKind,
    pub(crate) problem: String,
    pub(crate) file: Option<PathBuf>,
    pub(crate) line: Option<usize>,
    /// The document on standard output reports it already.
    pub(crate) is_reported: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorKind {
    Refused,
    Usage,
    NotEnrolled,
    NotPermitted,
    NotYet,
}

impl CommandError {
    /// Refused or failed: exit status 1.
    pub(crate) fn refused(problem: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Refused, problem: problem.into(), file: None, line: None, is_reported: false }
    }

    /// Wrong usage: exit status 2.
    pub(crate) fn usage(problem: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Usage, ..Self::refused(problem) }
    }

    /// The account is not enrolled: exit status 3.
    pub(crate) fn not_enrolled(user: &str) -> Self {
        let problem = format!("{user} is not enrolled; to enrol, run \"totp-enroll enroll {user}\"");
        Self { kind: ErrorKind::NotEnrolled, ..Self::refused(problem) }
    }

    /// The operator may not do this: exit status 4.
    pub(crate) fn not_permitted(problem: impl Into<String>) -> Self {
        Self { kind: ErrorKind::NotPermitted, ..Self::refused(problem) }
    }

    /// Time alone will change it, and the same command will succeed later: exit status 5.
    pub(crate) fn not_yet(problem: impl Into<String>) -> Self {
        Self { kind: ErrorKind::NotYet, ..Self::refused(problem) }
    }

    /// Adds the file, and the line if there is one. A file that is already set is kept: it is closer to the cause.
    pub(crate) fn at(self, file: impl Into<PathBuf>, line: Option<usize>) -> Self {
        match self.file {
            Some(_) => self,
            None => Self { file: Some(file.into()), line, ..self },
        }
    }

    /// Rewrites the message, for example to add a hint.
    pub(crate) fn explained(self, problem: impl FnOnce(&str) -> String) -> Self {
        Self { problem: problem(&self.problem), ..self }
    }

    /// Marks it as reported by the printed document: only the exit status is left to set.
    pub(crate) fn reported(self) -> Self {
        Self { is_reported: true, ..self }
    }

    /// The exit status of the process.
    pub(crate) fn status(&self) -> u8 {
        match self.kind {
            ErrorKind::Refused => 1,
            ErrorKind::Usage => 2,
            ErrorKind::NotEnrolled => 3,
            ErrorKind::NotPermitted => 4,
            ErrorKind::NotYet => 5,
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::refused(error.problem()).at(error.about(), error.line())
    }
}

impl From<SettingsError> for CommandError {
    fn from(error: SettingsError) -> Self {
        Self::refused(error.to_string()).at(error.about(), error.line())
    }
}

impl From<ClockError> for CommandError {
    fn from(error: ClockError) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<AccountError> for CommandError {
    fn from(error: AccountError) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<JudgeError> for CommandError {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Store(error) => error.into(),
            other @ (JudgeError::Open(_) | JudgeError::OtherAccount | JudgeError::LedgerDoesNotFit) => {
                Self::refused(other.to_string())
            }
        }
    }
}

impl From<EnrolmentError> for CommandError {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Store(error) => error.into(),
            EnrolmentError::NotEnrolled => {
                Self { kind: ErrorKind::NotEnrolled, ..Self::refused(error.to_string()) }
            }
            EnrolmentError::Credential(_)
            | EnrolmentError::Seal(_)
            | EnrolmentError::Reseal(_)
            | EnrolmentError::LastAuthenticator
            | EnrolmentError::BeingReset
            | EnrolmentError::NoAuthenticator
            | EnrolmentError::Unconfirmed
            | EnrolmentError::Changed
            | EnrolmentError::AlreadyEnrolled
            | EnrolmentError::BrokenLedger
            | EnrolmentError::OtherAccount => Self::refused(error.to_string()),
        }
    }
}

impl From<AccountRecoveryError> for CommandError {
    fn from(error: AccountRecoveryError) -> Self {
        match error {
            AccountRecoveryError::Store(error) => error.into(),
            AccountRecoveryError::Refused(
                refused @ (ResetError::Own
                | ResetError::SamePerson
                | ResetError::ApprovedBefore
                | ResetError::NobodyInPerson
                | ResetError::NoPart),
            ) => Self::not_permitted(refused.to_string()),
            AccountRecoveryError::Refused(
                ResetError::Requested
                | ResetError::TokenOut
                | ResetError::CalledOff
                | ResetError::Enough
                | ResetError::Unapproved(_)
                | ResetError::Cooling(_)
                | ResetError::Expired
                | ResetError::TooLate
                | ResetError::Void
                | ResetError::Withdrawn,
            )
            | AccountRecoveryError::NoReset
            | AccountRecoveryError::NoEntropy(_) => Self::refused(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;
    use manual::{every, page};

    /// Each exit status and its meaning, from `--help`.
    fn statuses_in_help() -> Vec<(String, String)> {
        let help = Cli::command().get_long_about().unwrap().to_string();
        let (_, statuses) = help.split_once("Exit status: ").unwrap();
        let statuses = statuses.trim_end().trim_end_matches('.').split("; ");
        let pairs = statuses.map(|status| status.split_once(' ').unwrap());
        pairs.map(|(number, meaning)| (number.to_owned(), meaning.to_owned())).collect()
    }

    #[test]
    fn the_man_page_and_the_help_list_exactly_the_exit_statuses() {
        let kinds = every!(ErrorKind:
            ErrorKind::Refused => ErrorKind::Refused,
            ErrorKind::Usage => ErrorKind::Usage,
            ErrorKind::NotEnrolled => ErrorKind::NotEnrolled,
            ErrorKind::NotPermitted => ErrorKind::NotPermitted,
            ErrorKind::NotYet => ErrorKind::NotYet,
        );
        let error_statuses =
            kinds.into_iter().map(|kind| CommandError { kind, ..CommandError::refused("") }.status());
        let mut statuses: Vec<String> =
            [0].into_iter().chain(error_statuses).map(|status| status.to_string()).collect();
        statuses.sort();
        let (numbers, meanings): (Vec<String>, Vec<String>) = statuses_in_help().into_iter().unzip();
        assert_eq!(numbers, statuses);
        let items = page("totp-enroll.1").section("EXIT STATUSES").items();
        assert_eq!(items.iter().map(|item| item.head.clone()).collect::<Vec<_>>(), statuses);
        for (item, meaning) in items.iter().zip(&meanings) {
            assert!(item.body.to_lowercase().starts_with(meaning.as_str()), "{}: {meaning}", item.head);
        }
    }

    #[test]
    fn every_kind_has_the_exit_status_of_the_man_page() {
        assert_eq!(CommandError::refused("").status(), 1);
        assert_eq!(CommandError::usage("").status(), 2);
        assert_eq!(CommandError::not_enrolled("alice").status(), 3);
        assert_eq!(CommandError::from(EnrolmentError::NotEnrolled).status(), 3);
        assert_eq!(CommandError::not_permitted("").status(), 4);
        assert_eq!(CommandError::not_yet("").status(), 5);
    }
}
