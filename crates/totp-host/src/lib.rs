//! The machine, as every front end needs it: settings, clock, random bytes, accounts and the audit log.
//!
//! | module | what it does |
//! |---|---|
//! | [`settings`] | reads the config and the keyring, and says what to do if they cannot be used |
//! | [`documents`] | reads and writes documents that only root can have written, by path |
//! | [`store`] | opens the store that the config names |
//! | [`clock`] | reads the clocks |
//! | [`entropy`] | random bytes of the operating system |
//! | [`accounts`] | looks up accounts and groups |
//! | [`audit_log`] | writes one line for each event to syslog |
//!
//! Nothing here decides who is let in: the rules are in `totp_core`.
//! Nothing here reads the environment or writes to standard output or error, because the process may be sshd.

#![forbid(unsafe_code)]

pub mod accounts;
pub mod audit_log;
pub mod clock;
pub mod documents;
pub mod entropy;
#[cfg(test)]
mod manual_tests;
pub mod settings;
pub mod store;
