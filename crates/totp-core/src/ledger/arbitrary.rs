//! Any ledger, for properties.

use crate::account_recovery::ResetNotice;
use crate::credential::MOST_AUTHENTICATORS;
use crate::factor::FactorKind;
use crate::ledger::{LastLogin, Ledger, LoginMethod, Progress, RecoveryMarks};
use crate::lockout::budget::{ForeignBudget, TryBudget};
use crate::lockout::guesses::{MOST_ROWS, SinceAccepted};
use crate::lockout::row::Row;
use crate::lockout::source::{self, RowKind};
use crate::lockout::{Failures, Guesses, MOST_ATTEMPTS};
use crate::lost_lines::LostLines;
use crate::policy::device::{Device, MOST_DEVICES, Mark};
use crate::random::Id;
use crate::recovery::MOST_CODES;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// A ledger with any number of everything that it can hold.
pub(crate) fn ledger() -> impl Strategy<Value = Ledger> {
    let progress = (any::<u64>(), any::<u64>())
        .prop_map(|(used_up_to, confirmed_at)| Progress { used_up_to, confirmed_at });
    let failures = (vec(any::<u64>(), 0..=MOST_ATTEMPTS), any::<u32>(), any::<u64>(), any::<u64>()).prop_map(
        |(recent, consecutive, locked_at, locked_until)| Failures {
            recent,
            consecutive,
            locked_at,
            locked_until,
        },
    );
    let row_failures = (vec(0u32..1000, 0..=MOST_ATTEMPTS), any::<u32>(), any::<u64>(), any::<u64>())
        .prop_map(|(ages, consecutive, locked_at, locked_until)| {
            let mut recent: Vec<u64> = ages.into_iter().map(|age| 1_000_000 - u64::from(age)).collect();
            recent.sort_unstable();
            Failures { recent, consecutive, locked_at, locked_until }
        });
    let row = (1u8..=5, any::<[u8; 12]>(), any::<(u8, u16)>(), any::<[u32; 4]>(), row_failures).prop_map(
        |(kind, mark, (days, last_day), [first_seen, last_seen, used, leaked_until], failures)| Row {
            kind: RowKind::of_number(kind).expect("one of the kinds"),
            mark: source::Mark(mark),
            days,
            last_day,
            first_seen,
            last_seen,
            budget: TryBudget { used: used.max(1), leaked_until },
            failures,
        },
    );
    let guesses = (failures, vec(row, 0..=MOST_ROWS), any::<[u64; 6]>(), any::<[u32; 2]>(), any::<u8>())
        .prop_map(
            |(
                foreign,
                rows,
                [used, unproven, leaked_until, risk, places, forgets_from],
                [wrong, guessed],
                told,
            )| {
                Guesses {
                    foreign,
                    rows,
                    since_accepted: SinceAccepted { wrong, foreign: guessed, places },
                    budget: Some(ForeignBudget { used, unproven, leaked_until, risk }),
                    forgets_from,
                    told_quarters: told,
                }
            },
        );
    let guesses = prop_oneof![guesses, Just(Guesses::default())];
    let recovery = (1u8.., vec(any::<u64>(), MOST_CODES)).prop_map(|(set, used)| RecoveryMarks {
        set: Id::new([set; 16]),
        used: used.try_into().expect("as many as there are codes"),
    });
    let none = RecoveryMarks { set: Id::NONE, used: [0; MOST_CODES] };
    let method = prop_oneof![
        Just(LoginMethod::RecoveryCode),
        Just(LoginMethod::Code(FactorKind::Totp)),
        Just(LoginMethod::Code(FactorKind::Hotp)),
    ];
    let last_login = (any::<u64>(), method).prop_map(|(at, method)| LastLogin { at, method });
    let device = (any::<[u8; 32]>(), any::<[u64; 3]>(), any::<u32>()).prop_map(
        |(mark, [since, until, last_used], uses)| Device { mark: Mark(mark), since, until, last_used, uses },
    );
    let notice =
        (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(at, until, by)| ResetNotice { at, until, by });
    let lost_lines = (1u32.., any::<u64>()).prop_map(|(count, counted_at)| LostLines { count, counted_at });
    let parts = (
        vec(progress, 0..=MOST_AUTHENTICATORS),
        guesses,
        prop_oneof![recovery, Just(none)],
        option::of(last_login),
        vec(device, 0..=MOST_DEVICES),
        option::of(notice),
        prop_oneof![lost_lines, Just(LostLines::default())],
    );
    parts.prop_map(|(progress, guesses, recovery, last_login, devices, notice, lost_lines)| Ledger {
        credential: Id::new([1; 16]),
        progress,
        guesses,
        recovery,
        last_login,
        devices,
        notice,
        lost_lines,
    })
}
