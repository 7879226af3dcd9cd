//! The inventory of tokens in a rotation of keys: resealed in batches, and asked which keys it needs.

use super::rotation::{BATCH, Rotated, Rotation, RotationError, Skipped, SkippedError};
use crate::credential::ResealError;
use crate::store::{Inventory, StoreError, Tokens};
use crate::token::{Serial, Token};
use std::collections::{BTreeMap, BTreeSet};

impl<S: Tokens> Rotation<'_, S> {
    /// Reseals every token that opens under the active key. Other commands wait for the inventory meanwhile; no login needs it.
    pub(super) fn reseal_tokens(&mut self, rotated: &mut Rotated) -> Result<(), RotationError> {
        let Some(mut inventory) = self.store.hold_tokens_to_withdraw(self.patience)? else {
            let about = "the inventory of tokens".to_owned();
            let problem = "another command is using it: run this again".to_owned();
            rotated.left.push(Skipped { user: None, why: SkippedError::Token { about, problem } });
            return Ok(());
        };
        let mut batch = Vec::new();
        for serial in self.store.serials()? {
            // What is not a token's document is met again in the count.
            let Some(token) = serial.ok().and_then(|serial| self.store.token(&serial).ok().flatten()) else {
                continue;
            };
            match token.resealed(self.keyring, self.entropy) {
                Ok(resealed) => batch.extend(resealed),
                Err(ResealError::Open(error)) => {
                    let (about, problem) = (self.store.name_of_token(token.serial()), error.to_string());
                    rotated
                        .left
                        .push(Skipped { user: None, why: SkippedError::TokenSeal { about, problem } });
                }
                Err(ResealError::Seal(error)) => return Err(error.into()),
            }
            if batch.len() >= BATCH {
                put_in_place(&mut inventory, &mut batch, rotated)?;
            }
        }
        put_in_place(&mut inventory, &mut batch, rotated)
    }

    /// The ids of the keys that tokens need. A token that cannot be read may need any.
    pub(super) fn token_keys(&self, rotated: &mut Rotated) -> Result<BTreeSet<String>, RotationError> {
        let (named, mut unreadable) = count_tokens(self.store)?;
        rotated.left.append(&mut unreadable);
        Ok(named.into_keys().collect())
    }
}

/// The number of tokens that need each key, and those that cannot be read and may need any.
///
/// # Errors
/// [`StoreError`] if the tokens cannot be listed.
pub fn count_tokens<S: Tokens>(store: &S) -> Result<(BTreeMap<String, usize>, Vec<Skipped>), StoreError> {
    let (mut named, mut unreadable) = (BTreeMap::<String, usize>::new(), Vec::new());
    each_token(store, |read| match read {
        Ok(token) => {
            let count = named.entry(token.key().to_owned()).or_default();
            *count = count.saturating_add(1);
        }
        Err(error) => {
            let (about, problem) = (error.about().to_owned(), error.problem().to_owned());
            unreadable.push(Skipped { user: None, why: SkippedError::Token { about, problem } });
        }
    })?;
    Ok((named, unreadable))
}

/// Reads every token of the inventory without holding it.
///
/// # Errors
/// [`StoreError`] if the tokens cannot be listed.
pub fn each_token<S: Tokens>(
    store: &S,
    mut see: impl FnMut(Result<Token, StoreError>),
) -> Result<(), StoreError> {
    for serial in store.serials()? {
        let token = serial.and_then(|serial: Serial| store.token(&serial));
        match token {
            Ok(Some(token)) => see(Ok(token)),
            // Gone since the names were read.
            Ok(None) => {}
            Err(error) => see(Err(error)),
        }
    }
    Ok(())
}

fn put_in_place(
    inventory: &mut impl Inventory,
    batch: &mut Vec<Token>,
    rotated: &mut Rotated,
) -> Result<(), RotationError> {
    if !batch.is_empty() {
        inventory.replace(batch)?;
        rotated.resealed_tokens = rotated.resealed_tokens.saturating_add(batch.len());
        batch.clear();
    }
    Ok(())
}
