//! HOTP: which counter, if any, a typed code belongs to (RFC 4226 sections 5.3, 7.2 and 7.4).
//!
//! The ledger has the next counter that is accepted, so a new token whose first code has counter 0 begins with 0. An accepted code
//! moves it to the counter after its own, and nothing else moves it: codes that were skipped are never accepted, and a wrong code
//! changes nothing. No boot rule protects a counter, so its record has to outlast a crash of the machine.
//!
//! For a single wrong code, no counter beyond the look-ahead is searched: the answer would tell a guesser one half of a pair that
//! resynchronises the token.

use super::totp::Algorithm;
use crate::code::CodeMatch;
use crate::keyring::Binding;
use crate::random::Secret;

/// The hash under the HMAC: RFC 4226 section 5.2 knows no other, and neither do the tokens.
pub const ALGORITHM: Algorithm = Algorithm::Sha1;
/// The widest look-ahead. 51 codes are then right at any time.
pub const WIDEST_LOOK_AHEAD: u64 = 50;
/// How far beyond the look-ahead two codes, one after the other, are searched.
pub const RESYNCHRONISED_BEYOND: u64 = 1000;
/// The next counter of a token that has no further code. Counters end here, below the 2⁶⁴−1 of RFC 4226, because other programs
/// store them with a sign.
pub const END: u64 = OUT_OF_STEP - 1;
/// The bit of a stored position that says that the token has to be resynchronised.
const OUT_OF_STEP: u64 = 1 << 63;

/// The window by the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Counters accepted after the next one, at most [`WIDEST_LOOK_AHEAD`].
    pub look_ahead: u64,
}

impl Window {
    /// The next counter and ten after it.
    pub const DEFAULT: Self = Self { look_ahead: 10 };
}

/// An authenticator's own look-ahead: counters accepted after the next one, instead of the config's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookAhead(u64);

/// The look-ahead is too wide to limit guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("look_ahead must be 0 to {WIDEST_LOOK_AHEAD}")]
pub struct LookAheadError;

impl LookAhead {
    /// A look-ahead of this many counters.
    ///
    /// # Errors
    /// [`LookAheadError`], see [`WIDEST_LOOK_AHEAD`].
    pub fn new(counters: u64) -> Result<Self, LookAheadError> {
        if counters > WIDEST_LOOK_AHEAD { Err(LookAheadError) } else { Ok(Self(counters)) }
    }

    /// Counters after the next one.
    #[must_use]
    pub fn counters(self) -> u64 {
        self.0
    }
}

/// A HOTP authenticator, without its secret and its counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hotp {
    digits: u8,
    look_ahead: Option<LookAhead>,
}

/// See [`crate::code::DIGITS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("digits must be 6, 7 or 8")]
pub struct DigitsError;

impl Hotp {
    /// An authenticator with the config's look-ahead.
    ///
    /// # Errors
    /// [`DigitsError`].
    pub fn new(digits: u8) -> Result<Self, DigitsError> {
        if !crate::code::DIGITS.contains(&digits) {
            return Err(DigitsError);
        }
        Ok(Self { digits, look_ahead: None })
    }

    /// Sets a look-ahead of its own, if it has one.
    #[must_use]
    pub fn with_look_ahead(self, look_ahead: Option<LookAhead>) -> Self {
        Self { look_ahead, ..self }
    }

    /// Digits of a code, 6 to 8.
    #[must_use]
    pub fn digits(self) -> u8 {
        self.digits
    }

    /// Its own look-ahead, if it has one; otherwise the config's applies.
    #[must_use]
    pub fn look_ahead(self) -> Option<LookAhead> {
        self.look_ahead
    }

    /// The next counter and each of the look-ahead has a code.
    pub(super) fn right_at_once(self, window: Window) -> u64 {
        self.counters_ahead(window).saturating_add(1)
    }

    /// The probability that two guesses are two codes one after the other, in units of 10⁻⁹: rounded to the nearest, and at least
    /// one.
    ///
    /// Two codes of six digits have 10¹² values, so a thousand pairs are one unit. Those of the look-ahead beside them are 0.01 units
    /// more, with the widest look-ahead 0.05: a year of guesses that are all pairs has a chance that much above the year's risk. A
    /// second unit would halve the owner's tries for it. With more digits one unit is a hundred times too much, or more.
    pub(super) fn pair_units(self, window: Window) -> u64 {
        let pairs = u128::from(self.pairs(window)).saturating_mul(1_000_000_000);
        let all = 10u128.checked_pow(u32::from(self.digits).saturating_mul(2)).unwrap_or(u128::MAX);
        let nearest = pairs.saturating_add(all / 2) / all;
        u64::try_from(nearest).unwrap_or(u64::MAX).max(1)
    }

    /// Programs that know versions 1 and 2 only have no such authenticators.
    pub(super) fn since_version(self) -> u32 {
        3
    }

    pub(super) fn bind(self, binding: Binding) -> Binding {
        let Self { digits, look_ahead } = self;
        binding
            .text(ALGORITHM.as_str())
            .number(u64::from(digits))
            // No look-ahead is that wide.
            .number(look_ahead.map_or(u64::MAX, LookAhead::counters))
    }

    /// The counter, by the stored position.
    pub(super) fn counter(self, used_up_to: u64, window: Window) -> Counter {
        Counter {
            next: Position::of(used_up_to).next,
            look_ahead: self.counters_ahead(window),
            unusable: takes_one_code(used_up_to).err(),
        }
    }

    fn counters_ahead(self, window: Window) -> u64 {
        self.look_ahead.map_or(window.look_ahead, LookAhead::counters)
    }

    /// How many pairs of codes resynchronise it. The last counter of the last one is [`RESYNCHRONISED_BEYOND`] beyond the look-ahead.
    ///
    /// It is not more where the ledger was lost, and with it how far the token was used: each pair behind its true counter is one
    /// that someone may have noted.
    fn pairs(self, window: Window) -> u64 {
        self.counters_ahead(window).saturating_add(RESYNCHRONISED_BEYOND)
    }
}

/// The counter of an enrolled token, to be shown; it says nothing of its codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The next counter that is accepted, at most [`END`].
    pub next: u64,
    /// Counters accepted after it.
    pub look_ahead: u64,
    /// Why no single code is accepted, if that is so.
    pub unusable: Option<Unusable>,
}

/// A position as a ledger has it ([`crate::ledger::Progress::used_up_to`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    /// The next counter that is accepted, at most [`END`]; all before it are used up.
    next: u64,
    /// Codes after it may have been used, so one code is not enough.
    is_out_of_step: bool,
}

impl Position {
    fn of(used_up_to: u64) -> Self {
        Self { next: used_up_to & !OUT_OF_STEP, is_out_of_step: used_up_to & OUT_OF_STEP != 0 }
    }
}

/// Why no code of an authenticator is accepted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// Its counter is at its end: it has no further code.
    Ended,
    /// It is not known how far it was used: it has to be resynchronised.
    OutOfStep,
}

/// Whether a single code can be accepted at this stored position.
pub(super) fn takes_one_code(used_up_to: u64) -> Result<(), Unusable> {
    takes_two_codes(used_up_to)?;
    if Position::of(used_up_to).is_out_of_step { Err(Unusable::OutOfStep) } else { Ok(()) }
}

/// Whether two codes, one after the other, can be accepted at this stored position.
pub(super) fn takes_two_codes(used_up_to: u64) -> Result<(), Unusable> {
    if Position::of(used_up_to).next >= END { Err(Unusable::Ended) } else { Ok(()) }
}

/// The stored position where codes after it may have been used.
pub(super) fn out_of_step(used_up_to: u64) -> u64 {
    used_up_to | OUT_OF_STEP
}

/// The counter of a stored position, and whether codes after it may have been used.
pub(super) fn written_position(used_up_to: u64) -> (u64, bool) {
    let Position { next, is_out_of_step } = Position::of(used_up_to);
    (next, is_out_of_step)
}

/// Makes the codes of one secret. The secret in it is wiped on drop.
pub(crate) struct Generator {
    maker: totp_rs::Totp,
    hotp: Hotp,
}

impl Generator {
    pub(super) fn new(hotp: Hotp, secret: &Secret) -> Self {
        // RFC 6238 section 4.2: TOTP is HOTP of the step, and with steps of one second the time is the counter. "Noncompliant": see
        // `totp::Generator`.
        let maker = totp_rs::Builder::new()
            .with_algorithm(totp_rs::Algorithm::SHA1)
            .with_digits(hotp.digits)
            .with_step_duration(1)
            .with_skew(0)
            .with_secret(secret.expose().to_vec())
            .build_noncompliant();
        Self { maker, hotp }
    }

    /// Checks `code`, with the position `used_up_to`. Every counter of the window is computed and compared, so that the time taken
    /// does not show where it matched.
    ///
    /// Of the codes behind the position, those count as used that were right when the last one of them was accepted: logins that run
    /// at once see no wrong code. Such a code is refused even if one ahead is the same by chance. So the codes that cost nothing
    /// are codes that are not accepted.
    pub(super) fn find(&self, code: &Secret, used_up_to: u64, window: Window) -> CodeMatch {
        if takes_one_code(used_up_to).is_err() {
            return CodeMatch::Wrong;
        }
        let (next, right) = (Position::of(used_up_to).next, self.hotp.right_at_once(window));
        let (mut is_used, mut found) = (false, None);
        for counter in next.saturating_sub(right)..next.saturating_add(right).min(END) {
            if self.makes(code, counter) {
                if counter < next {
                    is_used = true;
                } else {
                    // Two counters may share a code by chance; the later one is used up, so that it works once.
                    found = Some(counter);
                }
            }
        }
        answer(is_used, found)
    }

    /// Checks two codes that follow each other (RFC 4226 section 7.4), in the same way and much further ahead. Both must be unused.
    pub(super) fn find_pair(
        &self,
        (first, second): (&Secret, &Secret),
        used_up_to: u64,
        window: Window,
    ) -> CodeMatch {
        if takes_two_codes(used_up_to).is_err() {
            return CodeMatch::Wrong;
        }
        let next = Position::of(used_up_to).next;
        let behind = self.hotp.right_at_once(window).saturating_add(1);
        let last = next.saturating_add(self.hotp.pairs(window)).min(END.saturating_sub(1));
        let (mut is_used, mut found, mut was_first) = (false, None, false);
        for counter in next.saturating_sub(behind)..=last {
            let (is_first, is_second) = (self.makes(first, counter), self.makes(second, counter));
            if was_first & is_second {
                if counter < next {
                    is_used = true;
                } else if counter > next {
                    found = Some(counter);
                }
            }
            was_first = is_first;
        }
        answer(is_used, found)
    }

    /// Checks the first code of a token whose next counter is `next`. Returns the position after it.
    pub(super) fn first(&self, code: &Secret, next: u64) -> Option<u64> {
        match self.find(code, next, Window::DEFAULT) {
            CodeMatch::Right { used_up_to } => Some(used_up_to),
            CodeMatch::Wrong
            | CodeMatch::Replayed { .. }
            | CodeMatch::ClockBack(_)
            | CodeMatch::BeforeBoot(_) => None,
        }
    }

    fn makes(&self, code: &Secret, counter: u64) -> bool {
        std::str::from_utf8(code.expose()).is_ok_and(|code| self.maker.check(code, counter).is_some())
    }
}

fn answer(is_used: bool, found: Option<u64>) -> CodeMatch {
    match found {
        _ if is_used => CodeMatch::Replayed { next_code: None },
        Some(counter) => CodeMatch::Right { used_up_to: counter.saturating_add(1) },
        None => CodeMatch::Wrong,
    }
}

#[cfg(test)]
#[path = "hotp_tests.rs"]
mod tests;
