//! Histories of one counter token: whatever happens, each counter is accepted once and only forward.

use super::counter_tests::{position, press, presses, with_fob};
use crate::enrolment::{unlock, void_after_restore};
use crate::fixture::{NOON, at, rules, word};
use crate::store::memory::{Comparing, Exclusion, Locking};
use proptest::prelude::*;

/// What happens to a token and its ledger.
#[derive(Debug, Clone)]
enum Act {
    /// The code so many counters after the next one; before it, if negative.
    Code(i64),
    /// The same with the one after it.
    Pair(i64),
    Wrong,
    Crash,
    Restored,
    Unlock,
    Later,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (-15i64..15).prop_map(Act::Code),
        2 => (-5i64..1020).prop_map(Act::Pair),
        1 => Just(Act::Wrong),
        2 => Just(Act::Crash),
        1 => Just(Act::Restored),
        1 => Just(Act::Unlock),
        3 => Just(Act::Later),
    ]
}

/// One code, and the next counter if it is accepted. Two counters may share a code.
fn one(typed: Vec<u8>, next: u64) -> (Vec<u8>, Option<u64>) {
    let is_used = (next.saturating_sub(11)..next).any(|counter| press(counter) == typed);
    let found = (next..next + 11).rev().find(|&counter| press(counter) == typed);
    (typed, found.map(|counter| counter + 1).filter(|_| !is_used))
}

/// A history of one token, held against the three values that say everything about it.
fn history<X: Exclusion>(acts: &[Act]) {
    let (fixture, _) = with_fob::<X>(100);
    let (mut next, mut is_out_of_step, mut now) = (100u64, false, NOON);
    for act in acts {
        let counter = |from: i64| next.saturating_add_signed(from);
        let (typed, after) = match act {
            Act::Code(from) => one(press(counter(*from)), next),
            Act::Wrong => one(b"000000".to_vec(), next),
            Act::Pair(from) => {
                let first = counter(*from);
                (presses([first, first + 1]), (0..1010).contains(from).then_some(first + 2))
            }
            Act::Crash => {
                fixture.store.crash();
                continue;
            }
            Act::Restored => {
                void_after_restore(fixture.entry(), &rules().windows, at(now)).unwrap();
                is_out_of_step = true;
                continue;
            }
            Act::Unlock => {
                unlock(fixture.entry(), &rules(), at(now)).unwrap();
                continue;
            }
            Act::Later => {
                now += 86400;
                continue;
            }
        };
        let told = word(fixture.login(&typed, at(now)));
        match told.as_str() {
            "accepted fob" => {
                assert!(!is_out_of_step || matches!(act, Act::Pair(_)), "{act:?} at {next}");
                next = after.unwrap_or_else(|| panic!("accepted: {act:?} at {next}"));
                is_out_of_step = false;
            }
            "out_of_step" => assert!(is_out_of_step),
            // A lock bars right codes too.
            "limited" | "locked" | "budget" | "disabled" => {}
            other => assert_eq!(after, None, "{other}: {act:?} at {next}"),
        }
        assert_eq!(position(&fixture, 0), if is_out_of_step { next | 1 << 63 } else { next });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn a_history_accepts_each_counter_once_and_forward_only(acts in proptest::collection::vec(act(), 1..40)) {
        history::<Locking>(&acts);
        history::<Comparing>(&acts);
    }
}
