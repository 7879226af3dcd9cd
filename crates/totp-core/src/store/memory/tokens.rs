//! The inventory of tokens of the engine in memory.

use super::state::{Exclusion, Memory, Shared};
use crate::store::{Inventory, StoreError, Tokens};
use crate::token::{Serial, Token};
use std::sync::Arc;
use std::time::Duration;

impl<X: Exclusion> Tokens for Memory<X> {
    type Serials = std::vec::IntoIter<Result<Serial, StoreError>>;
    type Inventory = MemoryInventory;

    fn serials(&self) -> Result<Self::Serials, StoreError> {
        Ok(self.shared.state().tokens.keys().cloned().map(Ok).collect::<Vec<_>>().into_iter())
    }

    fn token(&self, serial: &Serial) -> Result<Option<Token>, StoreError> {
        Ok(self.shared.state().tokens.get(serial).cloned())
    }

    fn name_of_token(&self, serial: &Serial) -> String {
        format!("token {serial}")
    }

    /// Without waiting.
    fn hold_tokens(&self, _patience: Duration) -> Result<Option<MemoryInventory>, StoreError> {
        let was_held = std::mem::replace(&mut self.shared.state().holds_tokens, true);
        Ok((!was_held).then(|| MemoryInventory { shared: Arc::clone(&self.shared) }))
    }

    fn hold_tokens_to_withdraw(&self, patience: Duration) -> Result<Option<MemoryInventory>, StoreError> {
        self.hold_tokens(patience)
    }
}

/// The inventory, held.
pub struct MemoryInventory {
    shared: Arc<Shared>,
}

impl Inventory for MemoryInventory {
    fn add(&mut self, tokens: &[Token]) -> Result<(), StoreError> {
        let mut state = self.shared.state();
        if let Some(known) = tokens.iter().find(|token| state.tokens.contains_key(token.serial())) {
            let (about, problem) = (format!("token {}", known.serial()), "exists".to_owned());
            return Err(StoreError::Unsafe { about, problem });
        }
        state.tokens.extend(tokens.iter().map(|token| (token.serial().clone(), token.clone())));
        Ok(())
    }

    fn replace(&mut self, tokens: &[Token]) -> Result<(), StoreError> {
        let mut state = self.shared.state();
        state.tokens.extend(tokens.iter().map(|token| (token.serial().clone(), token.clone())));
        Ok(())
    }

    fn remove(&mut self, serials: &[Serial]) -> Result<(), StoreError> {
        let mut state = self.shared.state();
        state.tokens.retain(|serial, _| !serials.contains(serial));
        Ok(())
    }
}

impl Drop for MemoryInventory {
    fn drop(&mut self) {
        self.shared.state().holds_tokens = false;
    }
}
