//! Chance that is the same in each run, and how often it may succeed.

/// Numbers by Vigna's splitmix64.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is small against 2⁶⁴.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// One of these, all as likely.
    pub(super) fn one_of<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let at = usize::try_from(self.below(others.len() as u64 + 1)).unwrap_or(0);
        at.checked_sub(1).and_then(|at| others.get(at)).copied().unwrap_or(first)
    }

    /// Whether something of this probability happens, in units of 10⁻⁹.
    pub(super) fn happens(&mut self, units: u64) -> bool {
        self.below(1_000_000_000) < units
    }
}

/// The numbers of successes in so many years that are within the 99.9 % bounds of the binomial distribution, for a chance of `units`
/// of 10⁻⁹ a year.
#[expect(clippy::cast_precision_loss, reason = "years and units are far below 2⁵³")]
pub(super) fn bounds(years: u64, units: u64) -> (u64, u64) {
    let chance = units as f64 / 1e9;
    let mut exactly = (years as f64 * (-chance).ln_1p()).exp();
    let (mut at_most, mut least) = (exactly, 0);
    for successes in 0..years {
        if at_most < 0.001 {
            least = successes + 1;
        }
        if at_most >= 0.999 {
            return (least, successes);
        }
        exactly *= (years - successes) as f64 / (successes + 1) as f64 * chance / (1.0 - chance);
        at_most += exactly;
    }
    (least, years)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_those_of_the_distribution() {
        // Of a Poisson distribution with mean 100, which this is close to.
        assert_eq!(bounds(100_000, 1_000_000), (71, 132));
        assert_eq!(bounds(1000, 0), (0, 0));
    }

    #[test]
    fn what_happens_once_in_a_thousand_does_so() {
        let mut chance = Chance::new(1);
        let times = (0..100_000).filter(|_| chance.happens(1_000_000)).count() as u64;
        let (least, most) = bounds(100_000, 1_000_000);
        assert!((least..=most).contains(&times), "{times}");
    }
}
