//! Any ledger, for properties.

use crate::account_recovery::ResetNotice;
use crate::credential::MOST_AUTHENTICATORS;
use crate::factor::FactorKind;
use crate::ledger::{LastLogin, Ledger, LoginMethod, Progress, RecoveryMarks};
use crate::lockout::{Failures, MOST_ATTEMPTS};
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
    let recovery = (1u8.., vec(any::<u64>(), MOST_CODES)).prop_map(|(set, used)| RecoveryMarks {
        set: Id::new([set; 16]),
        used: used.try_into().expect("as many as there are codes"),
    });
    let none = RecoveryMarks { set: Id::NONE, used: [0; MOST_CODES] };
    let method = prop_oneof![Just(LoginMethod::RecoveryCode), Just(LoginMethod::Code(FactorKind::Totp))];
    let last_login = (any::<u64>(), method).prop_map(|(at, method)| LastLogin { at, method });
    let device = (any::<[u8; 32]>(), any::<[u64; 3]>(), any::<u32>()).prop_map(
        |(mark, [since, until, last_used], uses)| Device { mark: Mark(mark), since, until, last_used, uses },
    );
    let notice =
        (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(at, until, by)| ResetNotice { at, until, by });
    let lost_lines = (1u32.., any::<u64>()).prop_map(|(count, counted_at)| LostLines { count, counted_at });
    let parts = (
        vec(progress, 0..=MOST_AUTHENTICATORS),
        failures,
        prop_oneof![recovery, Just(none)],
        option::of(last_login),
        vec(device, 0..=MOST_DEVICES),
        option::of(notice),
        prop_oneof![lost_lines, Just(LostLines::default())],
    );
    parts.prop_map(|(progress, failures, recovery, last_login, devices, notice, lost_lines)| Ledger {
        credential: Id::new([1; 16]),
        progress,
        failures,
        recovery,
        last_login,
        devices,
        notice,
        lost_lines,
    })
}
