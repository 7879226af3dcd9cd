//! The machine, as every front end needs it: settings, the store, clock, random bytes, accounts and the audit log.
//!
//! | module | what it does |
//! |---|---|
//! | [`config_and_keyring`] | reads the config and the keyring, and says what to do if they cannot be used |
//! | [`store`] | opens the store that the config names; the only place that names an engine |
//! | [`documents`] | reads and writes documents that only root can have written, by path |
//! | [`machine`] | the clocks, random bytes, accounts and groups |
//! | [`audit_log`] | writes one line for each event to syslog |
//!
//! Nothing here decides who is let in: the rules are in `totp_core`.
//! Nothing here reads the environment or writes to standard output or error, because the process may be sshd.

#![forbid(unsafe_code)]

pub mod audit_log;
pub mod config_and_keyring;
pub mod machine;
#[cfg(test)]
mod manual_tests;

/// The store that the config names. A front end uses it by the traits of [`totp_core::store`]; which engine it is, is written here.
pub mod store {
    use totp_core::config::Paths;
    pub use totp_store::FilesStore as LocalStore;
    pub use totp_store::open;
    pub use totp_store::timestamp_records::TimestampRecords;

    /// The timestamp records of this machine's login sessions: files, whatever the engine is. Nothing is opened or made yet.
    #[must_use]
    pub fn timestamp_records(paths: &Paths) -> TimestampRecords {
        TimestampRecords::new(&paths.runtime)
    }
}

/// Documents of this machine, whatever the engine is: the config, the keyring, a backup, a file with a reset token.
pub mod documents {
    pub use totp_store::documents::{
        create_document, destroy_document, destroy_drafts, replace_document, sync_document,
    };
    pub use totp_store::trusted_files::{Access, read_document};
}
