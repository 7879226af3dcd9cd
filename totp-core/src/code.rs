//! What a person typed, recognised by its shape alone: a TOTP code, a recovery code, or neither.

use crate::secret::Secret;

/// Fewest and most digits of a TOTP code (RFC 4226 section 5.3 asks for at least six).
pub const DIGITS: std::ops::RangeInclusive<u8> = 6..=8;

/// Characters in a recovery code: 16 of five bits each are 80 bits.
pub const RECOVERY_LENGTH: usize = 16;

/// Longest answer that is looked at; nobody types this much, and a password manager that pastes more is mistaken.
const LONGEST_ANSWER: usize = 128;

/// An answer that could be a code. What it holds is wiped on drop.
pub enum Answer {
    /// Six to eight ASCII digits, blanks removed.
    Totp(Secret),
    /// Sixteen characters of Crockford's base32, upper case, separators removed.
    Recovery(Secret),
}

impl Answer {
    /// Recognises a typed answer. `None`: it cannot be a code, whoever the user is (a password that sshd passed on,
    /// its `\b\n\r\177INCORRECT` for unknown users, an empty line); judging it would charge a try for nothing.
    #[must_use]
    pub fn recognise(typed: &[u8]) -> Option<Self> {
        if typed.len() > LONGEST_ANSWER {
            return None;
        }
        // As long as it can become, so that it never grows and leaves a copy behind; likewise below.
        let mut bare = Vec::with_capacity(typed.len());
        bare.extend(typed.iter().filter(|byte| !matches!(byte, b' ' | b'-')));
        let bare = Secret::new(bare);
        let digits = bare.expose().iter().all(u8::is_ascii_digit);
        match bare.expose().len() {
            6..=8 if digits => Some(Self::Totp(bare)),
            RECOVERY_LENGTH => {
                let mut normal = Vec::with_capacity(RECOVERY_LENGTH);
                normal.extend(bare.expose().iter().map_while(|&byte| crockford(byte)));
                let normal = Secret::new(normal);
                (normal.expose().len() == RECOVERY_LENGTH).then_some(Self::Recovery(normal))
            }
            _ => None,
        }
    }
}

/// The canonical form of one character of Crockford's base32: case folded, `O` read as `0`, `I` and `L` as `1`.
fn crockford(byte: u8) -> Option<u8> {
    match byte.to_ascii_uppercase() {
        b'O' => Some(b'0'),
        b'I' | b'L' => Some(b'1'),
        b'U' => None,
        upper if upper.is_ascii_alphanumeric() => Some(upper),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn totp(typed: &[u8]) -> Option<Vec<u8>> {
        match Answer::recognise(typed)? {
            Answer::Totp(code) => Some(code.expose().to_vec()),
            Answer::Recovery(_) => None,
        }
    }

    fn recovery(typed: &[u8]) -> Option<Vec<u8>> {
        match Answer::recognise(typed)? {
            Answer::Recovery(code) => Some(code.expose().to_vec()),
            Answer::Totp(_) => None,
        }
    }

    #[test]
    fn digits_are_a_code_with_or_without_blanks() {
        assert_eq!(totp(b"123456"), Some(b"123456".to_vec()));
        assert_eq!(totp(b" 123 456 "), Some(b"123456".to_vec()));
        assert_eq!(totp(b"12345678"), Some(b"12345678".to_vec()));
    }

    #[test]
    fn a_recovery_code_is_read_as_people_write_it() {
        let normal = Some(b"0123ABCDEFGH1101".to_vec());
        assert_eq!(recovery(b"0123-ABCD-EFGH-1101"), normal);
        assert_eq!(recovery(b"o123 abcd efgh ilo1"), normal);
    }

    #[test]
    fn what_cannot_be_a_code_is_not_judged() {
        let long = vec![b'1'; 1 << 20];
        let answers: [&[u8]; 11] = [
            b"",
            b" ",
            b"12345",
            b"123456789",
            b"+123456",
            b"12345a",
            b"\x08\n\r\x7fINCORRECT",
            b"correct horse battery staple",
            b"UUUU-UUUU-UUUU-UUUU",
            b"\xff\xfe123456",
            &long,
        ];
        for answer in answers {
            assert!(Answer::recognise(answer).is_none(), "{answer:?}");
        }
        assert!(Answer::recognise("１２３４５６".as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_recognised_or_not_without_a_panic(typed in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Answer::recognise(&typed);
        }
    }
}
