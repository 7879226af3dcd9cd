//! The rules over files: what a login, an enrolment, a reset and a rotation leave on the disk, and what they make of a disk that
//! was damaged.

mod account_recovery;
mod enrolment;
mod rotation;

/// What the rules themselves name.
mod prelude {
    pub(super) use totp_core::enrolment::draft::Confirmed;
    pub(super) use totp_core::keyring::Keyring;
    pub(super) use totp_core::ledger::{LastLogin, LoginMethod};
    pub(super) use totp_core::secret::Secret;
    pub(super) use totp_core::store::{
        Entries, Entry, Found, KeyringLocks, Reseal, Resealed, Resealing, StoreError,
    };
    pub(super) use totp_core::user::Account;
    pub(super) use totp_core::user::User;
}
