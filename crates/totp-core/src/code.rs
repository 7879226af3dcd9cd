//! A typed code: recognised by its shape (of a factor, a recovery code, or neither), and the result of checking it.

use crate::random::Secret;
use crate::time::Seconds;
use crate::typed::plain;

/// Fewest and most digits of a factor's code (RFC 4226 section 5.3 asks for at least six).
pub const DIGITS: std::ops::RangeInclusive<u8> = 6..=8;

/// Characters in a recovery code: 16 of five bits each are 80 bits.
pub const RECOVERY_LENGTH: usize = 16;

/// The longest answer that is read. Nobody types more, and a password manager that pastes more is wrong.
const LONGEST_ANSWER: usize = 128;
/// The longest password and code together.
const LONGEST_WITH_PASSWORD: usize = 1024;

/// An answer that could be a code. It is wiped on drop.
pub enum Answer {
    /// Six to eight ASCII digits, blanks and what nobody sees removed: a code of a factor.
    Code(Secret),
    /// Sixteen characters of Crockford's base32, upper case, separators removed.
    Recovery(Secret),
    /// Two codes of a factor, of the same length, one after the other: they resynchronise a counter.
    Pair(Secret, Secret),
    /// Six to eight ASCII digits at the end of a password; how many of them are the code depends on the authenticator.
    Trailing(Secret),
}

/// A recovery code with its separators.
const GROUPED_LENGTH: usize = RECOVERY_LENGTH + 3;

impl Answer {
    /// Recognises a typed answer. `None`: it cannot be a code of any user (a password that sshd passed on, its
    /// `\b\n\r\177INCORRECT` for unknown users, an empty line); judging it would charge an attempt for nothing. What is typed
    /// is read as the person sees it: line ends, special blanks and digits of other scripts do not matter.
    #[must_use]
    pub fn recognise(typed: &[u8]) -> Option<Self> {
        if typed.len() > LONGEST_ANSWER {
            return None;
        }
        let plain = plain(typed);
        let typed = plain.expose();
        if let Some(pair) = two_words(typed).and_then(|(first, second)| Self::pair(first, second)) {
            return Some(pair);
        }
        // Allocated at full length, so that no copy stays behind; likewise below.
        let mut bare = Vec::with_capacity(typed.len());
        bare.extend(typed.iter().filter(|byte| !matches!(byte, b' ' | b'-')));
        let bare = Secret::new(bare);
        let digits = bare.expose().iter().all(u8::is_ascii_digit);
        match bare.expose().len() {
            6..=8 if digits => Some(Self::Code(bare)),
            RECOVERY_LENGTH => {
                let mut normal = Vec::with_capacity(RECOVERY_LENGTH);
                normal.extend(bare.expose().iter().map_while(|&byte| crockford(byte)));
                let normal = Secret::new(normal);
                (normal.expose().len() == RECOVERY_LENGTH).then_some(Self::Recovery(normal))
            }
            _ => None,
        }
    }

    /// Two codes that were asked for one after the other. `None`: they are not two codes of one length.
    #[must_use]
    pub fn two_codes(first: &[u8], second: &[u8]) -> Option<Self> {
        let (Self::Code(first), Self::Code(second)) = (Self::recognise(first)?, Self::recognise(second)?)
        else {
            return None;
        };
        (first.expose().len() == second.expose().len()).then_some(Self::Pair(first, second))
    }

    /// Two codes in one answer, where a blank ends the first.
    fn pair(first: &[u8], second: &[u8]) -> Option<Self> {
        let is_code = |typed: &[u8]| matches!(typed.len(), 6..=8) && typed.iter().all(u8::is_ascii_digit);
        let is_pair = is_code(first) && is_code(second) && first.len() == second.len();
        is_pair.then(|| Self::Pair(Secret::new(first.to_vec()), Secret::new(second.to_vec())))
    }

    /// Two codes of this many digits.
    pub(crate) fn pair_of_digits(&self, digits: u8) -> Option<(Secret, Secret)> {
        match self {
            Self::Pair(first, second) if first.expose().len() == usize::from(digits) => {
                Some((Secret::new(first.expose().to_vec()), Secret::new(second.expose().to_vec())))
            }
            Self::Pair(..) | Self::Code(_) | Self::Trailing(_) | Self::Recovery(_) => None,
        }
    }

    /// The part of it that would be a factor's code of this many digits.
    pub(crate) fn of_digits(&self, digits: u8) -> Option<Secret> {
        let (typed, may_be_longer) = match self {
            Self::Code(typed) => (typed.expose(), false),
            // Digits before it may belong to the password.
            Self::Trailing(typed) => (typed.expose(), true),
            Self::Recovery(_) | Self::Pair(..) => return None,
        };
        let before = typed.len().checked_sub(usize::from(digits))?;
        let code = typed.get(before..).filter(|_| before == 0 || may_be_longer)?;
        Some(Secret::new(code.to_vec()))
    }
}

/// What a person types in place of a code to be asked for two codes, which resynchronise a counter token.
pub const SYNC: &[u8] = b"sync";

/// Whether a typed answer is [`SYNC`]; case and blanks around it do not matter.
#[must_use]
pub fn asks_for_two_codes(typed: &[u8]) -> bool {
    typed.len() <= LONGEST_ANSWER && plain(typed).expose().trim_ascii().eq_ignore_ascii_case(SYNC)
}

/// A code that was typed directly behind a password.
pub struct BehindPassword {
    /// The code.
    pub answer: Answer,
    /// The number of bytes as typed, if the shape tells; otherwise it is as long as the authenticator's codes.
    pub length: Option<usize>,
}

impl BehindPassword {
    /// Recognises the code at the end of a typed answer. `None`: there is none. An answer that ends with six digits
    /// ends with a code of a factor, unless its end is a recovery code with dashes.
    #[must_use]
    pub fn recognise(typed: &[u8]) -> Option<Self> {
        if typed.len() > LONGEST_WITH_PASSWORD {
            return None;
        }
        let grouped = ending(typed, GROUPED_LENGTH).filter(|end| is_grouped(end));
        if let Some(end) = grouped {
            return recovery(end, GROUPED_LENGTH);
        }
        let digits = typed.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        if digits >= usize::from(*DIGITS.start()) {
            let end = ending(typed, digits.min(usize::from(*DIGITS.end())))?;
            return Some(Self { answer: Answer::Trailing(Secret::new(end.to_vec())), length: None });
        }
        recovery(ending(typed, RECOVERY_LENGTH)?, RECOVERY_LENGTH)
    }
}

fn recovery(end: &[u8], length: usize) -> Option<BehindPassword> {
    match Answer::recognise(end)? {
        answer @ Answer::Recovery(_) => Some(BehindPassword { answer, length: Some(length) }),
        Answer::Code(_) | Answer::Trailing(_) | Answer::Pair(..) => None,
    }
}

/// The two words of a text that has two, with blanks between and around them.
fn two_words(typed: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut words = typed.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let words = (words.next()?, words.next()?, words.next());
    let (first, second, None) = words else { return None };
    Some((first, second))
}

fn is_grouped(text: &[u8]) -> bool {
    text.chunks(5).all(|group| group.iter().position(|&byte| byte == b'-').is_none_or(|at| at == 4))
        && text.iter().filter(|&&byte| byte == b'-').count() == 3
}

fn ending(typed: &[u8], length: usize) -> Option<&[u8]> {
    typed.get(typed.len().checked_sub(length)?..)
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

/// The result of checking a code against one authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeMatch {
    /// Right, and not used yet.
    Right {
        /// What the code uses up, in the factor's own count: [`crate::ledger::Progress::used_up_to`].
        used_up_to: u64,
    },
    /// Right, but used before.
    Replayed {
        /// The wait for the next code, if it is a matter of time.
        next_code: Option<Seconds>,
    },
    /// Used, because the clock is this much before the last accepted code.
    ClockBack(Seconds),
    /// May have been used before this boot; a later code is accepted after this wait.
    BeforeBoot(Seconds),
    /// Wrong at this time.
    Wrong,
}

/// How far a clock is off, for a code that is right by that clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOff {
    /// Steps that the phone's clock is ahead of this machine's, or behind if negative.
    pub steps: i64,
    /// The same in seconds.
    pub seconds: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn totp(typed: &[u8]) -> Option<Vec<u8>> {
        match Answer::recognise(typed)? {
            Answer::Code(code) => Some(code.expose().to_vec()),
            Answer::Recovery(_) | Answer::Trailing(_) | Answer::Pair(..) => None,
        }
    }

    fn recovery(typed: &[u8]) -> Option<Vec<u8>> {
        match Answer::recognise(typed)? {
            Answer::Recovery(code) => Some(code.expose().to_vec()),
            Answer::Code(_) | Answer::Trailing(_) | Answer::Pair(..) => None,
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
        let answers: [&[u8]; 12] = [
            b"",
            b"12345",
            b"123456789",
            b"+123456",
            b"12345a",
            b"\x08\n\r\x7fINCORRECT",
            b"correct horse battery staple",
            b"UUUU-UUUU-UUUU-UUUU",
            b"p4ssw0rd!p4ssw0r",
            b"AAAA_AAAA_AAAA_A",
            b"\xff\xfe123456",
            &long,
        ];
        for answer in answers {
            assert!(Answer::recognise(answer).is_none(), "{answer:?}");
        }
    }

    #[test]
    fn a_code_is_read_as_the_person_sees_it() {
        for typed in ["123456\r", "123456\n", "123456\t", "123456\u{a0}", "123\u{2009}456", "１２３４５６"]
        {
            assert_eq!(totp(typed.as_bytes()), Some(b"123456".to_vec()), "{typed:?}");
        }
        let dashes = "0123\u{2013}abcd\u{2013}efgh-1101\r\n";
        assert_eq!(recovery(dashes.as_bytes()), Some(b"0123ABCDEFGH1101".to_vec()));
        assert!(matches!(Answer::recognise(b"755224\n287082\n"), Some(Answer::Pair(..))));
        assert!(asks_for_two_codes("sync\u{a0}".as_bytes()));
    }

    #[test]
    fn two_codes_with_a_blank_between_them_are_a_pair() {
        let pair = |typed: &[u8]| match Answer::recognise(typed)? {
            Answer::Pair(first, second) => Some((first.expose().to_vec(), second.expose().to_vec())),
            Answer::Code(_) | Answer::Recovery(_) | Answer::Trailing(_) => None,
        };
        let two = |first: &[u8], second: &[u8]| Some((first.to_vec(), second.to_vec()));
        assert_eq!(pair(b"755224 287082"), two(b"755224", b"287082"));
        assert_eq!(pair(b"  84755224   94287082 "), two(b"84755224", b"94287082"));
        let refused: [&[u8]; 6] = [
            b"755224287082",
            b"755224 8287082",
            b"755 224 287 082",
            b"755224 287082 1",
            b"75522 287082",
            b"755224-287082",
        ];
        for typed in refused {
            assert_eq!(pair(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn two_codes_that_were_asked_for_are_read_like_single_ones() {
        let two = |first: &[u8], second: &[u8]| match Answer::two_codes(first, second)? {
            Answer::Pair(first, second) => Some((first.expose().to_vec(), second.expose().to_vec())),
            Answer::Code(_) | Answer::Recovery(_) | Answer::Trailing(_) => None,
        };
        assert_eq!(two(b" 755 224", b"287-082"), Some((b"755224".to_vec(), b"287082".to_vec())));
        for (first, second) in [
            (&b"755224"[..], &b"8287082"[..]),
            (b"755224", b""),
            (b"755224 287082", b"755224 287082"),
            (b"0123-ABCD-EFGH-1101", b"0123-ABCD-EFGH-1101"),
            (b"sync", b"sync"),
        ] {
            assert_eq!(two(first, second), None, "{first:?} {second:?}");
        }
    }

    #[test]
    fn the_word_sync_asks_for_two_codes() {
        for typed in [&b"sync"[..], b"SYNC", b" Sync \t", b"sync\r\n"] {
            assert!(asks_for_two_codes(typed) && Answer::recognise(typed).is_none(), "{typed:?}");
        }
        for typed in [&b""[..], b"syn", b"syncs", b"s ync", b"755224", b"\0sync"] {
            assert!(!asks_for_two_codes(typed), "{typed:?}");
        }
    }

    fn behind(typed: &[u8]) -> Option<(&'static str, Vec<u8>, Option<usize>)> {
        let BehindPassword { answer, length } = BehindPassword::recognise(typed)?;
        let (kind, code) = match answer {
            Answer::Trailing(code) => ("digits", code),
            Answer::Recovery(code) => ("recovery", code),
            Answer::Code(code) | Answer::Pair(code, _) => ("whole", code),
        };
        Some((kind, code.expose().to_vec(), length))
    }

    #[test]
    fn a_code_is_found_behind_a_password() {
        assert_eq!(behind(b"hunter2123456"), Some(("digits", b"2123456".to_vec(), None)));
        assert_eq!(behind(b"hunter 123456"), Some(("digits", b"123456".to_vec(), None)));
        assert_eq!(behind(b"123456"), Some(("digits", b"123456".to_vec(), None)));
        assert_eq!(behind(b"pin99123456789"), Some(("digits", b"23456789".to_vec(), None)));
        let recovery = Some(("recovery", b"0123ABCDEFGH1101".to_vec(), Some(19)));
        assert_eq!(behind(b"pass-word0123-abcd-efgh-1101"), recovery);
        assert_eq!(behind(b"0123-abcd-efgh-1101"), recovery);
        assert_eq!(
            behind(b"p\xe4ssO123ABCDEFGH1101").map(|(kind, _, length)| (kind, length)),
            Some(("recovery", Some(16)))
        );
    }

    #[test]
    fn a_long_password_is_no_part_of_a_recovery_code() {
        assert_eq!(behind(b"correct horse battery 123456"), Some(("digits", b"123456".to_vec(), None)));
        assert_eq!(behind(b"a-b-c-d-e-f-g-h-i-j-123456"), Some(("digits", b"123456".to_vec(), None)));
    }

    #[test]
    fn password_and_code_are_looked_at_up_to_1024_bytes() {
        let long = |length: usize| [vec![b'x'; length - 6], b"123456".to_vec()].concat();
        assert_eq!(behind(&long(1024)), Some(("digits", b"123456".to_vec(), None)));
        for length in [1025, 1026] {
            assert_eq!(behind(&long(length)), None, "{length}");
        }
    }

    #[test]
    fn a_password_alone_has_no_code_behind_it() {
        for typed in
            [&b""[..], b"hunter2", b"12345", b"pass12345", b"correct horse battery staple!", b"abcd-efgh-ijk"]
        {
            assert_eq!(behind(typed), None, "{typed:?}");
        }
        assert_eq!(behind(&[b'1'; 1025]), None);
    }

    #[test]
    fn an_answer_of_more_than_128_bytes_is_not_looked_at() {
        let blanks_and_digits = |length: usize| [vec![b' '; length - 6], b"123456".to_vec()].concat();
        assert_eq!(totp(&blanks_and_digits(128)), Some(b"123456".to_vec()));
        for length in [129, 130] {
            assert_eq!(totp(&blanks_and_digits(length)), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn what_is_behind_a_password_is_its_end(typed in "[ -~]{0,40}") {
            if let Some((kind, code, length)) = behind(typed.as_bytes()) {
                let end = &typed.as_bytes()[typed.len() - length.unwrap_or(code.len())..];
                let whole = if kind == "recovery" { recovery(end) } else { totp(end) };
                prop_assert_eq!(whole, Some(code));
            }
        }

        #[test]
        fn any_bytes_are_recognised_or_not_without_a_panic(typed in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Answer::recognise(&typed);
            let _ = BehindPassword::recognise(&typed);
        }
    }
}
