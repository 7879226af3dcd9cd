//! Where credentials and ledgers are kept: what the rules and the front ends need of a store, for any engine.
//!
//! The login's half is small on purpose: hold a user's ledger together with the credential as it stands while held, and
//! replace the ledger. [`Engine`] is all of it. The engine of one machine is files (the crate `totp-store`); what an engine
//! promises is tested by the functions of `conformance`, one line for each engine.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod error;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
pub mod notices;
pub mod resealing;

pub use crate::factor::Durability;
pub use error::StoreError;
pub use resealing::{Found, Reseal, Resealed, Resealing};

use crate::account_recovery::Reset;
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
/// An engine excludes others in one of two ways. With a lock, nobody else holds the same user until the hold is dropped, and
/// [`Held::replace`] always finds what was held. With a comparison, any number hold the same user at once, and
/// [`Held::replace`] fails with [`StoreError::Conflict`] where another process replaced the ledger or the credential first.
/// Either way no two replacements follow from the same ledger.
pub trait Store {
    /// When this engine charges a try.
    const CHARGING: Charging;

    /// A user's enrolment, held.
    type Held: Held;

    /// Takes hold of a user's enrolment: the credential and its ledger as they stand now, read together. An engine with a lock
    /// waits for others at most `patience`.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be told whether the user is enrolled, or the enrolment is not whole.
    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<Self::Held>, StoreError>;
}

/// When the charge of a try that can be guessed is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charging {
    /// Before the code is looked at, in a replacement of its own: the process that judges is another's to kill, or to keep
    /// from writing, between the look and the record (`su` keeps its caller's timers and resource limits).
    BeforeLook,
    /// In the same replacement as what came of the look: nothing leaves the process that judges before that is recorded.
    WithCommit,
}

/// What taking hold came to.
pub enum Hold<H> {
    /// The user is enrolled, and this is held until it is dropped.
    Held(H),
    /// The user is provably not enrolled.
    NotEnrolled,
    /// Another process held it all the time.
    Busy,
}

/// A user's enrolment as it was found, until it is dropped.
pub trait Held {
    /// The credential as it was found.
    fn credential(&self) -> &Credential;

    /// The ledger as it was found: what [`Held::replace`] records does not change it.
    fn ledger(&self) -> &Ledger;

    /// Records `next`, if nobody else changed the enrolment since it was held or last replaced. Each later hold finds `next`,
    /// or what followed it. It may be called again.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be granted on the strength of `next`. After [`StoreError::Conflict`] nothing was
    /// recorded, and the enrolment has to be held anew.
    fn replace(&mut self, next: &Ledger, durability: Durability) -> Result<(), StoreError>;
}

/// What a command needs of a store beside that: one user's place in it, enrolled or not, held.
pub trait Entry {
    /// The credential, if there is one; an error where it cannot be read, which only [`Entry::commit`] and
    /// [`Entry::withdraw`] fix.
    fn credential(&self) -> Option<Result<&Credential, &DocumentError>>;

    /// Whether there is a credential, sound or not.
    fn is_enrolled(&self) -> bool {
        self.credential().is_some()
    }

    /// The ledger of that credential; `None` also where it is broken, which only [`Entry::commit`] fixes.
    fn ledger(&self) -> Option<&Ledger>;

    /// Puts credential and ledger in place together: anyone who looks later sees the old pair or this one.
    ///
    /// # Errors
    /// [`StoreError`]; the old enrolment is then still whole, unless it was the last sync that failed: then the new one
    /// is in place and may not outlast a crash.
    fn commit(self, credential: &Credential, ledger: &Ledger) -> Result<(), StoreError>;

    /// The same for many, each of whom is put in place whole or not at all; quicker than one by one.
    ///
    /// # Errors
    /// [`StoreError`]; some are then in place and some are not.
    fn commit_all(batch: Vec<(Self, Credential, Ledger)>) -> Result<(), StoreError>
    where
        Self: Sized;

    /// The reset of this user that is on its way, or whose token was not used.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read or trusted.
    fn reset(&self) -> Result<Option<Reset>, StoreError>;

    /// Keeps a reset, through a crash, in the place of the one before.
    ///
    /// # Errors
    /// [`StoreError`]; the one before is then the one that is kept, or `reset` if only the last sync failed.
    fn keep_reset(&self, reset: &Reset) -> Result<(), StoreError>;

    /// Forgets a reset, readable or not; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`]; it is then still kept, or gone if only the sync failed.
    fn forget_reset(&self) -> Result<bool, StoreError>;

    /// As [`Entry::record`], and goes on holding.
    ///
    /// # Errors
    /// As [`Entry::record`].
    fn note(&mut self, ledger: &Ledger) -> Result<(), StoreError>;

    /// Replaces the ledger alone; needs no room on the disk.
    ///
    /// # Errors
    /// [`StoreError`]; the old ledger is then the one in force, or `ledger` if only its sync failed.
    fn record(self, ledger: &Ledger) -> Result<(), StoreError>;

    /// Removes the enrolment; `Ok` also where there was none.
    ///
    /// # Errors
    /// [`StoreError`]; the enrolment is then still whole, or gone.
    fn withdraw(self) -> Result<(), StoreError>;
}

/// Everything that a front end needs of a store.
pub trait Engine: Store + Entries + Users + Resets + KeyringLocks + Reseal + StaleFiles {
    /// The codes that were tried against new authenticators.
    type Attempts: EnrolmentAttempts;
    /// The notices that wait to be sent.
    type Notices: NoticeSpool;

    /// Makes what the store needs before anybody can be enrolled; what is there stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] names what could not be made or is not as it must be.
    fn prepare(&self) -> Result<(), StoreError>;

    /// The codes that were tried against new authenticators.
    fn enrolment_attempts(&self) -> Self::Attempts;

    /// The notices that wait to be sent.
    fn notices(&self) -> Self::Notices;
}

/// Takes hold of a user to change the enrolment.
pub trait Entries {
    /// A user's enrolment, there or not, while nobody else can use it.
    type Entry: Entry;

    /// Takes hold of a user, enrolled or not, waiting for others at most `patience`. `None`: another process held the user all
    /// the time.
    ///
    /// # Errors
    /// [`StoreError`] where what is stored cannot be trusted; a broken or missing ledger is not an error here but `None` in
    /// the entry.
    fn entry(&self, user: &User, patience: Duration) -> Result<Option<Self::Entry>, StoreError>;

    /// The same to throw the ledger away: one of a later version, as which a broken one can look, is a broken one.
    ///
    /// # Errors
    /// As [`Entries::entry`].
    fn entry_to_withdraw(&self, user: &User, patience: Duration) -> Result<Option<Self::Entry>, StoreError>;
}

/// A document of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// What one is enrolled with.
    Credential,
    /// What has happened.
    Ledger,
    /// A reset that is on its way.
    Reset,
}

/// Who is in the store, and what is in it for each, read without holding anybody.
pub trait Users {
    /// Names one after the other: memory does not grow with their number. An error for something that is nobody's
    /// ([`StoreError::Unsafe`]) does not end it.
    type Names: Iterator<Item = Result<User, StoreError>>;

    /// Who has a credential, in no order. What is changed meanwhile may be seen twice, or not at all.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be listed.
    fn enrolled(&self) -> Result<Self::Names, StoreError>;

    /// Who has a ledger, in no order: everybody who is enrolled, and some who are not. It is made before a credential is,
    /// and stays as long.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be listed.
    fn known(&self) -> Result<Self::Names, StoreError>;

    /// The users who have a credential, sorted by name.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be listed, or something is nobody's.
    fn users(&self) -> Result<Vec<User>, StoreError> {
        let mut users = self.enrolled()?.collect::<Result<Vec<_>, _>>()?;
        users.sort();
        Ok(users)
    }

    /// A user's credential as it stands; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read or trusted.
    fn credential(&self, user: &User) -> Result<Option<Credential>, StoreError>;

    /// What is in place for a user now; a later change is permitted over that alone.
    ///
    /// # Errors
    /// [`StoreError`] where what is stored cannot be trusted.
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

    /// What a user's document is called here, for messages about it.
    fn name_of(&self, document: Document, user: &User) -> String;
}

/// Resets on their way, read without holding anybody.
pub trait Resets {
    /// As [`Users::Names`].
    type Names: Iterator<Item = Result<User, StoreError>>;

    /// A user's reset as it stands; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read or trusted.
    fn reset(&self, user: &User) -> Result<Option<Reset>, StoreError>;

    /// Who has a reset that is on its way or left a token, in no order; `None`: there never was one.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be listed.
    fn resets(&self) -> Result<Option<Self::Names>, StoreError>;
}

/// Who may seal with the keyring, change it or rotate it now.
///
/// Who seals must know that the key is still the active one when the credential is in place: else a rotation could drop it
/// in between. So sealing shares a lock, and to make another key active is to have it alone.
pub trait KeyringLocks {
    /// A lock, until it is dropped.
    type Lock;

    /// The keyring's active key stays the active one for as long as this lives. To be taken before the keyring is read,
    /// and kept until what was sealed is in place. `None`: someone changed the keyring all the time.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be locked.
    fn lock_to_seal(&self, patience: Duration) -> Result<Option<Self::Lock>, StoreError>;

    /// Nobody seals while this lives. `None`: someone sealed all the time.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be locked.
    fn lock_to_change_keys(&self, patience: Duration) -> Result<Option<Self::Lock>, StoreError>;

    /// Nobody else rotates while this lives. `None`: someone does.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be locked.
    fn lock_to_rotate(&self) -> Result<Option<Self::Lock>, StoreError>;
}

/// What programs that were killed have left behind.
pub trait StaleFiles {
    /// What nobody has written to for `age` and nobody will use, by name; `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be listed.
    fn stale_files(&self, age: Seconds, now: u64) -> Result<Vec<String>, StoreError>;

    /// Removes one that [`StaleFiles::stale_files`] has named.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be removed, or is something else.
    fn remove_stale_file(&self, name: &str) -> Result<(), StoreError>;
}

/// The codes that were tried against new authenticators, counted for each account until the machine restarts.
pub trait EnrolmentAttempts {
    /// In what time a code of this account would be judged; `None`: now. `now` is in seconds since the boot.
    ///
    /// # Errors
    /// [`StoreError`] where that cannot be found out.
    fn wait(&self, uid: u32, now: u64) -> Result<Option<Seconds>, StoreError>;

    /// Counts an attempt before it is judged.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be counted; then it must not be judged.
    fn charge(&self, uid: u32, now: u64) -> Result<Result<(), Seconds>, StoreError>;

    /// Forgets the attempts of an account; returns whether there were any.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be.
    fn forget(&self, uid: u32) -> Result<bool, StoreError>;
}
