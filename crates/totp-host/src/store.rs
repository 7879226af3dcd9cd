//! The store that the config names. This is the only place where a front end learns which engine that is.

use totp_core::config::Paths;
pub use totp_store::timestamp_records::TimestampRecords;

/// The engine of one machine: files.
pub type LocalStore = totp_store::FilesStore;

/// The store under the config's paths. Nothing is opened or made yet.
#[must_use]
pub fn open(paths: &Paths) -> LocalStore {
    totp_store::open(paths)
}

/// The timestamp records of this machine's login sessions: files, whatever the engine is. Nothing is opened or made yet.
#[must_use]
pub fn timestamp_records(paths: &Paths) -> TimestampRecords {
    TimestampRecords::new(&paths.runtime)
}
