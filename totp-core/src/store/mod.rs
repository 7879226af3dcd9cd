//! Where credentials and ledgers are kept: the operations that the sequences need, for any engine.
//!
//! The login's half is small on purpose: hold a user's ledger together with the credential as it stands while held, and
//! replace the ledger. [`files`] does it with `flock` on one machine; a linearizable store could do it for a fleet.

pub mod confirmations;
mod directory;
pub mod documents;
pub mod files;
pub mod groups;
pub mod guard;
pub mod keyring;
pub mod layout;
pub mod leftovers;
mod lock;
#[cfg(any(test, feature = "memory-store"))]
pub mod memory;
pub mod names;
mod resets;
pub mod rewriting;
pub mod spool;
pub mod stamps;
pub mod turn;

pub use crate::durability::Durability;

use crate::credential::Credential;
use crate::document::DocumentError;
use crate::ledger::Ledger;
use crate::reset::Reset;
use crate::user::User;
use std::path::PathBuf;
use std::time::Duration;

/// What a login needs of a store.
///
/// An engine excludes others in one of two ways. With a lock, nobody else holds the same user until the hold is dropped, and
/// [`Held::replace`] always finds what was held. With a comparison, any number hold the same user at once, and
/// [`Held::replace`] fails with [`StoreError::Conflict`] where somebody else replaced the ledger or the credential first.
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

/// What a desk needs of a store beside that: one user's place in it, enrolled or not, held.
pub trait Entry {
    /// The credential, if there is one; an error where it cannot be read, which only [`Entry::commit`] and
    /// [`Entry::withdraw`] mend.
    fn credential(&self) -> Option<Result<&Credential, &DocumentError>>;

    /// Whether there is a credential, sound or not.
    fn is_enrolled(&self) -> bool {
        self.credential().is_some()
    }

    /// The ledger of that credential; `None` also where it is broken, which only [`Entry::commit`] mends.
    fn ledger(&self) -> Option<&Ledger>;

    /// Puts credential and ledger in place together: whoever looks later sees the old pair or this one.
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

    /// The reset of this user that is on its way, or whose ticket was not used.
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

/// Why the store has no answer. Never the same as "not enrolled".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("{}: cannot {action}: {}", file.display(), source.desc())]
    System {
        /// What it was about.
        file: PathBuf,
        /// What was attempted, as an infinitive.
        action: &'static str,
        /// The system's error.
        source: nix::errno::Errno,
    },
    /// A file or directory that others than root could have changed, or that is none.
    #[error("{}: {problem}", file.display())]
    Unsafe {
        /// The file or directory.
        file: PathBuf,
        /// What is wrong with it and what to do.
        problem: &'static str,
    },
    /// Its content cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Somebody else changed the enrolment since it was held; nothing was recorded.
    #[error("the enrolment was changed at the same time: try again")]
    Conflict,
}

impl StoreError {
    /// The file that it is about.
    #[must_use]
    pub fn file(&self) -> &std::path::Path {
        match self {
            Self::System { file, .. } | Self::Unsafe { file, .. } => file,
            Self::Document(error) => &error.file,
            Self::Conflict => std::path::Path::new(""),
        }
    }

    /// The line, where there is one to name.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::System { .. } | Self::Unsafe { .. } | Self::Conflict => None,
            Self::Document(error) => error.line,
        }
    }

    /// What is wrong, without the file.
    #[must_use]
    pub fn problem(&self) -> String {
        match self {
            Self::System { action, source, .. } => format!("cannot {action}: {}", source.desc()),
            Self::Unsafe { problem, .. } => (*problem).to_owned(),
            Self::Document(error) => error.problem.clone(),
            Self::Conflict => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn file_line_and_problem_are_what_an_error_says() {
        let file = || PathBuf::from("/f");
        let document = DocumentError { file: file(), line: Some(7), problem: "is odd".to_owned() };
        for (error, line, problem) in [
            (
                StoreError::System { file: file(), action: "read", source: nix::errno::Errno::EIO },
                None,
                "cannot read: I/O error",
            ),
            (StoreError::Unsafe { file: file(), problem: "is loose" }, None, "is loose"),
            (StoreError::Document(document), Some(7), "is odd"),
        ] {
            assert_eq!(
                (error.file(), error.line(), error.problem().as_str()),
                (Path::new("/f"), line, problem)
            );
            let line = line.map(|line| format!(" line {line}")).unwrap_or_default();
            assert_eq!(error.to_string(), format!("/f{line}: {problem}"));
        }
    }
}
