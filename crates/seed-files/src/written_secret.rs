//! Secrets as CSV files write them: hexadecimal or base32, and how a file shows which.

use crate::base32;
use crate::columns::Column;
use data_encoding::HEXLOWER_PERMISSIVE;
use totp_core::random::Secret;
use zeroize::Zeroizing;

/// How the secrets of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    /// Hexadecimal, in upper or lower case.
    Hex,
    /// Base32 (RFC 4648), in upper or lower case, with or without padding.
    Base32,
}

impl Notation {
    /// The notation by the column's name, if that says it.
    pub(crate) fn of_column(column: Column) -> Option<Self> {
        if column == Column::SecretHex {
            Some(Self::Hex)
        } else if column == Column::SecretBase32 {
            Some(Self::Base32)
        } else {
            None
        }
    }

    /// The notation that this secret must have, if a character of it shows that: base32 has no 0, 1, 8 and 9, and hexadecimal no
    /// letter after F.
    pub(crate) fn shown_by(text: &str) -> Option<Self> {
        text.bytes().find_map(|byte| match byte {
            b'0' | b'1' | b'8' | b'9' => Some(Self::Hex),
            b'g'..=b'z' | b'G'..=b'Z' => Some(Self::Base32),
            _ => None,
        })
    }

    /// Decodes a secret. Blanks in it are skipped.
    pub(crate) fn decode(self, text: &str) -> Option<Secret> {
        let mut digits = Zeroizing::new(String::with_capacity(text.len()));
        digits.extend(text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()));
        let decoded = match self {
            Self::Hex => HEXLOWER_PERMISSIVE.decode(digits.as_bytes()),
            Self::Base32 => return base32::decode(text).ok(),
        };
        decoded.ok().map(Secret::new)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hex => "hexadecimal",
            Self::Base32 => "base32",
        }
    }
}
