//! The wrong first codes of a token: a person who does not have it must not find a code by trying.

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

impl WrongCodes {
    /// With one more, typed at `now`.
    pub(super) fn one_more(before: Option<&Self>, now: Created) -> Self {
        Self { count: before.map_or(0, |before| before.count).saturating_add(1), last: now }
    }

    /// How long no first code is looked at, in seconds; `None`: one is. `now` is in seconds since 1970. A clock that was set does not
    /// stop a token for longer than the wait.
    pub(super) fn wait(&self, now: u64) -> Option<u64> {
        if self.count < FREE {
            return None;
        }
        let passed = self.last.realtime().map_or(0, |last| last.abs_diff(now));
        WAIT.checked_sub(passed).filter(|wait| *wait > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::NOON;

    #[test]
    fn after_ten_wrong_codes_there_is_one_a_day() {
        let noon = Created::at(NOON).unwrap();
        let mut wrong = WrongCodes::one_more(None, noon);
        for count in 1..=12 {
            let wait = (count >= FREE).then_some(WAIT);
            assert_eq!((wrong.count, wrong.wait(NOON)), (count, wait));
            wrong = WrongCodes::one_more(Some(&wrong), noon);
        }
        let waits = [1, WAIT - 1, WAIT].map(|passed| wrong.wait(NOON + passed));
        assert_eq!(waits, [Some(WAIT - 1), Some(1), None]);
        assert_eq!(wrong.wait(NOON - 2 * WAIT), None, "a clock that ran ahead stops it for ever");
    }
}
