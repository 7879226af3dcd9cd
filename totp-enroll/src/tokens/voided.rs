//! After a restore it is not known which codes of a token were used since the backup, so each token needs two codes.

use crate::command_error::CommandError;
use crate::context::{Context, Inventory, PATIENCE};
use totp_core::keyring::each_token;
use totp_core::store::{Inventory as _, Tokens};
use totp_core::time::Now;
use totp_core::token::Token;

/// Tokens that are stored together.
const BATCH: usize = 512;

/// Makes every token of the inventory need two codes at its next assignment. Returns how many, and the problems of those that could
/// not be changed.
pub(crate) fn void_after_restore(context: &Context, now: Now) -> Result<(usize, Vec<String>), CommandError> {
    let busy = "another command is using the tokens; nothing was changed; try again";
    let mut inventory =
        context.store.hold_tokens_to_withdraw(PATIENCE)?.ok_or_else(|| CommandError::refused(busy))?;
    let (mut voided, mut problems) = (Vec::new(), Vec::new());
    let windows = context.config.windows();
    let keyring = context.keyring().ok();
    each_token(&context.store, |token| {
        let token = token.map_err(|error| error.to_string()).and_then(|token| {
            let name = || context.store.name_of_token(token.serial());
            // One that was modified would keep the others of its batch from being stored.
            let checked = keyring.as_ref().map_or(Ok(()), |keyring| token.check_seal(keyring));
            checked.map_err(|error| format!("{}: {error}", name()))?;
            Ok(token.position_unknown(&windows, now))
        });
        match token {
            Ok(token) => voided.push(token),
            Err(problem) => problems.push(problem),
        }
    })?;
    let mut done = 0usize;
    for batch in voided.chunks(BATCH) {
        match store(&mut inventory, batch) {
            Ok(()) => done = done.saturating_add(batch.len()),
            Err(error) => problems.push(error),
        }
    }
    Ok((done, problems))
}

fn store(inventory: &mut Inventory, batch: &[Token]) -> Result<(), String> {
    inventory.replace(batch).map_err(|error| error.to_string())
}
