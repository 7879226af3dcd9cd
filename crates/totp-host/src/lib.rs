//! What every front end needs of the machine: settings, store, clock, entropy, accounts, and the audit log, each once.
//!
//! | module | what it does |
//! |---|---|
//! | [`settings`] | reads the config and the keyring, and says what to do where they cannot be used |
//! | [`store`] | opens the store that the config names |
//! | [`clock`] | reads the two clocks together |
//! | [`entropy`] | random bytes |
//! | [`accounts`] | the canonical account of a name, the name of a uid, who is in which group |
//! | [`audit_log`] | one line for each event, to syslog |
//!
//! Nothing here decides anything: the rules are `totp_core`'s.
//! Nothing here reads the environment or writes to standard output or error: the process may be sshd.

#![forbid(unsafe_code)]

pub mod accounts;
pub mod audit_log;
pub mod clock;
pub mod entropy;
pub mod settings;
pub mod store;
