//! What a login does with the files: hold a user's ledger, and write its next page.

use super::Files;
use super::ledger_file::{broken, read_file, sync_data, write_page, write_twin};
use crate::credential::Credential;
use crate::document::DocumentError;
use crate::ledger::Ledger;
use crate::pages::{Pages, Place};
use crate::store::lock::{Lock, Locked, lock};
use crate::store::{Charging, Durability, Held, Hold, Store, StoreError};
use crate::user::User;
use nix::fcntl::OFlag;
use std::path::PathBuf;
use std::time::{Duration, Instant};

impl Store for Files {
    const CHARGING: Charging = Charging::BeforeLook;

    type Held = FileHeld;

    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<FileHeld>, StoreError> {
        let rooms = self.rooms()?;
        let component = user.component();
        let path = rooms.ledgers.path.join(&component);
        let deadline = Instant::now().checked_add(patience);
        let mut missing = false;
        let file = loop {
            let Some(fd) = rooms.ledgers.file(&component, OFlag::O_RDWR)? else {
                if rooms.credential(user, &component)?.is_none() {
                    return Ok(Hold::NotEnrolled);
                }
                if missing {
                    return Err(broken(&path, "is missing though the user is enrolled"));
                }
                // A desk that enrols this user right now makes the ledger first: look again.
                missing = true;
                continue;
            };
            match lock(fd, &path, deadline)? {
                Lock::Locked(file) => break file,
                Lock::Gone => {}
                Lock::Busy => return Ok(Hold::Busy),
            }
        };
        let bytes = read_file(&file, &path)?;
        let pages = Pages::of(&bytes);
        let Some(credential) = rooms.credential(user, &component)? else {
            if pages.none_enrolled() {
                return Ok(Hold::NotEnrolled);
            }
            let problem = "is there but its credential is missing: restore that from a backup; or \
                           \"totp-enroll disable\" forgets the enrolment";
            return Err(StoreError::Document(DocumentError::new(&path, problem)));
        };
        let Some((ledger, place)) = pages.newest_of(credential.owner().id) else {
            return Err(broken(&path, "does not check, or belongs to another enrolment"));
        };
        Ok(Hold::Held(FileHeld { path, file, credential, ledger, place }))
    }
}

/// A held ledger: the lock goes with it.
pub struct FileHeld {
    path: PathBuf,
    file: Locked,
    credential: Credential,
    ledger: Ledger,
    place: Place,
}

impl Held for FileHeld {
    fn credential(&self) -> &Credential {
        &self.credential
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn replace(&mut self, next: &Ledger, durability: Durability) -> Result<(), StoreError> {
        let place = self.place;
        self.place = place.other();
        write_page(&self.file, &self.path, next, place)?;
        match durability {
            Durability::Process => Ok(()),
            Durability::Machine => {
                sync_data(&self.file, &self.path)?;
                self.place = place.other().other();
                write_twin(&self.file, &self.path, next, place)
            }
        }
    }
}
