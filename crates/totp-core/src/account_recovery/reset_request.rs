//! The parts of a reset request: the persons, their steps, the reason, and the notice in the ledger.

use serde::Serialize;

/// The person behind a command, as the system knows them. Uid 0 is no named person: a root shell or a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The uid, by which persons are told apart.
    pub uid: u32,
    /// The account's name, for people.
    pub name: String,
}

/// A step of a reset that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetStep {
    /// By whom.
    pub by: Person,
    /// When, seconds since 1970.
    pub at: u64,
}

/// The longest reason, in characters.
const LONGEST_REASON: usize = 200;

/// The reason for a reset, as the operator gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ResetReason(String);

impl ResetReason {
    /// Parses a reason: not empty, short enough, and one line.
    ///
    /// # Errors
    /// [`ResetReasonError`].
    pub fn parse(text: &str) -> Result<Self, ResetReasonError> {
        let text = text.trim();
        let is_fit =
            !text.is_empty() && text.chars().count() <= LONGEST_REASON && !text.chars().any(misleads);
        if is_fit { Ok(Self(text.to_owned())) } else { Err(ResetReasonError) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, line ends and characters that change the direction of text (Unicode UAX #9), with which a
/// terminal would show other words.
fn misleads(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The reason is empty, too long or not readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a reason is one line of 1 to {LONGEST_REASON} characters, without control characters or characters that change the direction of text"
)]
pub struct ResetReasonError;

/// A requested reset, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetNotice {
    /// When, seconds since 1970; not zero.
    pub at: u64,
    /// When the request expires, seconds since 1970.
    pub until: u64,
    /// By whom: the uid.
    pub by: u32,
}
