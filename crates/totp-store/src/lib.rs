//! The files engine: the store of one machine, behind the traits of [`totp_core::store`].
//!
//! [`open`] makes it, and everything else that a front end needs of a store is on the traits. The other public items are about files
//! whatever the engine is; `totp-host` offers them to the front ends, which do not name this crate:
//!
//! * [`documents`], [`trusted_files`]: checked reading and writing by path, for the config, the keyring and backups;
//! * [`timestamp_records`]: the accepted codes of this machine's sessions, which no other machine knows.
//!
//! | layer | modules |
//! |---|---|
//! | the traits, one file each | `files_store` `held` `entry` `users` `rotation` `spool` (with `notice_name`, `told_notices`) `enrolment_attempts` `tokens` `maintenance` |
//! | which directory and file, and how it is read | `files_store` |
//! | the system calls: open, check the owner, lock; write | `trusted_files` `trusted_file_changes` `error` |
//!
//! # What is promised, and how
//!
//! * *One login is judged at a time.* The lock on the ledger's file is the lock on the user. That file is never renamed over.
//! * *Old or new, never half.* Documents are drafted, synced and renamed; a ledger is written slot by slot
//!   ([`totp_core::ledger::slot`]).
//! * *Root only.* A file that another user could have changed is refused, by owner, mode, kind and number of links ([`trusted_files`]).
//! * *No text that a user chose becomes a path*, except through [`totp_core::user::User::component`].
//!
//! # Deliberately absent
//!
//! A cache; a rule about codes; an errno outside this crate ([`totp_core::store::StoreError`] has it in words).

#![forbid(unsafe_code)]

pub mod documents;
pub mod enrolment_attempts;
mod entry;
mod error;
mod files_store;
#[cfg(test)]
mod fixture;
mod generation;
mod held;
mod maintenance;
mod notice_name;
mod rotation;
mod trusted_file_changes;
pub mod trusted_files;
#[cfg(test)]
mod rules_tests {
    mod account_recovery;
    mod enrolment;
    mod rotation;
    mod rotation_of_damaged;
}
pub mod spool;
pub mod timestamp_records;
mod tokens;
mod told_notices;
mod users;

pub use entry::FileEntry;
pub use files_store::{FilesStore, STATE_DIRECTORIES, open};
pub use held::FileHeld;
pub use rotation::{FoundFile, KeyringLock, ResealingFiles};
pub use tokens::{FilesInventory, Serials};
pub use users::Names;

/// The promises of every engine.
#[cfg(test)]
mod conformance {
    fn fresh() -> (tempfile::TempDir, crate::FilesStore) {
        use totp_core::store::Engine;
        let directory = tempfile::tempdir().unwrap();
        let (state, runtime) = (directory.path().join("state"), directory.path().join("run"));
        let keys = std::sync::Arc::new(totp_core::fixture::AllKeys::default());
        let keyring = directory.path().join("keyring.toml");
        let store = crate::FilesStore::new(&state, &runtime, &keyring, keys);
        store.prepare().unwrap();
        (directory, store)
    }

    totp_core::engine_conformance!(files, fresh);
}
