//! Lists and reads the users of the store and their resets, without a hold; a listing reads its directory as it goes, so memory does not grow with the number of users.

use crate::FilesStore;
use crate::directory::{DRAFT, Directory};
use crate::error::FileError;
use crate::files_store::{CREDENTIALS, LEDGERS, RESETS};
use nix::dir;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use totp_core::account_recovery::Reset;
use totp_core::credential::Credential;
use totp_core::store::{Document, Resets, StoreError, Users};
use totp_core::user::User;

/// The users with a file in one directory. A foreign file is an error, and the iteration goes on after it.
pub struct Names {
    entries: dir::OwningIter,
    directory: PathBuf,
    suffix: &'static str,
    foreign: &'static str,
}

impl Users for FilesStore {
    type Names = Names;

    fn enrolled(&self) -> Result<Names, StoreError> {
        Ok(Names::of(self.dirs()?.credentials, ".toml", "is not a credential file: move it away")?)
    }

    fn known(&self) -> Result<Names, StoreError> {
        Ok(Names::of(self.dirs()?.ledgers, "", "is not a ledger file: move it away")?)
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

    fn resets(&self) -> Result<Option<Names>, StoreError> {
        let foreign = "is not a reset file: move it away";
        Ok(self.dirs()?.resets()?.map(|resets| Names::of(resets, ".toml", foreign)).transpose()?)
    }
}

impl Names {
    pub(crate) fn of(
        directory: Directory,
        suffix: &'static str,
        foreign: &'static str,
    ) -> Result<Self, FileError> {
        let (entries, directory) = directory.entries()?;
        Ok(Self { entries, directory, suffix, foreign })
    }
}

impl Iterator for Names {
    type Item = Result<User, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.entries.next()? {
                Ok(entry) => entry,
                Err(source) => {
                    let file = self.directory.clone();
                    return Some(Err(FileError::System { file, action: "list", source }.into()));
                }
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            // A draft; one of a killed command is replaced by the next write of that user.
            if name == "." || name == ".." || name.as_bytes().starts_with(DRAFT.as_bytes()) {
                continue;
            }
            let component = name.to_str().and_then(|name| name.strip_suffix(self.suffix));
            let user = component.and_then(User::from_component);
            let file = || self.directory.join(name);
            return Some(
                user.ok_or_else(|| FileError::Unsafe { file: file(), problem: self.foreign }.into()),
            );
        }
    }
}
