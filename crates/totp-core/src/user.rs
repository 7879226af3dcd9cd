//! The user: a name that is parsed once at the border, the file name made of it, and the account.

use base16ct::upper;
use std::fmt;

/// The longest file name of a user; leaves space for `.toml` and a temporary prefix within the 255 bytes of `NAME_MAX`.
const LONGEST_COMPONENT: usize = 240;

/// A canonical account name: not empty, without control characters, and safe as a file name through
/// [`User::component`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct User(String);

impl User {
    /// Parses a name as `getpwnam(3)` or a document gave it.
    ///
    /// # Errors
    /// [`UserError`]; the name is not repeated.
    pub fn parse(name: &str) -> Result<Self, UserError> {
        if name.is_empty() {
            return Err(UserError::Empty);
        }
        if name.chars().any(char::is_control) {
            return Err(UserError::ControlCharacter);
        }
        let user = Self(name.to_owned());
        if user.component().len() > LONGEST_COMPONENT {
            return Err(UserError::TooLong);
        }
        Ok(user)
    }

    /// The name as people write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One safe path component: bytes other than letters, digits, `_`, `-`, `@`, `+` and inner dots are
    /// percent-encoded, so that no name leaves its directory or is hidden in it (CVE-2014-2583). Different names have
    /// different components.
    #[must_use]
    pub fn component(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for (at, byte) in self.0.bytes().enumerate() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'@' | b'+' => {
                    out.push(char::from(byte));
                }
                b'.' if at > 0 => out.push('.'),
                other => {
                    out.push('%');
                    out.push_str(&upper::encode_string(&[other]));
                }
            }
        }
        out
    }

    /// The name that [`User::component`] encoded; `None` for any other file.
    #[must_use]
    pub fn from_component(component: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(component.len());
        let mut rest = component.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            if first != b'%' {
                bytes.push(first);
                rest = tail;
                continue;
            }
            let (hex, tail) = tail.split_at_checked(2)?;
            bytes.extend(upper::decode_vec(hex).ok()?);
            rest = tail;
        }
        let user = Self::parse(&String::from_utf8(bytes).ok()?).ok()?;
        (user.component() == component).then_some(user)
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name cannot be an account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The name is empty.
    #[error("the user name is empty")]
    Empty,
    /// It contains a control character.
    #[error("the user name contains a control character")]
    ControlCharacter,
    /// Its encoded form is too long for a file name.
    #[error("the user name is too long")]
    TooLong,
}

/// An account, as the system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The canonical name.
    pub user: User,
    /// The uid; `None` if the system does not know the account.
    pub uid: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_name_leaves_its_directory() {
        for name in ["..", ".", "../../etc/passwd", "a/b", "/", ".hidden", "a\u{2215}b"] {
            let component = User::parse(name).unwrap().component();
            assert!(!component.contains('/') && !component.starts_with('.'), "{name}: {component}");
        }
    }

    #[test]
    fn an_ordinary_name_is_its_own_file_name() {
        assert_eq!(User::parse("alice.b-c_1@example").unwrap().component(), "alice.b-c_1@example");
    }

    #[test]
    fn a_name_is_shown_as_people_write_it() {
        assert_eq!(User::parse("Zoë 1").unwrap().to_string(), "Zoë 1");
    }

    #[test]
    fn hostile_names_are_refused() {
        assert_eq!(User::parse(""), Err(UserError::Empty));
        assert_eq!(User::parse("a\nb"), Err(UserError::ControlCharacter));
        assert_eq!(User::parse("a\0b"), Err(UserError::ControlCharacter));
        assert_eq!(User::parse("a\u{85}b"), Err(UserError::ControlCharacter));
        assert!(User::parse(&"x".repeat(240)).is_ok());
        assert_eq!(User::parse(&"x".repeat(241)), Err(UserError::TooLong));
        assert_eq!(User::parse(&"ä".repeat(60)), Err(UserError::TooLong));
    }

    #[test]
    fn a_component_that_is_never_written_names_no_user() {
        for component in ["%61lice", "a%2g", "%", "%4", ".alice", "a%2f", "alice~"] {
            assert_eq!(User::from_component(component), None, "{component}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back_from_its_component(name in "\\PC{1,30}") {
            if let Ok(user) = User::parse(&name) {
                prop_assert_eq!(User::from_component(&user.component()), Some(user));
            }
        }
    }
}
