//! The wrong first codes of a token: a person who does not have it must not find a code by trying.

use super::Token;
use crate::time::Created;

/// How many wrong codes in a row may be tried without a wait.
const FREE: u32 = 10;
/// How long each wrong code after those stops the next one, in seconds: a day.
const WAIT: u64 = 24 * 3600;

/// Wrong codes in a row, since the token was imported or a code of it was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrongCodes {
    pub(super) count: u32,
    pub(super) last: Created,
}

impl Token {
    /// After a wrong first code. The document is stored before the person hears that it was wrong.
    #[must_use]
    pub fn with_wrong_code(self, now: Created) -> Self {
        let count = self.wrong.as_ref().map_or(0, |wrong| wrong.count).saturating_add(1);
        Self { wrong: Some(WrongCodes { count, last: now }), ..self }
    }

    /// How long no first code is looked at, in seconds; `None`: one is. `now` is in seconds since 1970. A clock that was set does not
    /// stop a token for longer than the wait.
    #[must_use]
    pub fn wait(&self, now: u64) -> Option<u64> {
        let wrong = self.wrong.as_ref().filter(|wrong| wrong.count >= FREE)?;
        let passed = wrong.last.realtime().map_or(0, |last| last.abs_diff(now));
        WAIT.checked_sub(passed).filter(|wait| *wait > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{created, hotp};
    use super::*;
    use crate::fixture::NOON;
    use crate::user::User;

    #[test]
    fn after_ten_wrong_codes_there_is_one_a_day() {
        let mut token = hotp();
        for count in 1..=12 {
            token = token.with_wrong_code(created());
            let wait = (count >= FREE).then_some(WAIT);
            assert_eq!(token.wait(NOON), wait, "{count}");
        }
        let waits = [1, WAIT - 1, WAIT].map(|passed| token.wait(NOON + passed));
        assert_eq!(waits, [Some(WAIT - 1), Some(1), None]);
        assert_eq!(token.wait(NOON - 2 * WAIT), None, "a clock that ran ahead stops it for ever");
        let token = token.claimed_by(&User::parse("alice").unwrap(), created());
        assert_eq!(token.with_wrong_code(created()).wait(NOON), None, "a right code does not end the count");
    }
}
