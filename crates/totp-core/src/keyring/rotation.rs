//! Key rotation: reseals every credential under a new active key while logins go on, then drops keys that no credential
//! names.
//!
//! If it is stopped at any point, each credential is sealed with a key of the keyring. Whatever is under the active key
//! is done, so a rotation that starts again continues.

use crate::credential::{Credential, ResealError};
use crate::keyring::token_rotation::{ResealedTokens, SkippedToken, Stopped, TokenRotation, count_tokens};
use crate::keyring::{Key, Keyring, OpenError, SealError};
use crate::random::Entropy;
use crate::store::{FoundCredential, Reseal, Resealed, Resealing, StoreError, Tokens, Users};
use crate::user::User;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Credentials that are synced together.
pub const BATCH: usize = 512;

/// How often a credential is tried again after other processes changed it.
const TRIES: usize = 10;

/// A rotation. The caller holds the keyring's lock, and the new keyring is on the disk.
pub struct Rotation<'a, S> {
    /// The store of the credentials.
    pub store: &'a S,
    /// The keyring whose active key seals all of them.
    pub keyring: &'a Keyring,
    /// The source of nonces.
    pub entropy: &'a mut dyn Entropy,
    /// How long to wait for another process that holds a user.
    pub patience: Duration,
}

/// The progress of a rotation; reported once for each user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationStep {
    /// A user's credential was resealed, if that was needed.
    Sealing,
    /// A user's credential was counted.
    Counting,
}

/// The result of a rotation.
#[derive(Default)]
pub struct Rotated {
    /// The number of resealed credentials.
    pub resealed: usize,
    /// The number of resealed tokens.
    pub resealed_tokens: usize,
    /// Credentials and tokens that are not, or may not be, under the active key.
    pub left: Vec<Skipped>,
    /// Old keys that no credential names; none if that is not known.
    pub unnamed: Vec<String>,
}

/// An enrolment that was left as it was.
pub struct Skipped {
    /// The user; `None` for a file that belongs to no user.
    pub user: Option<User>,
    /// Why.
    pub why: SkippedError,
}

/// Why an enrolment was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum SkippedError {
    /// The credential cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A seal does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is a token of the inventory.
    #[error("{}", .0.problem)]
    Token(SkippedToken),
    /// Another process held it until the deadline.
    #[error("another login or command is using the enrolment: run this again")]
    Busy,
    /// Other processes kept changing it.
    #[error("other logins or commands kept changing the enrolment: run this again")]
    Changing,
    /// It has no ledger and cannot be held.
    #[error(
        "the ledger is missing: \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes; then run this again"
    )]
    NoLedger,
}

/// Why a rotation was stopped. No enrolment is damaged.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing can be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl<S: Users + Reseal + Tokens> Rotation<'_, S> {
    /// Reseals every credential that opens under the active key.
    ///
    /// # Errors
    /// [`RotationError`], and the number of credentials that were resealed before it.
    pub fn run(mut self, tell: &mut dyn FnMut(RotationStep)) -> Result<Rotated, (RotationError, usize)> {
        let mut rotated = Rotated::default();
        let resealed = self
            .reseal_ledgers(&mut rotated)
            .and_then(|()| self.reseal_everybody(&mut rotated, tell))
            .and_then(|()| self.reseal_tokens(&mut rotated))
            .and_then(|()| self.look_back(&mut rotated, tell));
        match resealed {
            Ok(()) => Ok(rotated),
            Err(stopped) => Err((stopped, rotated.resealed)),
        }
    }

    /// Ledgers come first: a credential of this version counts only with a ledger of this version. A login that still has the
    /// old keyring reads it anew when it finds a ledger under a key that it does not know.
    fn reseal_ledgers(&self, rotated: &mut Rotated) -> Result<(), RotationError> {
        for user in self.store.known()? {
            let user = match user {
                Ok(user) => user,
                // A file that belongs to no user cannot be held.
                Err(StoreError::Unsafe { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            match self.store.reseal_ledger(&user, self.keyring, self.patience) {
                Ok(Resealed::Done | Resealed::Changed) => {}
                Ok(Resealed::Busy) => rotated.leave(user, SkippedError::Busy),
                Err(error) => rotated.leave(user, error),
            }
        }
        Ok(())
    }

    /// Goes through the ledgers: they are never renamed, so each user is visited once.
    fn reseal_everybody(
        &mut self,
        rotated: &mut Rotated,
        tell: &mut dyn FnMut(RotationStep),
    ) -> Result<(), RotationError> {
        let mut resealing = self.store.resealing()?;
        let without_ledger: BTreeSet<User> =
            rotated.left.iter().filter_map(|left| left.user.clone()).collect();
        for user in self.store.known()? {
            match user {
                Ok(user) if without_ledger.contains(&user) => {}
                Ok(user) => self.draft(&mut resealing, user, rotated)?,
                // A file that belongs to no user cannot be held.
                Err(StoreError::Unsafe { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            if resealing.waiting() >= BATCH {
                self.put_in_place(&mut resealing, rotated)?;
            }
            tell(RotationStep::Sealing);
        }
        for _ in 0..TRIES {
            self.put_in_place(&mut resealing, rotated)?;
        }
        resealing.give_up().into_iter().for_each(|user| rotated.leave(user, SkippedError::Changing));
        Ok(())
    }

    fn reseal_tokens(&mut self, rotated: &mut Rotated) -> Result<(), RotationError> {
        let Self { store, keyring, entropy, patience } = self;
        let inventory =
            TokenRotation { store: *store, keyring, entropy: &mut **entropy, patience: *patience };
        let ResealedTokens { resealed, left } = inventory.run()?;
        rotated.resealed_tokens = resealed;
        rotated.left.extend(left.into_iter().map(Skipped::from));
        Ok(())
    }

    fn draft(
        &mut self,
        resealing: &mut S::Resealing,
        user: User,
        rotated: &mut Rotated,
    ) -> Result<(), RotationError> {
        let found = match resealing.find(&user) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(()),
            Err(error) => {
                rotated.leave(user, error);
                return Ok(());
            }
        };
        match found.credential().resealed(self.keyring, self.entropy) {
            Ok(Some(credential)) => resealing.draft(found, &credential)?,
            Ok(None) => {}
            Err(ResealError::Open(error)) => rotated.leave(user, error),
            Err(ResealError::Seal(error)) => return Err(error.into()),
        }
        Ok(())
    }

    /// Credentials that were changed in the meantime are resealed again.
    fn put_in_place(
        &mut self,
        resealing: &mut S::Resealing,
        rotated: &mut Rotated,
    ) -> Result<(), RotationError> {
        let mut again = Vec::new();
        resealing.put_in_place(self.patience, |user, rewritten| match rewritten {
            Ok(Resealed::Done) => rotated.resealed = rotated.resealed.saturating_add(1),
            Ok(Resealed::Changed) => again.push(user),
            Ok(Resealed::Busy) => rotated.leave(user, SkippedError::Busy),
            Err(error) => rotated.leave(user, error),
        })?;
        again.into_iter().try_for_each(|user| self.draft(resealing, user, rotated))
    }

    /// Reads all credentials and finds the keys that none of them names.
    fn look_back(
        &self,
        rotated: &mut Rotated,
        tell: &mut dyn FnMut(RotationStep),
    ) -> Result<(), RotationError> {
        let mut known: BTreeSet<User> = rotated.left.iter().filter_map(|left| left.user.clone()).collect();
        let active = self.keyring.active();
        let census = Census::of(self.store, |credential| {
            let user = &credential.owner().user;
            if credential.keys().any(|key| key != active) && known.insert(user.clone()) {
                rotated.leave(user.clone(), SkippedError::NoLedger);
            }
            tell(RotationStep::Counting);
        })?;
        let new = |left: &Skipped| left.user.as_ref().is_none_or(|user| !known.contains(user));
        rotated.left.extend(census.unreadable.into_iter().filter(new));
        let mut named: BTreeSet<String> = census.named.into_keys().collect();
        for user in self.store.known()? {
            let user = match user {
                Ok(user) => user,
                // A file that belongs to no user names no key.
                Err(StoreError::Unsafe { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            match self.store.ledger_keys(&user) {
                Ok(keys) => {
                    if keys.iter().any(|key| key != active) && known.insert(user.clone()) {
                        rotated.leave(user, SkippedError::Changing);
                    }
                    named.extend(keys);
                }
                Err(error) if known.insert(user.clone()) => rotated.leave(user, error),
                Err(_) => {}
            }
        }
        let (tokens, unreadable) = count_tokens(self.store)?;
        named.extend(tokens.into_keys());
        rotated.left.extend(unreadable.into_iter().map(Skipped::from));
        // Other processes wrote some of them and may not have synced yet.
        self.store.sync_credentials()?;
        if rotated.left.iter().all(Skipped::names_its_key) {
            let unnamed = |id: &&str| *id != active && !named.contains(*id);
            let ids = self.keyring.keys().iter().map(Key::id);
            rotated.unnamed = ids.filter(unnamed).map(str::to_owned).collect();
        }
        Ok(())
    }
}

impl Skipped {
    /// Whether the key that it needs is known: it was read, and does not open.
    fn names_its_key(&self) -> bool {
        match &self.why {
            SkippedError::Open(_) => true,
            SkippedError::Token(token) => token.names_its_key,
            SkippedError::Store(_) | SkippedError::Busy | SkippedError::Changing | SkippedError::NoLedger => {
                false
            }
        }
    }
}

impl From<SkippedToken> for Skipped {
    fn from(token: SkippedToken) -> Self {
        Self { user: None, why: SkippedError::Token(token) }
    }
}

impl From<Stopped> for RotationError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Store(error) => Self::Store(error),
            Stopped::Seal(error) => Self::Seal(error),
        }
    }
}

impl Rotated {
    fn leave(&mut self, user: User, why: impl Into<SkippedError>) {
        self.left.push(Skipped { user: Some(user), why: why.into() });
    }
}

/// The keys that credentials name.
#[derive(Default)]
pub struct Census {
    /// The number of credentials that name each key id.
    pub named: BTreeMap<String, usize>,
    /// Credentials that cannot be read and may name any key.
    pub unreadable: Vec<Skipped>,
}

impl Census {
    /// Reads every credential without holding its user, and shows each to `see`.
    ///
    /// # Errors
    /// [`StoreError`] if the credentials cannot be listed.
    pub fn of(store: &impl Users, mut see: impl FnMut(&Credential)) -> Result<Self, StoreError> {
        let mut census = Self::default();
        for user in store.enrolled()? {
            match user.map(|user| (store.credential(&user), user)) {
                Ok((Ok(Some(credential)), _)) => {
                    let keys: BTreeSet<&str> = credential.keys().collect();
                    for key in keys {
                        census.count(key);
                    }
                    see(&credential);
                }
                // Withdrawn since the names were read.
                Ok((Ok(None), _)) => {}
                Ok((Err(error), user)) => {
                    census.unreadable.push(Skipped { user: Some(user), why: error.into() });
                }
                Err(error @ StoreError::Unsafe { .. }) => {
                    census.unreadable.push(Skipped { user: None, why: error.into() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(census)
    }

    fn count(&mut self, key: &str) {
        match self.named.get_mut(key) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(self.named.insert(key.to_owned(), 1)),
        }
    }
}
