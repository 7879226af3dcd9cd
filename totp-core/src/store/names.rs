//! Everybody in the store, one after the other as a directory has them: memory does not grow with their number.

use super::StoreError;
use super::directory::Directory;
use super::files::{DRAFT, Files};
use crate::user::User;
use nix::dir;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The names of a directory; an error for a file that is none of ours, which does not end it.
pub struct Names {
    entries: dir::OwningIter,
    directory: PathBuf,
    suffix: &'static str,
    foreign: &'static str,
}

impl Files {
    /// The users who have a credential, sorted by name.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be read, or holds a file that is none of ours.
    pub fn users(&self) -> Result<Vec<User>, StoreError> {
        let mut users = self.enrolled()?.collect::<Result<Vec<_>, _>>()?;
        users.sort();
        Ok(users)
    }

    /// Who has a credential, in no order. What is renamed meanwhile may be seen twice, or not at all.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be read.
    pub fn enrolled(&self) -> Result<Names, StoreError> {
        Names::of(self.rooms()?.credentials, ".toml", "is not a credential of ours: move it away")
    }

    /// Who has a ledger, in no order: everybody who is enrolled, and some who are not. It is made before a credential is,
    /// and stays as long.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be read.
    pub fn known(&self) -> Result<Names, StoreError> {
        Names::of(self.rooms()?.ledgers, "", "is not a ledger of ours: move it away")
    }

    /// Who has a reset that is on its way or left a ticket, in no order.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be read.
    pub fn resets(&self) -> Result<Option<Names>, StoreError> {
        let foreign = "is not a reset of ours: move it away";
        self.rooms()?.resets()?.map(|resets| Names::of(resets, ".toml", foreign)).transpose()
    }
}

impl Names {
    fn of(directory: Directory, suffix: &'static str, foreign: &'static str) -> Result<Self, StoreError> {
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
                    return Some(Err(StoreError::System {
                        file: self.directory.clone(),
                        action: "list",
                        source,
                    }));
                }
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            // What a killed desk left behind; the next write of that user takes it away.
            if name == "." || name == ".." || name.as_bytes().starts_with(DRAFT.as_bytes()) {
                continue;
            }
            let component = name.to_str().and_then(|name| name.strip_suffix(self.suffix));
            let user = component.and_then(User::from_component);
            let file = || self.directory.join(name);
            return Some(user.ok_or_else(|| StoreError::Unsafe { file: file(), problem: self.foreign }));
        }
    }
}
