//! What is judged, by what rules, and why it cannot be.

use crate::code::Answer;
use crate::config::Config;
use crate::factor::Windows;
use crate::keyring::OpenError;
use crate::lockout::Limit;
use crate::store::StoreError;
use crate::user::Account;
use std::time::Duration;

/// What the config asks for.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How far the windows of the factors reach.
    pub windows: Windows,
    /// How many tries, how fast.
    pub limit: Limit,
}

impl From<&Config> for Rules {
    fn from(config: &Config) -> Self {
        Self { windows: config.windows(), limit: config.limit }
    }
}

/// An answer that was given for an account.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    /// Whose code it is to be.
    pub account: &'a Account,
    /// What was typed.
    pub answer: &'a Answer,
    /// By what it is judged.
    pub rules: &'a Rules,
    /// How long others who hold the same user are waited for.
    pub patience: Duration,
}

/// Why nothing could be judged. Nobody is let in, and nobody is taken for not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The store has no answer.
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
    /// The ledger has no place for an authenticator of the credential.
    #[error(
        "the ledger does not fit the credential: \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes"
    )]
    LedgerDoesNotFit,
}
