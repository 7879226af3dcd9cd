//! The store of credentials and ledgers: the traits that each engine implements for the rules and the front ends.
//!
//! A login needs [`Store`] alone: hold a user's credential and ledger, and replace the ledger. A command changes a user through
//! an [`Entry`]. [`Engine`] is everything together. The engine of one machine keeps files (the crate `totp-store`), the engine of
//! the tests keeps values in memory (`memory`). Every engine passes the suite in `conformance`, which takes one line.
//!
//! # What happens on a conflict
//!
//! An engine that compares instead of locking fails a change with [`StoreError::Conflict`] if another process changed the user
//! first. Nothing was changed then, and each kind of sequence does one of two things:
//!
//! * **Logins repeat.** [`crate::login::judge`] and the sequences of a remembered device start again from the hold, with the
//!   changed ledger and a fresh clock. Nobody chose anything by what was read before.
//! * **Commands report.** Enrolment, withdrawal, repair, unlocking and every step of a reset were decided over the enrolment that
//!   was found, so they return the conflict ("try again") and leave the enrolment as the other process made it. A reset token that
//!   was typed is not judged then; its charge is part of the change that failed. A rotation looks at the credential again.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod error;
mod ledger_keys;
mod maintenance;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
pub mod notices;
pub mod resealing;
mod tokens;

pub use crate::factor::Durability;
pub use error::StoreError;
pub use ledger_keys::LedgerKeys;
pub use maintenance::{Maintenance, StorageProblem};
pub use resealing::{FoundCredential, Reseal, Resealed, Resealing};
pub use tokens::{Inventory, Tokens};

use crate::account_recovery::{Cancellation, Reset};
use crate::credential::Credential;
use crate::document::DocumentError;
use crate::enrolment::ExpectedEnrolment;
use crate::ledger::Ledger;
use crate::store::notices::NoticeSpool;
use crate::time::Seconds;
use crate::user::User;
use std::time::Duration;

/// What a login needs of a store.
///
/// An engine excludes others in one of two ways. With a lock, nobody else holds the same user until the hold is dropped. With a
/// comparison, any number hold the same user at once, and [`Held::replace`] fails with [`StoreError::Conflict`] if another process
/// replaced the ledger or the credential first. Either way no two replacements follow from the same ledger.
pub trait Store {
    /// When this engine charges a try.
    const CHARGING: Charging;

    /// A user's enrolment, held.
    type Held: Held;

    /// Holds a user's enrolment: the credential and its ledger, read together. An engine with a lock waits for others at most
    /// `patience`.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the user is enrolled, or if the enrolment is incomplete.
    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<Self::Held>, StoreError>;
}

/// When the charge of a try that can be guessed is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charging {
    /// Before the code is looked at, in a replacement of its own. For a process that its caller can kill, or keep from writing,
    /// between the look and the record: `su` keeps its caller's timers and resource limits.
    BeforeLook,
    /// In the same replacement as the result of the look. For a judge whose answer leaves its process only after that.
    WithCommit,
}

/// The result of [`Store::hold`].
pub enum Hold<H> {
    /// The user is enrolled; dropping this ends the hold.
    Held(H),
    /// The user is provably not enrolled.
    NotEnrolled,
    /// Another process held the user for all of the patience.
    Busy,
}

/// A user's enrolment as it was found; dropping this ends the hold.
pub trait Held {
    /// The credential as it was found.
    fn credential(&self) -> &Credential;

    /// The ledger as it was found; [`Held::replace`] does not change it.
    fn ledger(&self) -> &Ledger;

    /// Records `next`, unless another process changed the enrolment since it was held or last replaced. Each later hold finds
    /// `next`, or what followed it. It may be called again.
    ///
    /// # Errors
    /// [`StoreError`]; then nobody may be let in by `next`. After [`StoreError::Conflict`] nothing was recorded, and the enrolment
    /// has to be held anew.
    fn replace(&mut self, next: &Ledger, durability: Durability) -> Result<(), StoreError>;

    /// Shows that [`Held::replace`] can write, however durable the record: writes what is stored once more to every place that
    /// such a record goes to, and changes nothing. A code whose use needs a durable record is looked at only after this.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be looked at.
    fn check_writable(&mut self) -> Result<(), StoreError>;
}

/// One user, enrolled or not, held by a command that changes the enrolment.
///
/// An engine that compares does so at each change, of the reset as well, and at [`Entry::reset`]: [`StoreError::Conflict`] means
/// that another process changed the user since the entry was taken, and that this entry changed nothing.
pub trait Entry {
    /// The credential, if there is one; an error if it cannot be read, which only [`Entry::commit`] and [`Entry::withdraw`] repair.
    fn credential(&self) -> Option<Result<&Credential, &DocumentError>>;

    /// Whether there is a credential, readable or not.
    fn is_enrolled(&self) -> bool {
        self.credential().is_some()
    }

    /// The ledger of that credential; `None` also if it is damaged, which only [`Entry::commit`] repairs.
    fn ledger(&self) -> Option<&Ledger>;

    /// Stores credential and ledger together: every reader finds the old pair or this one. Ends a reset of another enrolment.
    ///
    /// # Errors
    /// [`StoreError`]; the old enrolment is still complete then. If only the last sync failed, the new one is stored but may not
    /// outlast a crash.
    fn commit(self, credential: &Credential, ledger: &Ledger) -> Result<(), StoreError>;

    /// Commits many, each completely or not at all; quicker than one by one.
    ///
    /// # Errors
    /// [`StoreError`]; some are stored then, and some are not.
    fn commit_all(batch: Vec<(Self, Credential, Ledger)>) -> Result<(), StoreError>
    where
        Self: Sized;

    /// The user's reset, if one is under way or its token was not used yet.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read or trusted.
    fn reset(&self) -> Result<Option<Reset>, StoreError>;

    /// Stores a reset in place of the one before; it outlasts a crash.
    ///
    /// # Errors
    /// [`StoreError`]; the reset before is still stored then, or `reset` if only the last sync failed.
    fn keep_reset(&self, reset: &Reset) -> Result<(), StoreError>;

    /// Removes the reset, readable or not; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`]; it is still stored then, or gone if only the sync failed.
    fn forget_reset(&self) -> Result<bool, StoreError>;

    /// As [`Entry::record`], but the entry can be used on.
    ///
    /// # Errors
    /// As [`Entry::record`].
    fn note(&mut self, ledger: &Ledger) -> Result<(), StoreError>;

    /// Replaces the ledger alone. It needs no free space, so it works on a full disk.
    ///
    /// # Errors
    /// [`StoreError`]; the old ledger counts then, or `ledger` if only its sync failed.
    fn record(self, ledger: &Ledger) -> Result<(), StoreError>;

    /// Removes the enrolment; `Ok` also if there was none.
    ///
    /// # Errors
    /// [`StoreError`]; the enrolment is still complete then, or gone.
    fn withdraw(self) -> Result<(), StoreError>;
}

/// Everything that a front end needs of a store.
pub trait Engine: Store + Entries + Users + Resets + Tokens + KeyringLocks + Reseal + Maintenance {
    /// The codes that were tried against new authenticators.
    type Attempts: EnrolmentAttempts;
    /// The notices that wait to be sent.
    type Notices: NoticeSpool;

    /// Creates what the store needs before the first enrolment; what exists stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] names what could not be created or is not safe to use.
    fn prepare(&self) -> Result<(), StoreError>;

    /// The codes that were tried against new authenticators.
    fn enrolment_attempts(&self) -> Self::Attempts;

    /// The notices that wait to be sent.
    fn notices(&self) -> Self::Notices;
}

/// Users as a command changes them.
pub trait Entries {
    /// One user, enrolled or not.
    type Entry: Entry;

    /// Holds a user, enrolled or not; an engine with a lock waits for others at most `patience`. `None`: another process held the
    /// user for all of it.
    ///
    /// # Errors
    /// [`StoreError`] if the stored documents cannot be trusted. A damaged or missing ledger is not an error but `None` in the
    /// entry.
    fn entry(&self, user: &User, patience: Duration) -> Result<Option<Self::Entry>, StoreError>;

    /// The same for an enrolment that is to be removed. A ledger that says it is of a later version counts as damaged here: damage
    /// can look like that.
    ///
    /// # Errors
    /// As [`Entries::entry`].
    fn entry_to_withdraw(&self, user: &User, patience: Duration) -> Result<Option<Self::Entry>, StoreError>;
}

/// A document of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// What the user is enrolled with.
    Credential,
    /// What has happened since.
    Ledger,
    /// A reset that is under way.
    Reset,
}

/// Users as a listing reads them, without a hold.
pub trait Users {
    /// User names, one at a time, so that memory does not grow with their number. An error for an entry that is not the store's
    /// ([`StoreError::Unsafe`]) does not end the iteration.
    type Names: Iterator<Item = Result<User, StoreError>>;

    /// The users who have a credential, in no order. One that is changed meanwhile may be listed twice, or not at all.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be listed.
    fn enrolled(&self) -> Result<Self::Names, StoreError>;

    /// The users who have a ledger, in no order. That is everyone who is enrolled, and some who are not: the ledger is created
    /// before the credential and removed after it.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be listed.
    fn known(&self) -> Result<Self::Names, StoreError>;

    /// The users who have a credential, sorted by name.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be listed, or if an entry is not the store's.
    fn users(&self) -> Result<Vec<User>, StoreError> {
        let mut users = self.enrolled()?.collect::<Result<Vec<_>, _>>()?;
        users.sort();
        Ok(users)
    }

    /// A user's credential; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read or trusted.
    fn credential(&self, user: &User) -> Result<Option<Credential>, StoreError>;

    /// A user's enrolment now, for a change that is to be made only if it is still the same then.
    ///
    /// # Errors
    /// [`StoreError`] if the stored documents cannot be trusted.
    fn expected(&self, user: &User) -> Result<ExpectedEnrolment, StoreError> {
        match self.credential(user) {
            Ok(credential) => Ok(ExpectedEnrolment::of(credential.map(Ok::<_, StoreError>))),
            Err(StoreError::Corrupt { .. }) => Ok(ExpectedEnrolment::Unreadable),
            Err(
                error @ (StoreError::Busy { .. }
                | StoreError::Unreachable { .. }
                | StoreError::Conflict
                | StoreError::OutcomeUnknown { .. }
                | StoreError::Unsafe { .. }
                | StoreError::System { .. }),
            ) => Err(error),
        }
    }

    /// The engine's name of a user's document, for messages: a path, say.
    fn name_of(&self, document: Document, user: &User) -> String;
}

/// Resets as a listing reads them, without a hold.
pub trait Resets {
    /// As [`Users::Names`].
    type Names: Iterator<Item = Result<User, StoreError>>;

    /// A user's reset; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read or trusted.
    fn reset(&self, user: &User) -> Result<Option<Reset>, StoreError>;

    /// Calls a reset off without holding its user. Every process that reads it from now on, also one that holds the user, finds it called
    /// off, until another is requested.
    ///
    /// # Errors
    /// [`StoreError`]; the reset may then still stand.
    fn call_off(&self, user: &User, cancellation: Cancellation) -> Result<(), StoreError>;

    /// The users who have a reset, in no order; `None`: this store never had one.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be listed.
    fn resets(&self) -> Result<Option<Self::Names>, StoreError>;
}

/// The locks on the keyring.
///
/// A program that seals a credential must know that the active key is still active when the credential is stored; otherwise a
/// rotation could drop the key in between. So sealing takes a shared lock, and changing the active key an exclusive one.
pub trait KeyringLocks {
    /// A lock; dropping it releases it.
    type Lock;

    /// Keeps the active key active. Taken before the keyring is read, and kept until the sealed credential is stored. `None`: the
    /// keyring was being changed for all of `patience`.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be locked.
    fn lock_to_seal(&self, patience: Duration) -> Result<Option<Self::Lock>, StoreError>;

    /// Keeps everyone from sealing. `None`: others were sealing for all of `patience`.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be locked.
    fn lock_to_change_keys(&self, patience: Duration) -> Result<Option<Self::Lock>, StoreError>;

    /// Keeps others from rotating. `None`: another process is rotating.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be locked.
    fn lock_to_rotate(&self) -> Result<Option<Self::Lock>, StoreError>;
}

/// Codes that were tried against new authenticators, counted for each account until the machine restarts.
pub trait EnrolmentAttempts {
    /// How long the account has to wait until the next code is judged; `None`: not at all. `now` is in seconds since the boot.
    ///
    /// # Errors
    /// [`StoreError`] if that is unknown.
    fn wait(&self, uid: u32, now: u64) -> Result<Option<Seconds>, StoreError>;

    /// Counts an attempt before it is judged. The inner error is the time to wait; then nothing was counted.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be counted; then it must not be judged.
    fn charge(&self, uid: u32, now: u64) -> Result<Result<(), Seconds>, StoreError>;

    /// Whether attempts of an account are counted.
    ///
    /// # Errors
    /// [`StoreError`] if that is unknown.
    fn any(&self, uid: u32) -> Result<bool, StoreError>;

    /// Forgets the attempts of an account; returns whether there were any.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be removed.
    fn forget(&self, uid: u32) -> Result<bool, StoreError>;
}
