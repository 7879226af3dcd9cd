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
    /// The number of bytes after it: a line end or tab that was pasted with it.
    pub after: usize,
}

impl BehindPassword {
    /// Recognises the code at the end of a typed answer. `None`: there is none. An answer that ends with six digits
    /// ends with a code of a factor, unless its end is a recovery code with dashes.
    #[must_use]
    pub fn recognise(typed: &[u8]) -> Option<Self> {
        if typed.len() > LONGEST_WITH_PASSWORD {
            return None;
        }
        let after = pasted_after(typed);
        let typed = typed.get(..typed.len().saturating_sub(after))?;
        let grouped = ending(typed, GROUPED_LENGTH).filter(|end| is_grouped(end));
        if let Some(end) = grouped {
            return recovery(end, GROUPED_LENGTH, after);
        }
        let digits = typed.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        if digits >= usize::from(*DIGITS.start()) {
            let end = ending(typed, digits.min(usize::from(*DIGITS.end())))?;
            return Some(Self { answer: Answer::Trailing(Secret::new(end.to_vec())), length: None, after });
        }
        recovery(ending(typed, RECOVERY_LENGTH)?, RECOVERY_LENGTH, after)
    }
}

/// The number of bytes at the end of an answer that cannot be typed there, so that they are part of no password.
#[must_use]
pub fn pasted_after(typed: &[u8]) -> usize {
    typed.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n' | b'\t')).count()
}

fn recovery(end: &[u8], length: usize, after: usize) -> Option<BehindPassword> {
    match Answer::recognise(end)? {
        answer @ Answer::Recovery(_) => Some(BehindPassword { answer, length: Some(length), after }),
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
#[path = "code_tests.rs"]
mod tests;
