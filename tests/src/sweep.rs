//! Which points of a sweep are run: all of them under `tests/run --complete`, else a sample that changes with the day.
//!
//! A failure shows the seed of its sample; `TOTP_SEED=that` takes the same sample again, and `TOTP_COMPLETE=1` everything.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many points of one sweep a sample has.
const SAMPLE: usize = 8;

/// What today's tests run of their sweeps.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    seed: u64,
    is_complete: bool,
}

impl Sweep {
    /// Read from the environment; without `TOTP_SEED` the seed is the day, in days since 1970.
    ///
    /// # Panics
    /// When `TOTP_SEED` is not a number, or `TOTP_COMPLETE` neither 1 nor 0.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "the harness shows it with a failure")]
    pub fn today() -> Self {
        let seed =
            env::var("TOTP_SEED").map_or_else(|_| day(), |seed| seed.parse().expect("TOTP_SEED: a number"));
        let is_complete = match env::var("TOTP_COMPLETE").as_deref() {
            Ok("1") => true,
            Ok("0") | Err(_) => false,
            Ok(other) => panic!("TOTP_COMPLETE={other}: 1 or 0"),
        };
        println!("a sweep with TOTP_SEED={seed} TOTP_COMPLETE={}", u8::from(is_complete));
        Self { seed, is_complete }
    }

    /// Does it run everything?
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.is_complete
    }

    /// The points to run, in their order: all, or one at random of each eighth of them.
    ///
    /// # Panics
    /// Without any points: a sweep over nothing shows nothing.
    #[must_use]
    pub fn points<T>(self, all: impl IntoIterator<Item = T>) -> Vec<T> {
        let all: Vec<T> = all.into_iter().collect();
        assert!(!all.is_empty(), "a sweep without points");
        if self.is_complete || all.len() <= SAMPLE {
            return all;
        }
        let (count, mut dice) = (all.len(), self.dice());
        let starts = (0..=SAMPLE).map(|part| part * count / SAMPLE).collect::<Vec<_>>();
        let taken: BTreeSet<usize> =
            starts.windows(2).map(|part| part[0] + dice.roll(part[1] - part[0])).collect();
        all.into_iter().enumerate().filter(|(at, _)| taken.contains(at)).map(|(_, point)| point).collect()
    }

    /// How often something random is tried.
    #[must_use]
    pub fn count(self, sample: usize, complete: usize) -> usize {
        if self.is_complete { complete } else { sample }
    }

    /// Random numbers, the same for the same seed.
    #[must_use]
    pub fn dice(self) -> Dice {
        Dice(self.seed)
    }

    /// Asserts that a sweep met each of `expected` and nothing else; a sample may miss some.
    ///
    /// # Panics
    /// When it did not.
    pub fn assert_met<T: Ord + Debug>(self, met: &BTreeSet<T>, expected: impl IntoIterator<Item = T>) {
        let expected: BTreeSet<T> = expected.into_iter().collect();
        assert!(met.is_subset(&expected), "met {met:?}, expected only {expected:?}");
        assert!(!self.is_complete || *met == expected, "met {met:?}, expected all of {expected:?}");
    }

    /// Asserts that a sweep had more than `least` cases of something; a sample may have fewer.
    ///
    /// # Panics
    /// When it had not.
    pub fn assert_more_than(self, least: usize, cases: usize, what: &str) {
        assert!(!self.is_complete || cases > least, "{what}: {cases}, expected more than {least}");
    }
}

fn day() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / (24 * 60 * 60)
}

/// Random numbers from a seed.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// A number from 0 to `sides` - 1.
    ///
    /// # Panics
    /// With no sides.
    pub fn roll(&mut self, sides: usize) -> usize {
        // SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): also good after small seeds.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed >> 33).unwrap() % sides
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME_DAY: Sweep = Sweep { seed: 20_000, is_complete: false };
    const NEXT_DAY: Sweep = Sweep { seed: 20_001, is_complete: false };
    const EVERYTHING: Sweep = Sweep { seed: 20_000, is_complete: true };

    #[test]
    fn a_complete_sweep_runs_every_point_in_order() {
        assert_eq!(EVERYTHING.points(0..100), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_sample_has_one_point_of_each_eighth_in_order() {
        for count in [9, 16, 100, 401] {
            let points = SOME_DAY.points(0..count);
            let eighths: Vec<usize> = (0..SAMPLE).collect();
            let of = |point: &usize| (0..SAMPLE).rfind(|part| part * count / SAMPLE <= *point).unwrap();
            assert_eq!(points.iter().map(of).collect::<Vec<_>>(), eighths, "{points:?} of {count}");
        }
    }

    #[test]
    fn a_short_sweep_is_run_whole_every_day() {
        assert_eq!(SOME_DAY.points(0..SAMPLE), (0..SAMPLE).collect::<Vec<_>>());
    }

    #[test]
    fn the_same_seed_takes_the_same_sample_and_the_next_day_another() {
        assert_eq!(SOME_DAY.points(0..1000), SOME_DAY.points(0..1000));
        assert_ne!(SOME_DAY.points(0..1000), NEXT_DAY.points(0..1000));
    }

    #[test]
    fn in_a_month_of_samples_nearly_every_point_is_run() {
        let month = (20_000..20_030).map(|seed| Sweep { seed, is_complete: false });
        let run: BTreeSet<usize> = month.flat_map(|sweep| sweep.points(0..64)).collect();
        assert!(run.len() > 58, "{} of 64", run.len());
    }

    #[test]
    fn a_sample_may_miss_what_a_complete_sweep_has_to_meet() {
        SOME_DAY.assert_met(&BTreeSet::from([true]), [false, true]);
        EVERYTHING.assert_met(&BTreeSet::from([false, true]), [false, true]);
        SOME_DAY.assert_more_than(3, 1, "changes");
    }

    #[test]
    #[should_panic(expected = "expected all of")]
    fn a_complete_sweep_that_missed_something_fails() {
        EVERYTHING.assert_met(&BTreeSet::from([true]), [false, true]);
    }

    #[test]
    #[should_panic(expected = "expected only")]
    fn a_sample_that_met_what_must_not_be_fails() {
        SOME_DAY.assert_met(&BTreeSet::from([2]), [0, 1]);
    }

    #[test]
    #[should_panic(expected = "expected more than 3")]
    fn a_complete_sweep_with_too_few_cases_fails() {
        EVERYTHING.assert_more_than(3, 3, "changes");
    }
}
