//! Reads a secret in base32 as people and programs write it: the one reader for all imports.

use data_encoding::BASE32_NOPAD;
use totp_core::random::Secret;
use zeroize::Zeroizing;

/// Why a text is not base32 (RFC 4648 section 6). Neither repeats a character of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Base32Error {
    /// A digit that base32 does not have.
    #[error(
        "the secret has a 0, 1, 8 or 9, which base32 does not have: compare it with its source, where it may be O, I, L or B"
    )]
    Digit,
    /// Another character.
    #[error(
        "the secret is not base32: it may have only letters and the digits 2 to 7; compare it with its source"
    )]
    Character,
}

/// Decodes a secret, in upper or lower case, with or without padding.
///
/// Blanks of any kind, line ends, dashes and the `+` that forms write for a blank are skipped. Bits after the last whole byte are
/// dropped, and with them a superfluous last character, as apps do: some services generate random text instead of random bytes.
///
/// # Errors
/// [`Base32Error`].
pub fn decode(text: &str) -> Result<Secret, Base32Error> {
    let mut digits = Zeroizing::new(String::with_capacity(text.len()));
    digits.extend(text.chars().filter(|c| !is_separator(*c)).map(|c| c.to_ascii_uppercase()));
    let padded = digits.len();
    let bare = digits.trim_end_matches('=').len();
    digits.truncate(bare);
    // One character more than whole bytes need; but padding says that the text is as it should be.
    let is_digit = |char: char| matches!(char, 'A'..='Z' | '2'..='7');
    if matches!(bare % 8, 1 | 3 | 6) && padded == bare && digits.ends_with(is_digit) {
        digits.pop();
    }
    let mut specification = BASE32_NOPAD.specification();
    specification.check_trailing_bits = false;
    let encoding = specification.encoding().map_err(|_| Base32Error::Character)?;
    let decoded = encoding.decode(digits.as_bytes()).map(Secret::new);
    decoded.map_err(|_| match digits.contains(['0', '1', '8', '9']) {
        true => Base32Error::Digit,
        false => Base32Error::Character,
    })
}

/// Between the groups of a secret, or around it.
fn is_separator(char: char) -> bool {
    char.is_whitespace()
        || matches!(char, '-' | '+' | '\u{2010}'..='\u{2015}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        decode(text).ok().map(|secret| secret.expose().to_vec())
    }

    #[test]
    fn a_secret_is_read_as_people_have_it() {
        for text in [
            "GEZDGNBVGY3TQOJQ",
            "gezdgnbvgy3tqojq",
            "GEZD GNBV GY3T QOJQ",
            "gezd-gnbv-gy3t-qojq",
            "GEZD+GNBV+GY3T+QOJQ",
            "GEZD\u{a0}GNBV\u{2013}GY3T\u{2009}QOJQ\u{feff}",
            "GEZDGNBVGY3TQOJQ\n",
            "\tGEZDGNBVGY3TQOJQ\r\n",
            // A superfluous last character.
            "GEZDGNBVGY3TQOJQA",
        ] {
            assert_eq!(decoded(text).as_deref(), Some(&b"1234567890"[..]), "{text:?}");
        }
        for text in [
            "GEZDGNBVGY3TQOJQGE======",
            "GEZDGNBVGY3TQOJQGE",
            "GEZDGNBVGY3TQOJQGE == ==\n",
            "GEZDGNBVGY3TQOJQGH",
        ] {
            assert_eq!(decoded(text).as_deref(), Some(&b"12345678901"[..]), "{text:?}");
        }
        assert_eq!(decoded(""), Some(Vec::new()));
    }

    #[test]
    fn other_text_is_refused_by_kind() {
        for text in ["0189", "GEZDGNB8", "GEZ1DGNBVGY3TQOJQ"] {
            assert_eq!(decode(text).err(), Some(Base32Error::Digit), "{text}");
        }
        for text in ["GEZ=DGNB", "GEZD_GNBV", "é", "GEZ DGNBVG=", "not a secret!"] {
            assert_eq!(decode(text).err(), Some(Base32Error::Character), "{text}");
        }
    }
}
