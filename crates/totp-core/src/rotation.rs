//! The sequence that follows a new key: every seal is made again under it while everybody logs in, and an old key goes when
//! nothing names it.
//!
//! Stopped anywhere, it leaves each credential sealed with a key that the keyring has. Whatever is under the active key is
//! done, so beginning again is going on.

use crate::credential::{Credential, ResealError};
use crate::keyring::{Key, Keyring, OpenError, SealError};
use crate::secret::Entropy;
use crate::store::{FoundCredential, Reseal, Resealed, Resealing, StoreError, Users};
use crate::user::User;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Credentials that are synced together.
pub const BATCH: usize = 512;

/// How often one credential may turn out to be changed by others meanwhile.
const TRIES: usize = 10;

/// A rotation under way; anyone who has one has the turn to rotate, and the keyring is on the disk.
pub struct Rotation<'a, S> {
    /// Where the credentials are.
    pub store: &'a S,
    /// Its active key is to seal all of them.
    pub keyring: &'a Keyring,
    /// Where nonces come from.
    pub entropy: &'a mut dyn Entropy,
    /// How long to wait for another process who has hold of a user.
    pub patience: Duration,
}

/// How far a rotation is; one for everybody who has been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What there was to seal anew of one user is on its way.
    Sealing,
    /// What is in place for one user has been counted.
    Counting,
}

/// What came of a rotation.
#[derive(Default)]
pub struct Rotated {
    /// How many credentials were sealed anew.
    pub resealed: usize,
    /// Which are not under the active key, or may not be, and why.
    pub left: Vec<Left>,
    /// Old keys that nothing names any more; none where that cannot be told.
    pub unnamed: Vec<String>,
}

/// An enrolment that is as it was.
pub struct Left {
    /// Whose; `None` for a file that is nobody's.
    pub user: Option<User>,
    /// Why.
    pub why: Why,
}

/// Why an enrolment is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Another process held it all the time.
    #[error("another process uses the enrolment right now; run this again")]
    Busy,
    /// Others changed it again and again.
    #[error("the enrolment was changed again and again meanwhile; run this again")]
    Changing,
    /// It could not be held, so that nobody else could change it.
    #[error(
        "the ledger is missing: \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes; then run this again"
    )]
    NoLedger,
}

/// Why a rotation came to no end. Everybody's enrolment is whole.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing can be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl<S: Users + Reseal> Rotation<'_, S> {
    /// Seals everybody's secrets under the active key, as far as they open.
    ///
    /// # Errors
    /// [`Stopped`], and how many were sealed anew before that.
    pub fn run(mut self, tell: &mut dyn FnMut(Step)) -> Result<Rotated, (Stopped, usize)> {
        let mut rotated = Rotated::default();
        match self.reseal_everybody(&mut rotated, tell).and_then(|()| self.look_back(&mut rotated, tell)) {
            Ok(()) => Ok(rotated),
            Err(stopped) => Err((stopped, rotated.resealed)),
        }
    }

    /// Goes through the ledgers: nothing is renamed among them, so that everybody is met once.
    fn reseal_everybody(&mut self, rotated: &mut Rotated, tell: &mut dyn FnMut(Step)) -> Result<(), Stopped> {
        let mut resealing = self.store.resealing()?;
        for user in self.store.known()? {
            match user {
                Ok(user) => self.draft(&mut resealing, user, rotated)?,
                // A file that is nobody's ledger holds nobody.
                Err(StoreError::Unsafe { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            if resealing.waiting() >= BATCH {
                self.put_in_place(&mut resealing, rotated)?;
            }
            tell(Step::Sealing);
        }
        for _ in 0..TRIES {
            self.put_in_place(&mut resealing, rotated)?;
        }
        resealing.give_up().into_iter().for_each(|user| rotated.leave(user, Why::Changing));
        Ok(())
    }

    fn draft(
        &mut self,
        resealing: &mut S::Resealing,
        user: User,
        rotated: &mut Rotated,
    ) -> Result<(), Stopped> {
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

    /// Those that were changed meanwhile are drafted again.
    fn put_in_place(&mut self, resealing: &mut S::Resealing, rotated: &mut Rotated) -> Result<(), Stopped> {
        let mut again = Vec::new();
        resealing.put_in_place(self.patience, |user, rewritten| match rewritten {
            Ok(Resealed::Done) => rotated.resealed = rotated.resealed.saturating_add(1),
            Ok(Resealed::Changed) => again.push(user),
            Ok(Resealed::Busy) => rotated.leave(user, Why::Busy),
            Err(error) => rotated.leave(user, error),
        })?;
        again.into_iter().try_for_each(|user| self.draft(resealing, user, rotated))
    }

    /// Looks at what is in place now, and finds the keys that nothing of it names.
    fn look_back(&self, rotated: &mut Rotated, tell: &mut dyn FnMut(Step)) -> Result<(), Stopped> {
        let mut known: BTreeSet<User> = rotated.left.iter().filter_map(|left| left.user.clone()).collect();
        let active = self.keyring.active();
        let census = Census::of(self.store, |credential| {
            let user = &credential.owner().user;
            if credential.keys().any(|key| key != active) && known.insert(user.clone()) {
                rotated.leave(user.clone(), Why::NoLedger);
            }
            tell(Step::Counting);
        })?;
        let new = |left: &Left| left.user.as_ref().is_none_or(|user| !known.contains(user));
        rotated.left.extend(census.unreadable.into_iter().filter(new));
        // Others put some of it in place, and their sync may be to come.
        self.store.sync_credentials()?;
        if rotated.left.iter().all(|left| matches!(left.why, Why::Open(_))) {
            let unnamed = |id: &&str| *id != active && !census.named.contains_key(*id);
            let ids = self.keyring.keys().iter().map(Key::id);
            rotated.unnamed = ids.filter(unnamed).map(str::to_owned).collect();
        }
        Ok(())
    }
}

impl Rotated {
    fn leave(&mut self, user: User, why: impl Into<Why>) {
        self.left.push(Left { user: Some(user), why: why.into() });
    }
}

/// Which keys the credentials name.
#[derive(Default)]
pub struct Census {
    /// How many credentials name a key, by its id.
    pub named: BTreeMap<String, usize>,
    /// Those that cannot be read, which may name any.
    pub unreadable: Vec<Left>,
}

impl Census {
    /// Reads every credential, and holds nobody for it; shows each to `see`.
    ///
    /// # Errors
    /// [`StoreError`] where the credentials cannot be listed.
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
                // Withdrawn since the name was read.
                Ok((Ok(None), _)) => {}
                Ok((Err(error), user)) => {
                    census.unreadable.push(Left { user: Some(user), why: error.into() });
                }
                Err(error @ StoreError::Unsafe { .. }) => {
                    census.unreadable.push(Left { user: None, why: error.into() });
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
