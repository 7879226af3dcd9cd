//! The inventory of tokens: fobs and keys whose secrets came in a vendor's file.

use crate::store::error::StoreError;
use crate::token::{Serial, Token};
use std::time::Duration;

/// The inventory, as a listing reads it, without a hold.
pub trait Tokens {
    /// Serial numbers, one at a time. An error for a file that is not the store's ([`StoreError::Unsafe`]) does not end the
    /// iteration.
    type Serials: Iterator<Item = Result<Serial, StoreError>>;
    /// The inventory, held.
    type Inventory: Inventory;

    /// The serial numbers of the tokens, in no order.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be listed.
    fn serials(&self) -> Result<Self::Serials, StoreError>;

    /// A token; `None`: there is none of this serial number.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read or trusted.
    fn token(&self, serial: &Serial) -> Result<Option<Token>, StoreError>;

    /// The engine's name of a token's document, for messages: a path, say.
    fn name_of_token(&self, serial: &Serial) -> String;

    /// Holds the inventory: no other process changes it until the hold is dropped. A command that needs a user
    /// as well holds the inventory first. `None`: another process held it for all of `patience`.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be held, or if the state was restored from a backup.
    fn hold_tokens(&self, patience: Duration) -> Result<Option<Self::Inventory>, StoreError>;

    /// The same for a change that makes things void, also in a restored state.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be held.
    fn hold_tokens_to_withdraw(&self, patience: Duration) -> Result<Option<Self::Inventory>, StoreError>;
}

/// The inventory, held.
pub trait Inventory {
    /// Adds tokens whose serial numbers are not there yet. It outlasts a crash.
    ///
    /// # Errors
    /// [`StoreError`], as on a full disk; then none is added. If the process is killed, some may be added, each completely.
    fn add(&mut self, tokens: &[Token]) -> Result<(), StoreError>;

    /// Replaces tokens by others of the same serial number, each completely or not at all. It outlasts a crash.
    ///
    /// # Errors
    /// [`StoreError`]; then some may have been replaced.
    fn replace(&mut self, tokens: &[Token]) -> Result<(), StoreError>;

    /// Removes tokens; one that is not there is no error. It outlasts a crash.
    ///
    /// # Errors
    /// [`StoreError`]; then some may have been removed.
    fn remove(&mut self, serials: &[Serial]) -> Result<(), StoreError>;
}
