//! The code by which a person proves that they have the token that is being assigned to them.

use super::Token;
use crate::code::Answer;
use crate::enrolment::draft::{Confirmed, Draft};
use crate::factor::{ClockOff, FirstCode, Unusable, Windows};
use crate::keyring::{Keyring, OpenError};
use crate::ledger::Progress;
use crate::time::Now;

/// Why a code does not prove that the person has the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FirstCodeError {
    /// The secret cannot be opened.
    #[error("the secret of the token cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// The answer cannot be a code of this token.
    #[error("that is not a code of {digits} digits")]
    Malformed {
        /// Digits of its codes.
        digits: u8,
    },
    /// The code was used before.
    #[error("that code was used before, or may have been: wait for a later one, or press the button again")]
    Used,
    /// The code is right for another time.
    #[error("the code is for a time {} steps off: check this machine's clock; if it is right, assign another token", .0.steps)]
    ClockOff(ClockOff),
    /// The code is wrong.
    #[error("the code is wrong: check that the serial number is that of this token")]
    Wrong,
    /// Many codes in a row were wrong.
    #[error(
        "too many codes of this token were wrong: no code of it is checked for {} hours; check the serial number, or assign another token",
        .seconds.div_ceil(3600)
    )]
    Wait {
        /// How long, in seconds.
        seconds: u64,
    },
    /// One code is not enough: it is not known how far the counter went.
    #[error("one code of this token is not enough")]
    OutOfStep,
    /// The counter is at its end.
    #[error("the token is used up: it has no further code; assign another one")]
    Ended,
}

impl FirstCodeError {
    /// Whether two codes, one after the other, may be right where this was not.
    #[must_use]
    pub fn asks_for_two(&self, token: &Token) -> bool {
        match self {
            Self::OutOfStep => true,
            Self::Wrong => token.factor.period().is_none(),
            Self::Open(_)
            | Self::Malformed { .. }
            | Self::Used
            | Self::ClockOff(_)
            | Self::Wait { .. }
            | Self::Ended => false,
        }
    }
}

impl Token {
    /// Checks a first code, or two of a counter token. Nothing is used up: the enrolment that follows records that.
    ///
    /// # Errors
    /// [`FirstCodeError`].
    pub fn confirm(
        &self,
        answer: Option<&Answer>,
        keyring: &Keyring,
        windows: &Windows,
        now: Now,
    ) -> Result<Confirmed, FirstCodeError> {
        let malformed = FirstCodeError::Malformed { digits: self.factor.digits() };
        let typed = answer.map_or(Ok(None), |answer| self.factor.typed(answer, self.position));
        let typed = match typed {
            Ok(typed) => typed.ok_or(malformed)?,
            Err(Unusable::OutOfStep) => return Err(FirstCodeError::OutOfStep),
            Err(Unusable::Ended) => return Err(FirstCodeError::Ended),
        };
        // Before the code is looked at, so that nothing is learnt of it.
        if let Some(seconds) = self.wrong.as_ref().and_then(|wrong| wrong.wait(now.realtime)) {
            return Err(FirstCodeError::Wait { seconds });
        }
        let secret = self.open(keyring)?;
        let found = self.factor.codes(&secret).first_of_token(&typed, self.position, windows, now);
        let used_up_to = match found {
            FirstCode::Right { used_up_to } => used_up_to,
            FirstCode::Used => return Err(FirstCodeError::Used),
            FirstCode::Wrong(None) => return Err(FirstCodeError::Wrong),
            FirstCode::Wrong(Some(off)) => return Err(FirstCodeError::ClockOff(off)),
        };
        let draft =
            Draft { label: self.serial.label(), factor: self.factor, secret, begins_at: self.position };
        Ok(Confirmed { draft, progress: Progress { used_up_to, confirmed_at: now.realtime } })
    }
}
