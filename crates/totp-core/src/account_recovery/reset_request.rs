//! A step of a reset, and the person who took it.

use serde::Serialize;

/// Who asks, as the system knows the person behind root. Uid 0 is nobody in person: a root shell, a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The uid; persons are told apart by it.
    pub uid: u32,
    /// The account's name, for people.
    pub name: String,
}

/// A step of a reset that someone took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetStep {
    /// By whom.
    pub by: Person,
    /// When, seconds since 1970.
    pub at: u64,
}

/// Longest reason, in characters.
const LONGEST_REASON: usize = 200;

/// Why a reset is asked for, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ResetReason(String);

impl ResetReason {
    /// Parses what was given: something, short enough, and in one line.
    ///
    /// # Errors
    /// [`ResetReasonError`] says what it has to be.
    pub fn parse(text: &str) -> Result<Self, ResetReasonError> {
        let text = text.trim();
        let is_fit =
            !text.is_empty() && text.chars().count() <= LONGEST_REASON && !text.chars().any(misleads);
        if is_fit { Ok(Self(text.to_owned())) } else { Err(ResetReasonError) }
    }

    /// As they were given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Controls, line ends, and what turns the direction of writing (Unicode UAX #9): a terminal would show other words.
fn misleads(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A reason that nobody could read later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a reason is one line of 1 to {LONGEST_REASON} characters, without control characters or characters that change the direction of text"
)]
pub struct ResetReasonError;

/// That a reset was requested, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetNotice {
    /// When, seconds since 1970; not zero.
    pub at: u64,
    /// When the request expires, seconds since 1970.
    pub until: u64,
    /// By whom: the uid.
    pub by: u32,
}
