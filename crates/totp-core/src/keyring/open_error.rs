//! Why a seal does not open, in the words of what was sealed: an enrolment can be made anew, a token of the inventory cannot.

use std::fmt;

/// What a seal is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealOf {
    /// The credential of an account.
    Credential,
    /// A token of the inventory.
    Token,
}

/// Why a seal does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The keyring has no key of that id.
    #[error("key \"{id}\" is not in {keyring}: restore the keyring that this {what} was sealed with")]
    MissingKey {
        /// The id that the document names.
        id: String,
        /// The name of the keyring: its file, say.
        keyring: String,
        /// What was sealed.
        what: SealOf,
    },
    /// The ciphertext or the additional data was changed.
    #[error("the {what} cannot be decrypted with key \"{id}\": it was modified, or belongs to another {}", .what.way_on())]
    DoesNotOpen {
        /// The id that the document names.
        id: String,
        /// What was sealed.
        what: SealOf,
    },
}

impl OpenError {
    /// The same about a token of the inventory.
    pub(crate) fn of_token(mut self) -> Self {
        match &mut self {
            Self::MissingKey { what, .. } | Self::DoesNotOpen { what, .. } => *what = SealOf::Token,
        }
        self
    }
}

impl SealOf {
    /// What else it may belong to, and what to do.
    fn way_on(self) -> &'static str {
        match self {
            Self::Credential => "user or machine; enrol again",
            Self::Token => {
                "token or machine; if the keyring is not the right one, restore that; if it is, remove the token's document, import the \
                 token again, and revoke it unless it is assigned then"
            }
        }
    }
}

impl fmt::Display for SealOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credential => "credential",
            Self::Token => "token",
        })
    }
}
