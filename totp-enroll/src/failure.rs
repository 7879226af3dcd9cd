//! Why a command did not do what it was asked: what happened, what to do, and the exit status.

use std::path::PathBuf;
use totp_core::account_recovery::AccountRecoveryError;
use totp_core::account_recovery::ResetError;
use totp_core::enrolment::EnrolmentError;
use totp_core::login::JudgeError;
use totp_core::store::StoreError;
use totp_host::accounts::AccountError;
use totp_host::clock::ClockError;
use totp_host::settings::SettingsError;

/// What ends a command early.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    pub(crate) problem: String,
    pub(crate) file: Option<PathBuf>,
    pub(crate) line: Option<usize>,
    /// The document on standard output says it already.
    pub(crate) told: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Refused,
    Usage,
    NotEnrolled,
    NotPermitted,
}

impl Failure {
    /// Refused or failed.
    pub(crate) fn refused(problem: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, problem: problem.into(), file: None, line: None, told: false }
    }

    /// StepInputs for in a way that cannot be done.
    pub(crate) fn usage(problem: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, ..Self::refused(problem) }
    }

    /// The user has no enrolment.
    pub(crate) fn not_enrolled(user: &str) -> Self {
        let problem = format!("{user} is not enrolled; \"totp-enroll enroll {user}\" enrols");
        Self { kind: Kind::NotEnrolled, ..Self::refused(problem) }
    }

    /// Anyone who asks may not.
    pub(crate) fn not_permitted(problem: impl Into<String>) -> Self {
        Self { kind: Kind::NotPermitted, ..Self::refused(problem) }
    }

    /// Names the file, and the line where there is one. Anyone who knew of a file first knew it best.
    pub(crate) fn at(self, file: impl Into<PathBuf>, line: Option<usize>) -> Self {
        match self.file {
            Some(_) => self,
            None => Self { file: Some(file.into()), line, ..self },
        }
    }

    /// Says more about it.
    pub(crate) fn explained(self, problem: impl FnOnce(&str) -> String) -> Self {
        Self { problem: problem(&self.problem), ..self }
    }

    /// The document that was printed says it; only the exit status is left to give.
    pub(crate) fn told(self) -> Self {
        Self { told: true, ..self }
    }

    /// The exit status of the process.
    pub(crate) fn status(&self) -> u8 {
        match self.kind {
            Kind::Refused => 1,
            Kind::Usage => 2,
            Kind::NotEnrolled => 3,
            Kind::NotPermitted => 4,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::refused(error.problem()).at(error.about(), error.line())
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::refused(error.to_string()).at(error.about(), error.line())
    }
}

impl From<ClockError> for Failure {
    fn from(error: ClockError) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<JudgeError> for Failure {
    fn from(trouble: JudgeError) -> Self {
        match trouble {
            JudgeError::Store(error) => error.into(),
            other @ (JudgeError::Open(_) | JudgeError::OtherAccount | JudgeError::LedgerDoesNotFit) => {
                Self::refused(other.to_string())
            }
        }
    }
}

impl From<EnrolmentError> for Failure {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Store(error) => error.into(),
            EnrolmentError::NotEnrolled => {
                Self { kind: Kind::NotEnrolled, ..Self::refused(error.to_string()) }
            }
            EnrolmentError::Credential(_)
            | EnrolmentError::Seal(_)
            | EnrolmentError::NoAuthenticator
            | EnrolmentError::Unconfirmed
            | EnrolmentError::Changed
            | EnrolmentError::AlreadyEnrolled
            | EnrolmentError::BrokenLedger
            | EnrolmentError::OtherAccount => Self::refused(error.to_string()),
        }
    }
}

impl From<AccountRecoveryError> for Failure {
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

    /// The numbers with what they mean, as the help of the command has them.
    fn of_the_help() -> Vec<(String, String)> {
        let help = Cli::command().get_long_about().unwrap().to_string();
        let (_, statuses) = help.split_once("Exit status: ").unwrap();
        let statuses = statuses.trim_end().trim_end_matches('.').split("; ");
        let parted = statuses.map(|status| status.split_once(' ').unwrap());
        parted.map(|(number, meaning)| (number.to_owned(), meaning.to_owned())).collect()
    }

    #[test]
    fn the_manual_and_the_help_have_every_exit_status_and_no_other() {
        let kinds = every!(Kind:
            Kind::Refused => Kind::Refused,
            Kind::Usage => Kind::Usage,
            Kind::NotEnrolled => Kind::NotEnrolled,
            Kind::NotPermitted => Kind::NotPermitted,
        );
        let of_failures = kinds.into_iter().map(|kind| Failure { kind, ..Failure::refused("") }.status());
        let mut statuses: Vec<String> =
            [0].into_iter().chain(of_failures).map(|status| status.to_string()).collect();
        statuses.sort();
        let (numbers, meanings): (Vec<String>, Vec<String>) = of_the_help().into_iter().unzip();
        assert_eq!(numbers, statuses);
        let items = page("totp-enroll.1").section("EXIT STATUSES").items();
        assert_eq!(items.iter().map(|item| item.head.clone()).collect::<Vec<_>>(), statuses);
        for (item, meaning) in items.iter().zip(&meanings) {
            assert!(item.body.to_lowercase().starts_with(meaning.as_str()), "{}: {meaning}", item.head);
        }
    }

    #[test]
    fn every_kind_has_the_exit_status_that_the_manual_gives() {
        assert_eq!(Failure::refused("").status(), 1);
        assert_eq!(Failure::usage("").status(), 2);
        assert_eq!(Failure::not_enrolled("alice").status(), 3);
        assert_eq!(Failure::from(EnrolmentError::NotEnrolled).status(), 3);
        assert_eq!(Failure::not_permitted("").status(), 4);
    }
}
