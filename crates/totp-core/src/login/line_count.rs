//! Counts lines that the log did not take in the ledger of their account.

use crate::ledger::{Happened, Ledger, Record};
use crate::lost_lines::NewCount;
use crate::store::{Held, Hold, Store, StoreError};
use crate::user::User;
use std::time::Duration;

/// How often a count is recorded anew after another process changed the ledger first.
const MOST_ROUNDS: usize = 8;

/// Counts lines in the ledger of `user` at `now`, in seconds since 1970; returns whether those that were lost are counted. `None`:
/// the account is not enrolled, or another process held it for all of `patience`, and the count is as it was.
///
/// # Errors
/// [`StoreError`]; the count is as it was.
pub fn count_lines<S: Store>(
    store: &S,
    user: &User,
    patience: Duration,
    new: NewCount,
    now: u64,
) -> Result<Option<bool>, StoreError> {
    for _ in 0..MOST_ROUNDS {
        let mut held = match store.hold(user, patience)? {
            Hold::Held(held) => held,
            Hold::NotEnrolled | Hold::Busy => return Ok(None),
        };
        let before = held.ledger().lost_lines;
        let (next, is_counted) = before.after(new, now);
        if next == before {
            return Ok(Some(is_counted));
        }
        let ledger = Ledger { lost_lines: next, ..held.ledger().clone() };
        let record = Record::of(ledger, Happened::LinesCounted);
        match held.replace(record.ledger(), record.durability()) {
            Err(StoreError::Conflict) => {}
            recorded => return recorded.map(|()| Some(is_counted)),
        }
    }
    Ok(None)
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
        assert_eq!(count_lines(&fixture.store, &user, PATIENCE, ONE, NOON), Ok(None));
        fixture.enrol(PHONE);
        let before = fixture.held().ledger().clone();
        assert_eq!(count_lines(&fixture.store, &user, PATIENCE, ONE, NOON), Ok(Some(true)));
        let lost_lines = LostLines { count: 1, counted_at: NOON };
        assert_eq!(*fixture.held().ledger(), Ledger { lost_lines, ..before });
        assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
        assert_eq!(fixture.held().ledger().lost_lines(), 1);
    }

    in_both_modes! {
        a_count_is_kept_through_a_login_and_changes_nothing_else
    }
}
