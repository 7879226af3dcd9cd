//! The files engine: where the rules of `totp-core` keep what they need, as files on one machine.
//!
//! It stands behind the traits of [`totp_core::store`]; [`open`] makes it, and everything else that a front end needs of a store
//! is on those traits. What is public beside that is of files alone, and used by name in a few places only:
//!
//! * [`documents`], [`guard`], [`keyring_files`]: the config and the keyring, which are files whatever the engine is;
//! * [`timestamp_records`]: the accepted codes of this machine's sessions, which no other machine knows;
//! * [`FilesStore::stale_drafts`], [`FilesStore::check_directory`], [`STATE_DIRECTORIES`]: what `doctor` and `prune` look at.
//!
//! ```text
//!   hold   entry   users   resets   reseal   keyring_lock   spool   enrolment_attempts     the traits, one file each
//!       \     \      \       |        /        /             /      /
//!        files_store   state_dirs   ledger_file                      which directory and file, and how one is read
//!                  \        |        /
//!            directory    lock    guard    error                     open, write, lock, trust: the system calls
//! ```
//!
//! # What is promised, and how
//!
//! * *One judges at a time.* A lock on the ledger's file is a lock on the user. The file is never replaced by another: a lock on a
//!   file that is renamed over excludes nobody.
//! * *Old or new, never half.* Documents are drafted, synced and renamed; a ledger is written slot by slot
//!   ([`totp_core::ledger::slots`]).
//! * *Root's alone.* What others could have changed is refused, by owner, mode, kind and number of links ([`guard`]).
//! * *No name that anybody chose becomes a path* but by [`totp_core::user::User::component`].
//!
//! # Deliberately absent
//!
//! A cache; a rule about codes; an error number beyond this crate ([`totp_core::store::StoreError`] says it in words).

#![forbid(unsafe_code)]

mod directory;
pub mod documents;
pub mod enrolment_attempts;
mod entry;
mod error;
mod files_store;
#[cfg(test)]
mod fixture;
pub mod guard;
mod hold;
pub mod keyring_files;
mod keyring_lock;
mod ledger_file;
mod lock;
#[cfg(test)]
mod manual_tests;
mod reseal;
mod resets;
#[cfg(test)]
mod rules_tests;
pub mod spool;
mod stale_drafts;
mod state_dirs;
pub mod timestamp_records;
mod users;

pub use entry::FileEntry;
pub use files_store::{FilesStore, open};
pub use hold::FileHeld;
pub use keyring_lock::KeyringLock;
pub use reseal::{FoundFile, ResealingFiles};
pub use state_dirs::STATE_DIRECTORIES;
pub use users::Names;

/// What every engine promises.
#[cfg(test)]
mod conformance {
    fn fresh() -> (tempfile::TempDir, crate::FilesStore) {
        use totp_core::store::Engine;
        let directory = tempfile::tempdir().unwrap();
        let store = crate::FilesStore::new(directory.path(), &directory.path().join("run"));
        store.prepare().unwrap();
        (directory, store)
    }

    totp_core::engine_conformance!(files, fresh);
}
