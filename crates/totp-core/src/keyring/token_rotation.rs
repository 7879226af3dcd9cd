//! The inventory of tokens in a rotation of keys: resealed in batches, and asked which keys it needs.

use super::{Keyring, SealError};
use crate::credential::ResealError;
use crate::random::Entropy;
use crate::store::{Inventory, StoreError, Tokens};
use crate::token::{Serial, Token};
use std::collections::BTreeMap;
use std::time::Duration;

/// Tokens that are synced together.
const BATCH: usize = 512;

/// Reseals the inventory.
pub(super) struct TokenRotation<'a, S> {
    pub(super) store: &'a S,
    pub(super) keyring: &'a Keyring,
    pub(super) entropy: &'a mut dyn Entropy,
    pub(super) patience: Duration,
}

/// The result.
#[derive(Default)]
pub(super) struct ResealedTokens {
    pub(super) resealed: usize,
    pub(super) left: Vec<SkippedToken>,
}

/// A token that was left as it was.
#[derive(Debug, Clone)]
pub struct SkippedToken {
    /// The store's name of it.
    pub about: String,
    /// What is wrong and what to do.
    pub problem: String,
    /// Whether the key that it needs is known: it was read, and does not open.
    pub names_its_key: bool,
}

/// Why resealing was stopped.
pub(super) enum Stopped {
    Store(StoreError),
    Seal(SealError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<S: Tokens> TokenRotation<'_, S> {
    /// Reseals every token that opens under the active key. The inventory is held for one batch at a time, so that other commands get
    /// it in between; no login needs it. A token that is added meanwhile is under the active key.
    pub(super) fn run(mut self) -> Result<ResealedTokens, Stopped> {
        let mut done = ResealedTokens::default();
        // A file that is not a token's document is reported by the count.
        let serials: Vec<Serial> = self.store.serials()?.filter_map(Result::ok).collect();
        for batch in serials.chunks(BATCH) {
            let Some(mut inventory) = self.store.hold_tokens_to_withdraw(self.patience)? else {
                let about = "the inventory of tokens".to_owned();
                let problem = "another command is using it: run this again".to_owned();
                done.left.push(SkippedToken { about, problem, names_its_key: false });
                return Ok(done);
            };
            let resealed = self.resealed(batch, &mut done)?;
            if !resealed.is_empty() {
                inventory.replace(&resealed)?;
                done.resealed = done.resealed.saturating_add(resealed.len());
            }
        }
        Ok(done)
    }

    /// Those of a batch that were not under the active key, under it.
    fn resealed(&mut self, batch: &[Serial], done: &mut ResealedTokens) -> Result<Vec<Token>, Stopped> {
        let mut all = Vec::new();
        for token in batch.iter().filter_map(|serial| self.store.token(serial).ok().flatten()) {
            match token.resealed(self.keyring, self.entropy) {
                Ok(resealed) => all.extend(resealed),
                Err(ResealError::Open(error)) => {
                    let (about, problem) = (self.store.name_of_token(token.serial()), error.to_string());
                    done.left.push(SkippedToken { about, problem, names_its_key: true });
                }
                Err(ResealError::Seal(error)) => return Err(Stopped::Seal(error)),
            }
        }
        Ok(all)
    }
}

/// The number of tokens that need each key, and those that cannot be read and may need any.
///
/// # Errors
/// [`StoreError`] if the tokens cannot be listed.
pub fn count_tokens<S: Tokens>(
    store: &S,
) -> Result<(BTreeMap<String, usize>, Vec<SkippedToken>), StoreError> {
    let (mut named, mut unreadable) = (BTreeMap::<String, usize>::new(), Vec::new());
    each_token(store, |read| match read {
        Ok(token) => {
            let count = named.entry(token.key().to_owned()).or_default();
            *count = count.saturating_add(1);
        }
        Err(error) => {
            let (about, problem) = (error.about().to_owned(), error.problem().to_owned());
            unreadable.push(SkippedToken { about, problem, names_its_key: false });
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
