//! Users in memory: changed through an entry, and listed or read without one.

use super::state::{Claim, Enrolment, Exclusion, Memory};
use crate::account_recovery::Reset;
use crate::credential::Credential;
use crate::document::DocumentError;
use crate::ledger::Ledger;
use crate::store::{Document, Entries, Entry, Resets, StoreError, Users};
use crate::user::User;
use std::time::Duration;

/// A user, enrolled or not, whose enrolment is to be changed.
pub struct MemoryEntry<X: Exclusion> {
    claim: Claim<X>,
    enrolment: Option<Enrolment>,
}

impl<X: Exclusion> Entry for MemoryEntry<X> {
    fn credential(&self) -> Option<Result<&Credential, &DocumentError>> {
        self.enrolment.as_ref().map(|enrolment| Ok(&enrolment.credential))
    }

    fn ledger(&self) -> Option<&Ledger> {
        self.enrolment.as_ref().map(|enrolment| &enrolment.ledger)
    }

    fn commit(self, credential: &Credential, ledger: &Ledger) -> Result<(), StoreError> {
        let is_another =
            self.enrolment.as_ref().is_none_or(|old| old.credential.owner().id != credential.owner().id);
        self.claim.change(|user| {
            user.put(Some(Enrolment::synced(credential, ledger)));
            if is_another {
                user.reset = None;
            }
        })
    }

    fn commit_all(batch: Vec<(Self, Credential, Ledger)>) -> Result<(), StoreError> {
        batch.into_iter().try_for_each(|(entry, credential, ledger)| entry.commit(&credential, &ledger))
    }

    fn reset(&self) -> Result<Option<Reset>, StoreError> {
        self.claim.read(|user| user.reset.clone())
    }

    fn keep_reset(&self, reset: &Reset) -> Result<(), StoreError> {
        self.claim.change(|user| user.reset = Some(reset.clone()))
    }

    fn forget_reset(&self) -> Result<bool, StoreError> {
        self.claim.change(|user| user.reset.take().is_some())
    }

    fn note(&mut self, ledger: &Ledger) -> Result<(), StoreError> {
        let next = self.enrolment.as_ref().map(|now| Enrolment::synced(&now.credential, ledger));
        self.claim.change(|user| user.enrolment.clone_from(&next))?;
        self.enrolment = next;
        Ok(())
    }

    fn record(mut self, ledger: &Ledger) -> Result<(), StoreError> {
        self.note(ledger)
    }

    fn withdraw(self) -> Result<(), StoreError> {
        self.claim.change(|user| user.put(None))
    }
}

impl<X: Exclusion> Entries for Memory<X> {
    type Entry = MemoryEntry<X>;

    fn entry(&self, user: &User, patience: Duration) -> Result<Option<MemoryEntry<X>>, StoreError> {
        Ok(self.claim(user, patience).map(|(claim, enrolment)| MemoryEntry { claim, enrolment }))
    }

    fn entry_to_withdraw(
        &self,
        user: &User,
        patience: Duration,
    ) -> Result<Option<MemoryEntry<X>>, StoreError> {
        self.entry(user, patience)
    }
}

/// Names, as they were when they were asked for.
type Names = std::vec::IntoIter<Result<User, StoreError>>;

impl<X: Exclusion> Users for Memory<X> {
    type Names = Names;

    fn enrolled(&self) -> Result<Names, StoreError> {
        let state = self.shared.state();
        let enrolled = state.users.iter().filter(|(_, user)| user.enrolment.is_some());
        Ok(enrolled.map(|(name, _)| Ok(name.clone())).collect::<Vec<_>>().into_iter())
    }

    /// A ledger goes with its credential here.
    fn known(&self) -> Result<Names, StoreError> {
        self.enrolled()
    }

    fn credential(&self, user: &User) -> Result<Option<Credential>, StoreError> {
        let state = self.shared.state();
        let enrolment = state.users.get(user).and_then(|user| user.enrolment.as_ref());
        Ok(enrolment.map(|enrolment| enrolment.credential.clone()))
    }

    fn name_of(&self, document: Document, user: &User) -> String {
        let document = match document {
            Document::Credential => "credential",
            Document::Ledger => "ledger",
            Document::Reset => "reset",
        };
        format!("{document} of {}", user.as_str())
    }
}

impl<X: Exclusion> Resets for Memory<X> {
    type Names = Names;

    fn reset(&self, user: &User) -> Result<Option<Reset>, StoreError> {
        Ok(self.shared.state().users.get(user).and_then(|user| user.reset.clone()))
    }

    fn resets(&self) -> Result<Option<Names>, StoreError> {
        let state = self.shared.state();
        let waiting = state.users.iter().filter(|(_, user)| user.reset.is_some());
        Ok(Some(waiting.map(|(name, _)| Ok(name.clone())).collect::<Vec<_>>().into_iter()))
    }
}
