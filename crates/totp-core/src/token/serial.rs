//! The serial number of a token: its name in the inventory, and its label in an enrolment.

use crate::credential::{LONGEST_LABEL, Label};
use crate::document::{Field, Value};
use std::fmt;

/// The serial number of a token: 1 to 32 ASCII letters, digits, `-`, `_` and `.`, the first of them a letter or a digit. Upper and
/// lower case differ. It is safe as the name of a file, on a command line and in the log, and it is as long as a [`Label`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(String);

/// The text is no serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a serial number has 1 to {LONGEST_LABEL} characters: letters A to Z, a to z, digits, \"-\", \"_\" and \".\", and begins with a letter or a digit"
)]
pub struct SerialError;

impl Serial {
    /// Parses a serial number.
    ///
    /// # Errors
    /// [`SerialError`].
    pub fn parse(text: &str) -> Result<Self, SerialError> {
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let whole = begins && text.len() <= LONGEST_LABEL && text.bytes().all(is_allowed);
        if whole { Ok(Self(text.to_owned())) } else { Err(SerialError) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The label of the token's authenticator in an enrolment.
    #[must_use]
    pub fn label(&self) -> Label {
        Label(self.0.clone())
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'t> Field<'t> for Serial {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Self::parse(<&str>::read(value)?).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_a_file_name_and_a_label() {
        for good in ["1", "987654321", "UBOM-0012_3.4", &"a".repeat(32)] {
            let serial = Serial::parse(good).unwrap();
            assert_eq!(Label::parse(serial.as_str()).unwrap(), serial.label());
        }
        for bad in ["", ".", "..", ".a", "-a", "a/b", "a b", "a\n", "a\0", "é", "a:b", &"a".repeat(33)] {
            assert_eq!(Serial::parse(bad), Err(SerialError), "{bad:?}");
        }
    }
}
