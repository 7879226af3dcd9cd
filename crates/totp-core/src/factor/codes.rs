//! The codes of one authenticator: its factor together with its secret, held against what was typed.

use super::windows::Windows;
use super::{hotp, totp};
use crate::code::{ClockOff, CodeMatch};
use crate::random::Secret;
use crate::time::Now;

/// What was typed, in the shape of an authenticator's codes.
pub(crate) enum Typed {
    /// One code.
    One(Secret),
    /// Two codes one after the other, which resynchronise a counter (RFC 4226 section 7.4).
    Pair(Secret, Secret),
}

/// The result of checking a first code of a token.
pub(crate) enum FirstCode {
    /// Right, and not used before.
    Right {
        /// What it uses up, in the factor's count.
        used_up_to: u64,
    },
    /// Right, and used before.
    Used,
    /// Wrong; how far a clock is off, if that is the reason.
    Wrong(Option<ClockOff>),
}

/// An authenticator's codes: its factor together with its secret.
pub(crate) enum Codes {
    /// TOTP.
    Totp(totp::Generator),
    /// HOTP.
    Hotp(hotp::Generator),
}

impl Codes {
    /// Checks what was typed, with everything up to `used_up_to` used up.
    pub(crate) fn find(&self, typed: &Typed, used_up_to: u64, windows: &Windows, now: Now) -> CodeMatch {
        match (self, typed) {
            (Self::Totp(generator), Typed::One(code)) => generator.find(code, used_up_to, windows.totp, now),
            (Self::Totp(_), Typed::Pair(..)) => CodeMatch::Wrong,
            (Self::Hotp(generator), Typed::One(code)) => generator.find(code, used_up_to, windows.hotp),
            (Self::Hotp(generator), Typed::Pair(first, second)) => {
                generator.find_pair((first, second), used_up_to, windows.hotp)
            }
        }
    }

    /// For a wrong code: how far a clock would have to be off for it to be right, within limits.
    pub(crate) fn clock_off(&self, typed: &Typed, windows: &Windows, now: Now) -> Option<ClockOff> {
        match (self, typed) {
            (Self::Totp(generator), Typed::One(code)) => generator.clock_off(code, windows.totp, now),
            (Self::Totp(_), Typed::Pair(..)) | (Self::Hotp(_), Typed::One(_) | Typed::Pair(..)) => None,
        }
    }

    /// Checks a first code, or a pair, of a token that may have been another person's before.
    pub(crate) fn first_of_token(
        &self,
        typed: &Typed,
        used_up_to: u64,
        windows: &Windows,
        now: Now,
    ) -> FirstCode {
        match (self, typed) {
            // The boot rule is for records that a crash can lose; that of a token is synced.
            (Self::Totp(generator), Typed::One(code)) => match generator.first(code, now) {
                Ok(step) if step <= used_up_to => FirstCode::Used,
                Ok(step) => FirstCode::Right { used_up_to: step },
                Err(off) => FirstCode::Wrong(off),
            },
            (Self::Totp(_), Typed::Pair(..)) => FirstCode::Wrong(None),
            (Self::Hotp(_), Typed::One(_) | Typed::Pair(..)) => {
                match self.find(typed, used_up_to, windows, now) {
                    CodeMatch::Right { used_up_to } => FirstCode::Right { used_up_to },
                    CodeMatch::Replayed { .. } => FirstCode::Used,
                    CodeMatch::Wrong | CodeMatch::ClockBack(_) | CodeMatch::BeforeBoot(_) => {
                        FirstCode::Wrong(None)
                    }
                }
            }
        }
    }

    /// The newest time step near `now` with this code; `None` for a counter.
    pub(crate) fn step_near(&self, code: &Secret, now: Now) -> Option<u64> {
        match self {
            Self::Totp(generator) => generator.step_near(code, now),
            Self::Hotp(_) => None,
        }
    }

    /// Checks the first code of a secret that is minutes old, or of a token whose counter is `begins_at`. Returns what it uses up.
    ///
    /// # Errors
    /// The code is wrong; how far a clock is off, if that is the reason.
    pub(crate) fn first(&self, code: &Secret, begins_at: u64, now: Now) -> Result<u64, Option<ClockOff>> {
        match self {
            Self::Totp(generator) => generator.first(code, now),
            Self::Hotp(generator) => generator.first(code, begins_at).ok_or(None),
        }
    }
}
