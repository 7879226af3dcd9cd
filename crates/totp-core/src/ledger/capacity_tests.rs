//! A ledger with the most of everything fits into its slot, beside what later versions will write.

use super::records;
use super::slot::SLOT;
use super::{LastLogin, Ledger, LoginMethod, Progress, RecoveryMarks};
use crate::account_recovery::ResetNotice;
use crate::credential::MOST_AUTHENTICATORS;
use crate::lockout::budget::{ForeignBudget, TryBudget};
use crate::lockout::guesses::{MOST_FAILING_ROWS, MOST_ROWS, SinceAccepted};
use crate::lockout::row::Row;
use crate::lockout::source::{self, RowKind};
use crate::lockout::{Failures, Guesses, MOST_ATTEMPTS};
use crate::lost_lines::LostLines;
use crate::policy::device::{Device, MOST_DEVICES, Mark};
use crate::random::Id;
use crate::recovery::MOST_CODES;

/// The header of a slot without the id of the key, its MAC and its checksum (`docs/file-formats.md`).
const FRAME: usize = 8 + 4 + 8 + 1 + 16 + 1 + 2 + 32 + 4;
/// The id of a key that `keys init` and `keys rotate` make is shorter.
const LONGEST_KEY_ID: usize = 32;
/// Kept for a bypass and for a request to a verifier.
const RESERVED: usize = 439 + 60;

fn full() -> Ledger {
    let failures = |at: u64| Failures {
        recent: (0..MOST_ATTEMPTS as u64).map(|second| at + second).collect(),
        consecutive: 16,
        locked_at: at,
        locked_until: at + 60,
    };
    let row = |number: usize| Row {
        kind: RowKind::KeyAtAddress,
        mark: source::Mark([u8::try_from(number).unwrap(); 12]),
        days: 255,
        last_day: 20_000,
        first_seen: 1,
        last_seen: 2,
        budget: TryBudget { used: 5, leaked_until: 6 },
        failures: if number < MOST_FAILING_ROWS { failures(7) } else { Failures::default() },
    };
    let device = Device { mark: Mark([9; 32]), since: 1, until: 2, last_used: 3, uses: 4 };
    Ledger {
        credential: Id::new([1; 16]),
        progress: vec![Progress { used_up_to: 5, confirmed_at: 6 }; MOST_AUTHENTICATORS],
        guesses: Guesses {
            foreign: failures(1),
            rows: (0..MOST_ROWS).map(row).collect(),
            since_accepted: SinceAccepted { wrong: 1, foreign: 2, places: 3 },
            budget: Some(ForeignBudget { used: 1, unproven: 2, leaked_until: 3, risk: 4 }),
            forgets_from: 5,
            told_quarters: 4,
        },
        recovery: RecoveryMarks { set: Id::new([2; 16]), used: [7; MOST_CODES] },
        last_login: Some(LastLogin { at: 1, method: LoginMethod::RecoveryCode }),
        devices: vec![device; MOST_DEVICES],
        notice: Some(ResetNotice { at: 1, until: 2, by: 3 }),
        lost_lines: LostLines { count: 1, counted_at: 2 },
    }
}

#[test]
fn a_full_ledger_fits_into_a_slot_beside_what_is_reserved() {
    let (ledger, records) = (full(), records::encode(&full()));
    assert_eq!(records::decode(ledger.credential, &records), Ok(ledger));
    let all = FRAME + LONGEST_KEY_ID + records.len() + RESERVED;
    assert!(all <= SLOT, "{all}");
}
