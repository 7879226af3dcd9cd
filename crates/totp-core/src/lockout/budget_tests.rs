//! What a budget promises: within a year no more than its risk, whatever the clock does, and a charge is given back exactly.

use super::budget::{ForeignBudget, MOST_SAVED_TRIES, TryBudget, YEAR};
use proptest::collection::vec;
use proptest::prelude::*;

const RISK: u64 = 1_000_000;
const NOON: u64 = 1_800_000_000;
const MINUTES: u32 = 365 * 1440;

/// Tries of these units at these times, as far as there is room for them.
fn judged(tries: &[(u64, u64, bool)]) -> Vec<(u64, u64, bool)> {
    let mut budget = ForeignBudget::new(RISK, NOON);
    let mut judged = Vec::new();
    for &(now, units, is_proven) in tries {
        budget.leak(RISK, now);
        if budget.has_room(units, is_proven) {
            budget.charge(units, is_proven);
            judged.push((now, units, is_proven));
        }
    }
    judged
}

fn worst_year(judged: &[(u64, u64, bool)], counts: impl Fn(bool) -> bool) -> u64 {
    let within = |last: u64| judged.iter().filter(move |(at, ..)| *at <= last && last - at <= YEAR);
    let sum = |last| within(last).filter(|(.., proven)| counts(*proven)).map(|(_, units, _)| units).sum();
    judged.iter().map(|&(last, ..)| sum(last)).max().unwrap_or(0)
}

#[test]
fn without_a_first_factor_half_of_a_year_is_judged() {
    let tries: Vec<_> = (0..3000).map(|hours| (NOON + hours * 6 * 3600, 3000, false)).collect();
    let worst = worst_year(&judged(&tries), |is_proven| !is_proven);
    assert!((RISK * 49 / 100..=RISK / 2).contains(&worst), "{worst}");
}

#[test]
fn forty_percent_are_judged_at_once_and_the_rest_within_a_year() {
    let tries: Vec<_> = (0..1000).map(|_| (NOON, 3000, true)).collect();
    assert_eq!(judged(&tries).len(), 133);
    let tries: Vec<_> = (0..3000).map(|hours| (NOON + hours * 3 * 3600, 3000, true)).collect();
    assert_eq!(judged(&tries).iter().filter(|(at, ..)| *at <= NOON + YEAR).count(), 333);
}

#[test]
fn the_smallest_risk_holds_from_then_on() {
    let mut budget = ForeignBudget::new(RISK, NOON);
    budget.leak(RISK / 10, NOON);
    budget.leak(RISK, NOON + 1);
    assert_eq!((budget.risk, budget.capacity()), (RISK / 10, RISK / 25));
}

#[test]
fn a_settled_source_saves_forty_tries_and_earns_four_hundred_a_year() {
    let mut budget = TryBudget { used: 0, leaked_until: 0 };
    let mut tries = 0;
    for minute in 0..=MINUTES {
        budget.leak(400, minute);
        while budget.has_room(400) {
            budget.charge();
            tries += 1;
        }
        assert_eq!(budget.left(400), 0);
    }
    assert_eq!(tries, MOST_SAVED_TRIES + 400);
}

proptest! {
    #[test]
    fn no_year_judges_more_than_its_risk(
        gaps in vec((0u64..40 * 86400, 1u64..40_000, any::<bool>()), 1..300),
    ) {
        let mut now = NOON;
        let tries: Vec<_> = gaps.into_iter().map(|(gap, units, is_proven)| {
            now += gap;
            (now, units, is_proven)
        }).collect();
        let judged = judged(&tries);
        prop_assert!(worst_year(&judged, |_| true) <= RISK);
        prop_assert!(worst_year(&judged, |is_proven| !is_proven) <= RISK / 2);
    }

    #[test]
    fn no_second_of_the_clock_leaks_twice(times in vec(0u64..3 * YEAR, 1..60)) {
        let full = RISK * 1000 * YEAR;
        let mut jumping = ForeignBudget { used: full, unproven: full, ..ForeignBudget::new(RISK, NOON) };
        let (mut steady, mut source) = (jumping, TryBudget { used: u32::MAX, leaked_until: 0 });
        let mut steady_source = source;
        for &time in &times {
            jumping.leak(RISK, NOON + time);
            source.leak(7, u32::try_from(time / 60).unwrap());
        }
        let latest = times.iter().max().copied().unwrap();
        steady.leak(RISK, NOON + latest);
        steady_source.leak(7, u32::try_from(latest / 60).unwrap());
        prop_assert_eq!(jumping.used, steady.used);
        // Half of an odd number is rounded down each time.
        prop_assert!(jumping.unproven >= steady.unproven);
        prop_assert_eq!(source, steady_source);
    }

    #[test]
    fn what_waits_as_long_as_it_is_told_has_room_and_not_before(
        used in 0u64..500_000, unproven in 0u64..500_000, units in 1u64..300_000, is_proven in any::<bool>(),
    ) {
        let mut budget = ForeignBudget::new(RISK, NOON);
        (budget.used, budget.unproven) = (used * YEAR, unproven * YEAR);
        let Some(wait) = budget.wait(units, is_proven) else {
            let most = if is_proven { budget.capacity() } else { budget.capacity() / 2 };
            prop_assert!(units > most);
            return Ok(());
        };
        let after = |seconds| {
            let mut later = budget;
            later.leak(RISK, NOON + seconds);
            later.has_room(units, is_proven)
        };
        prop_assert!(after(wait.0));
        prop_assert!(wait.0 == 0 || !after(wait.0 - 1));
    }
}
