//! The inputs of a judgement, and the errors that prevent one.

use crate::code::Answer;
use crate::config::Config;
use crate::factor::Windows;
use crate::keyring::OpenError;
use crate::lockout::Limit;
use crate::store::StoreError;
use crate::user::Account;
use std::time::Duration;

/// The rules of the config.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How far the windows of the factors reach.
    pub windows: Windows,
    /// The limit on attempts.
    pub limit: Limit,
}

impl From<&Config> for Rules {
    fn from(config: &Config) -> Self {
        Self { windows: config.windows(), limit: config.limit }
    }
}

/// An answer to be judged.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    /// The account that wants to log in.
    pub account: &'a Account,
    /// What was typed.
    pub answer: &'a Answer,
    /// The rules that apply.
    pub rules: &'a Rules,
    /// How long to wait for another process that holds the user.
    pub patience: Duration,
}

/// Why nothing could be judged. Such a login is refused, and never treated as not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A seal does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The account of that name is not the one that was enrolled.
    #[error(
        "the account's uid differs from the enrolled one: if it is the same person, enrol again with --replace"
    )]
    OtherAccount,
    /// The ledger lacks an entry for an authenticator of the credential.
    #[error(
        "the ledger does not fit the credential: \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes"
    )]
    LedgerDoesNotFit,
}
