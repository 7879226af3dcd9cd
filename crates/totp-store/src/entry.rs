//! What the command does with the files: hold a user's place, enrolled or not, and change what lies there.

use crate::FilesStore;
use crate::error::FileError;
use crate::ledger_file::{Newer, read_ledger, read_whole, sync_data, write_slot, write_twin};
use crate::lock::{Lock, Locked, lock};
use crate::state_dirs::{DRAFT, StateDirs, readable};
use nix::fcntl::{OFlag, renameat};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use totp_core::DocumentError;
use totp_core::account_recovery::Reset;
use totp_core::credential::Credential;
use totp_core::id::Id;
use totp_core::ledger::Ledger;
use totp_core::ledger::slots::{NextSlot, Slots};
use totp_core::store::{Entries, Entry, StoreError};
use totp_core::user::User;

impl Entries for FilesStore {
    type Entry = FileEntry;

    fn entry(&self, user: &User, patience: Duration) -> Result<Option<FileEntry>, StoreError> {
        Ok(self.entry_with(user, patience, Newer::Refused)?)
    }

    fn entry_to_withdraw(&self, user: &User, patience: Duration) -> Result<Option<FileEntry>, StoreError> {
        Ok(self.entry_with(user, patience, Newer::Broken)?)
    }
}

impl FilesStore {
    fn entry_with(
        &self,
        user: &User,
        patience: Duration,
        newer: Newer,
    ) -> Result<Option<FileEntry>, FileError> {
        let dirs = self.dirs()?;
        let component = user.component();
        let deadline = Instant::now().checked_add(patience);
        loop {
            let Some(fd) = dirs.ledgers.file(&component, OFlag::O_RDWR)? else {
                dirs.create_ledger(&component)?;
                continue;
            };
            match lock(fd, &dirs.ledgers.path.join(&component), deadline)? {
                Lock::Locked(file) => return self.opened(dirs, user, (component, newer), file).map(Some),
                Lock::Gone => {}
                Lock::Busy => return Ok(None),
            }
        }
    }

    fn opened(
        &self,
        dirs: StateDirs,
        user: &User,
        (component, newer): (String, Newer),
        file: Locked,
    ) -> Result<FileEntry, FileError> {
        let credential = readable(dirs.credential(user, &component))?;
        let bytes = read_ledger(&file, &dirs.ledgers.path.join(&component), newer)?;
        let slots = Slots::of(&bytes);
        let found = match &credential {
            Some(Ok(credential)) => slots.newest_of(credential.owner().id),
            Some(Err(_)) | None => None,
        };
        Ok(FileEntry { dirs, component, newer, file, credential, found })
    }
}

/// A user's place in the store while the command holds it.
pub struct FileEntry {
    pub(crate) dirs: StateDirs,
    pub(crate) component: String,
    pub(crate) newer: Newer,
    pub(crate) file: Locked,
    pub(crate) credential: Option<Result<Credential, DocumentError>>,
    pub(crate) found: Option<(Ledger, NextSlot)>,
}

impl FileEntry {
    fn ledger_path(&self) -> PathBuf {
        self.dirs.ledgers.path.join(&self.component)
    }

    pub(crate) fn write(&self, ledger: &Ledger, place: NextSlot) -> Result<(), FileError> {
        write_slot(&self.file, &self.ledger_path(), ledger, place)
    }

    fn draft(&self) -> String {
        format!("{DRAFT}{}", self.component)
    }

    fn name(&self) -> String {
        format!("{}.toml", self.component)
    }

    /// Writes over the slot that is not of a later version, if one is: whatever stops this, the other still refuses logins.
    fn place_beside_newer(&self) -> Result<Option<NextSlot>, FileError> {
        if self.newer == Newer::Refused {
            return Ok(None);
        }
        let bytes = read_whole(&self.file, &self.ledger_path())?;
        Ok(Slots::of(&bytes).beside_newer())
    }

    /// The slot to write beside the one in use. Of a ledger that is broken nothing is in use.
    pub(crate) fn place(&self) -> Result<NextSlot, FileError> {
        if let Some(place) = self.place_beside_newer()? {
            return Ok(place);
        }
        if let Some((_, place)) = self.found {
            return Ok(place);
        }
        // Nobody is enrolled, or the ledger is broken: keep a slot that says "nobody", if there is one.
        let bytes = read_ledger(&self.file, &self.ledger_path(), self.newer)?;
        let slots = Slots::of(&bytes);
        let beside = slots.beside_newest();
        Ok(slots.newest_of(Id::NONE).map_or(beside, |(_, place)| place))
    }

    fn write_draft(&self, credential: &Credential) -> Result<(), FileError> {
        let directory = &self.dirs.credentials;
        let text = credential.to_document(&directory.path.join(self.name()))?;
        directory.write_new(&self.draft(), text.as_bytes())
    }

    /// Whether `credential` is the enrolment that is in place, changed.
    fn goes_on_as(&self, credential: &Credential) -> bool {
        matches!(&self.credential, Some(Ok(old)) if old.owner().id == credential.owner().id)
    }

    fn put_in_place(&self) -> Result<(), FileError> {
        let (directory, draft, name) = (&self.dirs.credentials, self.draft(), self.name());
        renameat(&directory.fd, draft.as_str(), &directory.fd, name.as_str()).map_err(|source| {
            FileError::System { file: directory.path.join(&name), action: "put in place", source }
        })
    }
}

impl Entry for FileEntry {
    fn credential(&self) -> Option<Result<&Credential, &DocumentError>> {
        self.credential.as_ref().map(Result::as_ref)
    }

    fn ledger(&self) -> Option<&Ledger> {
        self.found.as_ref().map(|(ledger, _)| ledger)
    }

    fn commit(self, credential: &Credential, ledger: &Ledger) -> Result<(), StoreError> {
        let place = self.place()?;
        // The slot of the old credential stays until the new credential is in place: whichever credential a kill
        // leaves, its slot is there.
        self.write(ledger, place)?;
        sync_data(&self.file, &self.ledger_path())?;
        self.dirs.ledgers.sync()?;
        self.write_draft(credential)?;
        self.dirs.credentials.sync_file(&self.draft())?;
        self.put_in_place()?;
        self.dirs.credentials.sync()?;
        write_twin(&self.file, &self.ledger_path(), ledger, place)?;
        if !self.goes_on_as(credential) {
            // A reset of what was there is void from here on, whether its file goes or not.
            let _ = self.dirs.forget_reset(&self.component);
        }
        Ok(())
    }

    fn reset(&self) -> Result<Option<Reset>, StoreError> {
        Ok(self.dirs.reset(&self.component)?)
    }

    fn keep_reset(&self, reset: &Reset) -> Result<(), StoreError> {
        Ok(self.dirs.keep_reset(&self.component, reset)?)
    }

    fn forget_reset(&self) -> Result<bool, StoreError> {
        Ok(self.dirs.forget_reset(&self.component)?)
    }

    fn note(&mut self, ledger: &Ledger) -> Result<(), StoreError> {
        let place = self.place()?;
        self.write(ledger, place)?;
        sync_data(&self.file, &self.ledger_path())?;
        write_twin(&self.file, &self.ledger_path(), ledger, place)?;
        self.found = Some((ledger.clone(), place.other().other()));
        Ok(())
    }

    fn record(mut self, ledger: &Ledger) -> Result<(), StoreError> {
        self.note(ledger)
    }

    fn commit_all(batch: Vec<(Self, Credential, Ledger)>) -> Result<(), StoreError> {
        // The steps of `commit`, each for all before the next, so that each waits for the disk once.
        let Some((first, ..)) = batch.first() else { return Ok(()) };
        let places = batch.iter().map(|(entry, ..)| entry.place()).collect::<Result<Vec<_>, _>>()?;
        for ((entry, _, ledger), place) in batch.iter().zip(&places) {
            entry.write(ledger, *place)?;
        }
        first.dirs.ledgers.sync_everything()?;
        for (entry, credential, _) in &batch {
            entry.write_draft(credential)?;
        }
        first.dirs.credentials.sync_everything()?;
        batch.iter().try_for_each(|(entry, ..)| entry.put_in_place())?;
        first.dirs.credentials.sync()?;
        if first.dirs.has_resets()? {
            for (entry, ..) in batch.iter().filter(|(entry, new, _)| !entry.goes_on_as(new)) {
                let _ = entry.dirs.forget_reset(&entry.component);
            }
        }
        let mut twins = batch.iter().zip(places);
        twins.try_for_each(|((entry, _, ledger), place)| entry.write(ledger, place.other()))?;
        Ok(first.dirs.ledgers.sync_everything()?)
    }

    fn withdraw(self) -> Result<(), StoreError> {
        // First a slot that says so: a credential that is missing then is no accident.
        let place = self.place()?;
        self.write(&Ledger::default(), place)?;
        sync_data(&self.file, &self.ledger_path())?;
        self.dirs.credentials.remove(&self.name())?;
        self.dirs.credentials.sync()?;
        self.dirs.ledgers.remove(&self.component)?;
        Ok(self.dirs.ledgers.sync()?)
    }
}
