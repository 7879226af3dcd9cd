//! Counts lines that the log did not take in the ledger of their account.

use crate::ledger::{Happened, Ledger, Record};
use crate::lost_lines::NewCount;
use crate::store::{Held, Hold, Store, StoreError};
use crate::user::User;
use std::time::Duration;

/// How often a count is recorded anew after another process changed the ledger first.
const MOST_ROUNDS: usize = 8;

/// Counts lines in the ledger of `user` at `now`, in seconds since 1970. For an account that is not enrolled, or is held by another
/// process for all of `patience`, nothing is counted.
///
/// # Errors
/// [`StoreError`]; then nothing is counted.
pub fn count_lines<S: Store>(
    store: &S,
    user: &User,
    patience: Duration,
    new: NewCount,
    now: u64,
) -> Result<(), StoreError> {
    for _ in 0..MOST_ROUNDS {
        let mut held = match store.hold(user, patience)? {
            Hold::Held(held) => held,
            Hold::NotEnrolled | Hold::Busy => return Ok(()),
        };
        let Some(next) = held.ledger().lost_lines.after(new, now) else { return Ok(()) };
        let ledger = Ledger { lost_lines: next, ..held.ledger().clone() };
        let record = Record::of(ledger, Happened::LinesCounted);
        match held.replace(record.ledger(), record.durability()) {
            Err(StoreError::Conflict) => {}
            recorded => return recorded,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, NOON, PATIENCE, PHONE, alice, at, code, word};
    use crate::lost_lines::{LostLines, Pace};
    use crate::store::memory::{Exclusion, Memory, in_both_modes};

    fn a_count_is_kept_through_a_login_and_changes_nothing_else<X: Exclusion>() {
        let mut fixture = Fixture::<Memory<X>>::new();
        const ONE: NewCount = NewCount { lost: 1, told: 0, pace: Pace::Each };
        let user = alice().user;
        count_lines(&fixture.store, &user, PATIENCE, ONE, NOON).unwrap();
        fixture.enrol(PHONE);
        let before = fixture.held().ledger().clone();
        count_lines(&fixture.store, &user, PATIENCE, ONE, NOON).unwrap();
        let lost_lines = LostLines { count: 1, counted_at: NOON };
        assert_eq!(*fixture.held().ledger(), Ledger { lost_lines, ..before });
        assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
        assert_eq!(fixture.held().ledger().lost_lines(), 1);
    }

    in_both_modes! {
        a_count_is_kept_through_a_login_and_changes_nothing_else
    }
}
