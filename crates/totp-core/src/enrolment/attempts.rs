//! The limit on first codes: five attempts on new authenticators of one account in ten minutes.
//!
//! A first code opens nothing: the person has the new secret on the screen, and changing an enrolment takes a present
//! code, which the ledger counts. The limit keeps someone with a password from repeating such a login endlessly, and a
//! failing enrolment from filling the log. It counts per account, over all processes, and is forgotten at a reboot.

use crate::time::Seconds;

/// Attempts that are judged within [`PER`].
pub const TRIES: usize = 5;
/// The length of that window.
pub const PER: Seconds = Seconds(600);
/// A later timestamp than now by at most this may come from another process; no process waits longer for the attempts
/// of an account.
const QUICKER: Seconds = Seconds(60);

/// The latest attempts, in seconds of `CLOCK_BOOTTIME`, which cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecentAttempts(Vec<u64>);

impl RecentAttempts {
    /// The wait until the next attempt would be judged; `None`: now.
    #[must_use]
    pub fn wait(&self, now: u64) -> Option<Seconds> {
        let mut recent: Vec<u64> = self.within(now).collect();
        recent.sort_unstable();
        let oldest = recent.len().checked_sub(TRIES).and_then(|at| recent.get(at))?;
        Some(Seconds(oldest.saturating_add(PER.0).saturating_sub(now)))
    }

    /// Counts an attempt, unless there were too many.
    ///
    /// # Errors
    /// The time to wait; then nothing is counted.
    pub fn charge(&mut self, now: u64) -> Result<(), Seconds> {
        if let Some(wait) = self.wait(now) {
            return Err(wait);
        }
        let recent = self.within(now).chain([now]).collect();
        self.0 = recent;
        Ok(())
    }

    /// Another process may have counted after `now` was read. A later timestamp than that is from another boot, or
    /// damaged, and is dropped: taken as now at each look, it would never expire.
    fn within(&self, now: u64) -> impl Iterator<Item = u64> + '_ {
        let of_this_boot =
            self.0.iter().filter(move |&&timestamp| timestamp <= now.saturating_add(QUICKER.0));
        let settled = of_this_boot.map(move |&timestamp| timestamp.min(now));
        settled.filter(move |&timestamp| now.saturating_sub(timestamp) < PER.0)
    }

    /// One line of numbers.
    #[must_use]
    pub fn encode(&self) -> String {
        let words: Vec<String> = self.0.iter().map(u64::to_string).collect();
        format!("{}\n", words.join(" "))
    }

    /// Reads them back. If a kill cut the line short, what is there counts.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        Self(text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).take(TRIES).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn five_tries_in_ten_minutes_are_judged() {
        let mut tried = RecentAttempts::default();
        for at in [1000, 1001, 1100, 1200, 1300] {
            assert_eq!(tried.wait(at), None);
            tried.charge(at).unwrap();
        }
        assert_eq!(tried.charge(1300), Err(Seconds(300)));
        assert_eq!(tried.charge(1599), Err(Seconds(1)));
        tried.charge(1600).unwrap();
        assert_eq!(tried.wait(1600), Some(Seconds(1)));
        assert_eq!(tried.wait(2300), None);
    }

    #[test]
    fn attempts_of_another_boot_lock_nobody_and_later_ones_expire() {
        let mut tried = RecentAttempts(vec![u64::MAX, 100_000, 100_001, 100_002, 100_003]);
        assert_eq!((tried.wait(7), tried.wait(7 + PER.0)), (None, None));
        tried.charge(7).unwrap();
        assert_eq!(tried, RecentAttempts(vec![7]));
        let tried = RecentAttempts(vec![7 + QUICKER.0; 5]);
        assert_eq!(tried.wait(7), Some(PER));
        assert_eq!(tried.wait(7 + QUICKER.0 + PER.0 - 1), Some(Seconds(1)));
        assert_eq!(tried.wait(7 + QUICKER.0 + PER.0), None);
    }

    #[test]
    fn tries_are_read_as_they_were_written_and_nonsense_is_none() {
        let tried = RecentAttempts(vec![1, 22, 333]);
        assert_eq!(RecentAttempts::decode(tried.encode().as_bytes()), tried);
        assert_eq!(RecentAttempts::decode(b"1 x -2 \xff 3"), RecentAttempts(vec![1, 3]));
        assert_eq!(RecentAttempts::decode(b""), RecentAttempts::default());
    }

    proptest! {
        #[test]
        fn no_ten_minutes_judge_more_than_five(gaps in proptest::collection::vec(0u64..300, 1..100)) {
            let (mut tried, mut now, mut judged) = (RecentAttempts::default(), 1000, Vec::new());
            for gap in gaps {
                now += gap;
                if tried.charge(now).is_ok() {
                    judged.push(now);
                    tried = RecentAttempts::decode(tried.encode().as_bytes());
                }
                prop_assert!(judged.iter().filter(|&&at| now - at < PER.0).count() <= TRIES);
            }
        }
    }
}
