//! The records of sources and of the budget, as `docs/file-formats.md` has them.

use super::fields::Fields;
use crate::lockout::budget::{ForeignBudget, TryBudget};
use crate::lockout::guesses::SinceAccepted;
use crate::lockout::row::Row;
use crate::lockout::source::{self, RowKind};
use crate::lockout::{Failures, Guesses, MOST_ATTEMPTS};

/// A record of type 8.
pub(super) fn encode_row(row: &Row) -> Vec<u8> {
    let Row { kind, mark, days, last_day, first_seen, last_seen, budget, failures } = row;
    let mut content = Vec::with_capacity(128);
    content.extend(mark.0);
    content.extend([kind.number(), *days]);
    content.extend([first_seen, last_seen].map(|minute| minute.to_be_bytes()).as_flattened());
    content.extend(last_day.to_be_bytes());
    content.extend([budget.used, budget.leaked_until].map(u32::to_be_bytes).as_flattened());
    if *failures == Failures::default() {
        return content;
    }
    let Failures { recent, consecutive, locked_at, locked_until } = failures;
    content.extend(consecutive.to_be_bytes());
    content.extend([locked_at, locked_until].map(|time| time.to_be_bytes()).as_flattened());
    // The latest, then how long before it each of the others was.
    if let Some((latest, earlier)) = recent.split_last() {
        content.extend(latest.to_be_bytes());
        for time in earlier.iter().rev().take(MOST_ATTEMPTS.saturating_sub(1)) {
            let before = u32::try_from(latest.saturating_sub(*time)).unwrap_or(u32::MAX);
            content.extend(before.to_be_bytes());
        }
    }
    content
}

/// The record of type 10; `None`: there is no budget yet.
pub(super) fn encode_budget(guesses: &Guesses) -> Option<Vec<u8>> {
    let ForeignBudget { used, unproven, leaked_until, risk } = guesses.budget?;
    let mut content = Vec::with_capacity(64);
    content.extend([used, leaked_until, unproven, risk].map(u64::to_be_bytes).as_flattened());
    if !has_guesses(guesses) {
        return Some(content);
    }
    let SinceAccepted { wrong, foreign, places } = guesses.since_accepted;
    content.extend([wrong, foreign].map(u32::to_be_bytes).as_flattened());
    content.extend([places, guesses.forgets_from].map(u64::to_be_bytes).as_flattened());
    content.push(guesses.told_quarters);
    Some(content)
}

/// Reads a record of type 8.
pub(super) fn row(fields: &mut Fields<'_>) -> Option<Row> {
    let mark = source::Mark(fields.array()?);
    let [kind, days] = fields.array()?;
    let kind = RowKind::of_number(kind)?;
    let (first_seen, last_seen, last_day) = (fields.u32()?, fields.u32()?, fields.u16()?);
    let budget = TryBudget { used: fields.u32()?, leaked_until: fields.u32()? };
    let mut failures = Failures::default();
    if !fields.0.is_empty() {
        (failures.consecutive, failures.locked_at, failures.locked_until) =
            (fields.u32()?, fields.u64()?, fields.u64()?);
        if !fields.0.is_empty() {
            let latest = fields.u64()?;
            failures.recent.push(latest);
            while !fields.0.is_empty() && failures.recent.len() < MOST_ATTEMPTS {
                failures.recent.push(latest.checked_sub(fields.u32()?.into())?);
            }
            failures.recent.reverse();
        }
        // Without any there are none of these fields.
        if failures == Failures::default() {
            return None;
        }
    }
    let row = Row { kind, mark, days, last_day, first_seen, last_seen, budget, failures };
    Some(row).filter(|row| !row.is_blank())
}

/// Reads the record of type 10.
pub(super) fn budget(fields: &mut Fields<'_>, guesses: &mut Guesses) -> Option<()> {
    let (used, leaked_until, unproven, risk) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
    guesses.budget = Some(ForeignBudget { used, unproven, leaked_until, risk });
    if fields.0.is_empty() {
        return Some(());
    }
    let (wrong, foreign) = (fields.u32()?, fields.u32()?);
    guesses.since_accepted = SinceAccepted { wrong, foreign, places: fields.u64()? };
    guesses.forgets_from = fields.u64()?;
    [guesses.told_quarters] = fields.array()?;
    // Without any there are none of these fields.
    has_guesses(guesses).then_some(())
}

/// Whether there is more to a budget than what of it is used.
fn has_guesses(guesses: &Guesses) -> bool {
    let Guesses { since_accepted, forgets_from, told_quarters, .. } = guesses;
    *since_accepted != SinceAccepted::default() || *forgets_from != 0 || *told_quarters != 0
}
