//! What the desk does with the files: hold a user's place, enrolled or not, and change what lies there.

use super::Files;
use super::ledger_file::{Newer, read_ledger, read_whole, sync_data, write_page, write_twin};
use super::rooms::{DRAFT, Rooms, readable};
use crate::credential::Credential;
use crate::document::DocumentError;
use crate::ledger::Ledger;
use crate::pages::{Pages, Place};
use crate::reset::Reset;
use crate::store::lock::{Lock, Locked, lock};
use crate::store::{Entry, StoreError};
use crate::user::User;
use nix::fcntl::{OFlag, renameat};
use std::path::PathBuf;
use std::time::{Duration, Instant};

impl Files {
    /// A user's place, held, for the desk: enrolled or not.
    ///
    /// # Errors
    /// [`StoreError`] where the files cannot be trusted; a broken or missing ledger is not an error here but `None`
    /// in the entry.
    pub fn entry(&self, user: &User, patience: Duration) -> Result<Option<FileEntry>, StoreError> {
        self.entry_with(user, patience, Newer::Refused)
    }

    /// The same for whoever throws the ledger away: one of a later version, as which a broken one can look, is a broken one.
    ///
    /// # Errors
    /// As [`Files::entry`].
    pub fn entry_to_withdraw(
        &self,
        user: &User,
        patience: Duration,
    ) -> Result<Option<FileEntry>, StoreError> {
        self.entry_with(user, patience, Newer::Broken)
    }

    fn entry_with(
        &self,
        user: &User,
        patience: Duration,
        newer: Newer,
    ) -> Result<Option<FileEntry>, StoreError> {
        let rooms = self.rooms()?;
        let component = user.component();
        let deadline = Instant::now().checked_add(patience);
        loop {
            let Some(fd) = rooms.ledgers.file(&component, OFlag::O_RDWR)? else {
                rooms.create_ledger(&component)?;
                continue;
            };
            match lock(fd, &rooms.ledgers.path.join(&component), deadline)? {
                Lock::Locked(file) => return self.opened(rooms, user, (component, newer), file).map(Some),
                Lock::Gone => {}
                Lock::Busy => return Ok(None),
            }
        }
    }

    fn opened(
        &self,
        rooms: Rooms,
        user: &User,
        (component, newer): (String, Newer),
        file: Locked,
    ) -> Result<FileEntry, StoreError> {
        let credential = readable(rooms.credential(user, &component))?;
        let bytes = read_ledger(&file, &rooms.ledgers.path.join(&component), newer)?;
        let pages = Pages::of(&bytes);
        let found = match &credential {
            Some(Ok(credential)) => pages.newest_of(credential.owner().id),
            Some(Err(_)) | None => None,
        };
        Ok(FileEntry { rooms, component, newer, file, credential, found })
    }
}

/// A user's place in the store while the desk holds it.
pub struct FileEntry {
    pub(super) rooms: Rooms,
    pub(super) component: String,
    pub(super) newer: Newer,
    pub(super) file: Locked,
    pub(super) credential: Option<Result<Credential, DocumentError>>,
    pub(super) found: Option<(Ledger, Place)>,
}

impl FileEntry {
    fn ledger_path(&self) -> PathBuf {
        self.rooms.ledgers.path.join(&self.component)
    }

    pub(super) fn write(&self, ledger: &Ledger, place: Place) -> Result<(), StoreError> {
        write_page(&self.file, &self.ledger_path(), ledger, place)
    }

    fn draft(&self) -> String {
        format!("{DRAFT}{}", self.component)
    }

    fn name(&self) -> String {
        format!("{}.toml", self.component)
    }

    /// Writes over the page that is not of a later version, if one is: whatever stops this, the other still refuses logins.
    fn place_beside_newer(&self) -> Result<Option<Place>, StoreError> {
        if self.newer == Newer::Refused {
            return Ok(None);
        }
        let bytes = read_whole(&self.file, &self.ledger_path())?;
        Ok(Pages::of(&bytes).beside_newer())
    }

    /// The page to write beside the one in use. Of a ledger that is broken nothing is in use.
    pub(super) fn place(&self) -> Result<Place, StoreError> {
        if let Some(place) = self.place_beside_newer()? {
            return Ok(place);
        }
        if let Some((_, place)) = self.found {
            return Ok(place);
        }
        // Nobody is enrolled, or the ledger is broken: keep a page that says "nobody", if there is one.
        let bytes = read_ledger(&self.file, &self.ledger_path(), self.newer)?;
        let pages = Pages::of(&bytes);
        let beside = pages.beside_newest();
        Ok(pages.newest_of(Ledger::default().credential).map_or(beside, |(_, place)| place))
    }

    fn write_draft(&self, credential: &Credential) -> Result<(), StoreError> {
        let directory = &self.rooms.credentials;
        let text = credential.to_document(&directory.path.join(self.name()))?;
        directory.write_new(&self.draft(), text.as_bytes())
    }

    /// Whether `credential` is the enrolment that is in place, changed.
    fn goes_on_as(&self, credential: &Credential) -> bool {
        matches!(&self.credential, Some(Ok(old)) if old.owner().id == credential.owner().id)
    }

    fn put_in_place(&self) -> Result<(), StoreError> {
        let (directory, draft, name) = (&self.rooms.credentials, self.draft(), self.name());
        renameat(&directory.fd, draft.as_str(), &directory.fd, name.as_str()).map_err(|source| {
            StoreError::System { file: directory.path.join(&name), action: "put in place", source }
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
        // The page of the old credential stays until the new credential is in place: whichever credential a kill
        // leaves, its page is there.
        self.write(ledger, place)?;
        sync_data(&self.file, &self.ledger_path())?;
        self.rooms.ledgers.sync()?;
        self.write_draft(credential)?;
        self.rooms.credentials.sync_file(&self.draft())?;
        self.put_in_place()?;
        self.rooms.credentials.sync()?;
        write_twin(&self.file, &self.ledger_path(), ledger, place)?;
        if !self.goes_on_as(credential) {
            // A reset of what was there is void from here on, whether its file goes or not.
            let _ = self.rooms.forget_reset(&self.component);
        }
        Ok(())
    }

    fn reset(&self) -> Result<Option<Reset>, StoreError> {
        self.rooms.reset(&self.component)
    }

    fn keep_reset(&self, reset: &Reset) -> Result<(), StoreError> {
        self.rooms.keep_reset(&self.component, reset)
    }

    fn forget_reset(&self) -> Result<bool, StoreError> {
        self.rooms.forget_reset(&self.component)
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
        first.rooms.ledgers.sync_everything()?;
        for (entry, credential, _) in &batch {
            entry.write_draft(credential)?;
        }
        first.rooms.credentials.sync_everything()?;
        batch.iter().try_for_each(|(entry, ..)| entry.put_in_place())?;
        first.rooms.credentials.sync()?;
        if first.rooms.has_resets()? {
            for (entry, ..) in batch.iter().filter(|(entry, new, _)| !entry.goes_on_as(new)) {
                let _ = entry.rooms.forget_reset(&entry.component);
            }
        }
        let mut twins = batch.iter().zip(places);
        twins.try_for_each(|((entry, _, ledger), place)| entry.write(ledger, place.other()))?;
        first.rooms.ledgers.sync_everything()
    }

    fn withdraw(self) -> Result<(), StoreError> {
        // First a page that says so: a credential that is missing then is no accident.
        let place = self.place()?;
        self.write(&Ledger::default(), place)?;
        sync_data(&self.file, &self.ledger_path())?;
        self.rooms.credentials.remove(&self.name())?;
        self.rooms.credentials.sync()?;
        self.rooms.ledgers.remove(&self.component)?;
        self.rooms.ledgers.sync()
    }
}
