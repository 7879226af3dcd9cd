//! Lists and reads the users of the store and their resets, without a hold; a listing reads its directory as it goes, so memory does not grow with the number of users.

use crate::FilesStore;
use crate::error::FileError;
use crate::files_store::{CREDENTIALS, LEDGERS, RESETS};
use crate::trusted_file_changes::EntryNames;
use crate::trusted_files::{DRAFT, Directory};
use std::path::PathBuf;
use totp_core::account_recovery::{Cancellation, Reset};
use totp_core::credential::Credential;
use totp_core::store::{Document, Resets, StoreError, Users};
use totp_core::user::User;

/// The users with a file in one directory. A foreign file is an error, and the iteration goes on after it.
pub struct Names {
    entries: EntryNames,
    directory: PathBuf,
    suffix: &'static str,
    foreign: &'static str,
}

impl Users for FilesStore {
    type Names = Names;

    fn enrolled(&self) -> Result<Names, StoreError> {
        Ok(Names::of(&self.dirs()?.credentials, ".toml", "is not a credential file: move it away")?)
    }

    fn known(&self) -> Result<Names, StoreError> {
        Ok(Names::of(&self.dirs()?.ledgers, "", "is not a ledger file: move it away")?)
    }

    fn credential(&self, user: &User) -> Result<Option<Credential>, StoreError> {
        Ok(self.dirs()?.credential(user, &user.component())?)
    }

    fn name_of(&self, document: Document, user: &User) -> String {
        let (directory, name) = match document {
            Document::Credential => (CREDENTIALS, format!("{}.toml", user.component())),
            Document::Ledger => (LEDGERS, user.component()),
            Document::Reset => (RESETS, format!("{}.toml", user.component())),
        };
        self.state().join(directory).join(name).display().to_string()
    }
}

impl Resets for FilesStore {
    type Names = Names;

    fn reset(&self, user: &User) -> Result<Option<Reset>, StoreError> {
        Ok(self.dirs()?.reset(&user.component())?)
    }

    fn call_off(&self, user: &User, cancellation: Cancellation) -> Result<(), StoreError> {
        Ok(self.dirs()?.call_off(&user.component(), cancellation)?)
    }

    fn resets(&self) -> Result<Option<Names>, StoreError> {
        let foreign = "is not a reset file: move it away";
        Ok(self.dirs()?.resets()?.map(|resets| Names::of(&resets, ".toml", foreign)).transpose()?)
    }
}

impl Names {
    fn of(directory: &Directory, suffix: &'static str, foreign: &'static str) -> Result<Self, FileError> {
        Ok(Self { entries: directory.names()?, directory: directory.path.clone(), suffix, foreign })
    }

    fn user(&self, name: &str) -> Result<User, FileError> {
        name.strip_suffix(self.suffix)
            .and_then(User::from_component)
            .ok_or_else(|| FileError::Unsafe { file: self.directory.join(name), problem: self.foreign })
    }
}

impl Iterator for Names {
    type Item = Result<User, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.entries.next()? {
                // A draft; one of a killed command is replaced by the next write of that user.
                Ok(name) if name.starts_with(DRAFT) => {}
                name => return Some(name.and_then(|name| self.user(&name)).map_err(StoreError::from)),
            }
        }
    }
}
