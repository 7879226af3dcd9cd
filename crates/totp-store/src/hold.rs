//! A login's use of the files: it holds a user's ledger and writes its next slot.

use crate::FilesStore;
use crate::ledger_file::{broken, read_file, sync_data, write_slot, write_twin};
use crate::lock::{Lock, Locked, lock};
use nix::fcntl::OFlag;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use totp_core::DocumentError;
use totp_core::credential::Credential;
use totp_core::ledger::Ledger;
use totp_core::ledger::slot::{NextSlot, Slots};
use totp_core::store::{Charging, Durability, Held, Hold, Store, StoreError};
use totp_core::user::User;

impl Store for FilesStore {
    const CHARGING: Charging = Charging::BeforeLook;

    type Held = FileHeld;

    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<FileHeld>, StoreError> {
        let dirs = self.dirs()?;
        let component = user.component();
        let path = dirs.ledgers.path.join(&component);
        let deadline = Instant::now().checked_add(patience);
        let mut missing = false;
        let file = loop {
            let Some(fd) = dirs.ledgers.file(&component, OFlag::O_RDWR)? else {
                if dirs.credential(user, &component)?.is_none() {
                    return Ok(Hold::NotEnrolled);
                }
                if missing {
                    return Err(broken(&path, "is missing though the user is enrolled").into());
                }
                // A command that is enrolling this user creates the ledger first: look again.
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
        let slots = Slots::of(&bytes);
        let Some(credential) = dirs.credential(user, &component)? else {
            if slots.none_enrolled() {
                return Ok(Hold::NotEnrolled);
            }
            let problem = "exists, but its credential is missing: restore the credential from a backup, or run \
                           \"totp-enroll disable USER\" to remove the enrolment";
            return Err(DocumentError::new(&path, problem).into());
        };
        let Some((ledger, slot)) = slots.newest_of(credential.owner().id) else {
            return Err(broken(&path, "is damaged, or belongs to another enrolment").into());
        };
        Ok(Hold::Held(FileHeld { path, file, credential, ledger, slot }))
    }
}

/// A held enrolment; dropping it unlocks the ledger.
pub struct FileHeld {
    path: PathBuf,
    file: Locked,
    credential: Credential,
    ledger: Ledger,
    slot: NextSlot,
}

impl Held for FileHeld {
    fn credential(&self) -> &Credential {
        &self.credential
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn replace(&mut self, next: &Ledger, durability: Durability) -> Result<(), StoreError> {
        let slot = self.slot;
        self.slot = slot.other();
        write_slot(&self.file, &self.path, next, slot)?;
        match durability {
            Durability::Process => Ok(()),
            Durability::Machine => {
                sync_data(&self.file, &self.path)?;
                self.slot = slot.other().other();
                Ok(write_twin(&self.file, &self.path, next, slot)?)
            }
        }
    }
}
