//! The serial number of a token.

use std::fmt;
use std::str::FromStr;

/// The most characters of a serial number.
const LONGEST: usize = 64;

/// The serial number of a token: 1 to 64 letters (`A` to `Z`, `a` to `z`), digits, `-`, `_` and `.`, the first of them a letter or
/// a digit. It is therefore safe as a file's name, on a command line and in the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(String);

/// The text is no serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the serial number must be 1 to {LONGEST} letters A to Z, a to z, digits, \"-\", \"_\" and \".\", the first a letter or a digit"
)]
pub struct SerialError;

impl Serial {
    /// A serial number of this text, to the letter: upper and lower case differ.
    ///
    /// # Errors
    /// [`SerialError`].
    pub fn new(text: &str) -> Result<Self, SerialError> {
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let whole = begins && text.len() <= LONGEST && text.bytes().all(is_allowed);
        if whole { Ok(Self(text.to_owned())) } else { Err(SerialError) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Serial {
    type Err = SerialError;

    fn from_str(text: &str) -> Result<Self, SerialError> {
        Self::new(text)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_safe_as_a_file_name() {
        for good in ["1", "987654321", "UBOM-0012_3.4", &"a".repeat(64)] {
            assert_eq!(Serial::new(good).unwrap().as_str(), good);
        }
        for bad in
            ["", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n", "a\0", "é", "a:b", "*", &"a".repeat(65)]
        {
            assert_eq!(Serial::new(bad), Err(SerialError), "{bad:?}");
        }
    }
}
