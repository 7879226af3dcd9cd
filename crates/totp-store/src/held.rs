//! A login's use of the files: it holds an enrolment, and writes the charge of a try and the record of its result.

use crate::FilesStore;
use crate::files_store::{LedgerFile, broken, read_file, unusable};
use crate::trusted_files::{Lock, lock};
use nix::fcntl::OFlag;
use std::sync::Arc;
use std::time::{Duration, Instant};
use totp_core::credential::Credential;
use totp_core::ledger::Ledger;
use totp_core::ledger::slots::{Conversion, NextSlot, Slots};
use totp_core::store::{Charging, Durability, Held, Hold, LedgerKeys, Store, StoreError};
use totp_core::user::User;

impl Store for FilesStore {
    const CHARGING: Charging = Charging::BeforeLook;

    type Held = FileHeld;

    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<FileHeld>, StoreError> {
        let dirs = self.dirs()?;
        self.generation.check()?;
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
            return Err(dirs.credential_missing(&component).into());
        };
        let (ledger, slot) = match slots.newest_of(&credential, &**self.keys()) {
            Ok(Some(found)) => found,
            Ok(None) => return Err(broken(&path, "is damaged, or belongs to another enrolment").into()),
            Err(error) => return Err(unusable(&path, error)),
        };
        let file = LedgerFile { file, path, user: user.clone() };
        Ok(Hold::Held(FileHeld::new(file, Arc::clone(self.keys()), credential, (ledger, slot))))
    }
}

/// A held enrolment; dropping it unlocks the ledger.
pub struct FileHeld {
    file: LedgerFile,
    keys: Arc<dyn LedgerKeys>,
    credential: Credential,
    ledger: Ledger,
    slot: NextSlot,
    /// What this hold has written to `slot`: a charge.
    written: Option<Vec<u8>>,
}

impl FileHeld {
    /// The ledger that was found, and where the next write goes.
    pub(crate) fn new(
        file: LedgerFile,
        keys: Arc<dyn LedgerKeys>,
        credential: Credential,
        (ledger, slot): (Ledger, NextSlot),
    ) -> Self {
        Self { file, keys, credential, ledger, slot, written: None }
    }

    /// After a write that failed half-way: the charge that this hold wrote there before counts again. If it wrote nothing, nothing
    /// there counts. Otherwise a charge could be lost, or stand though its write failed and no code was looked at.
    fn take_back(&self) {
        // The error of the write is the one to report.
        let _ = match &self.written {
            Some(charge) => self.file.put(charge, self.slot),
            None => self.file.void(self.slot),
        };
    }
}

impl Held for FileHeld {
    fn credential(&self) -> &Credential {
        &self.credential
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn replace(&mut self, next: &Ledger, durability: Durability) -> Result<(), StoreError> {
        let (slot, key) = (self.slot, self.keys.active_ledger_key()?);
        let bytes = self.file.encode(next, slot, Some(&key))?;
        self.file.put(&bytes, slot).inspect_err(|_| self.take_back())?;
        match (durability, slot.conversion) {
            (Durability::Process, Conversion::None) => {
                // What follows in this hold goes over it: whatever could keep it from being written has been met by now.
                self.slot = slot.again();
                self.written = Some(bytes);
                Ok(())
            }
            (Durability::Machine, _) | (Durability::Process, Conversion::Grow | Conversion::Finish) => {
                self.file.sync()?;
                self.slot = slot.other().other();
                self.written = None;
                Ok(self.file.write_twin(next, slot, Some(&key))?)
            }
        }
    }

    fn check_writable(&mut self) -> Result<(), StoreError> {
        match self.slot.conversion {
            Conversion::None => Ok(self.file.check_writable()?),
            // The conversion writes every place.
            Conversion::Grow | Conversion::Finish => {
                let found = self.ledger.clone();
                self.replace(&found, Durability::Machine)
            }
        }
    }
}
