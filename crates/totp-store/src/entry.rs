//! A command's use of the files: it holds a user, enrolled or not, and changes the credential, the ledger and the reset.

use crate::FilesStore;
use crate::error::FileError;
use crate::files_store::{
    CANCELLED, LaterVersion, LedgerFile, RESETS, StateDirs, read_ledger, read_whole, unusable,
};
use crate::trusted_file_changes::make_directory;
use crate::trusted_files::{Access, DRAFT, if_exists};
use crate::trusted_files::{Lock, Locked, lock};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::time::{Duration, Instant};
use totp_core::DocumentError;
use totp_core::account_recovery::{Cancellation, Reset};
use totp_core::credential::Credential;
use totp_core::keyring::LedgerKey;
use totp_core::ledger::Ledger;
use totp_core::ledger::slot::LedgerError;
use totp_core::ledger::slots::{self, NextSlot, OpenLedgerError, Slots};
use totp_core::store::{Entries, Entry, StoreError};
use totp_core::user::User;

impl Entries for FilesStore {
    type Entry = FileEntry;

    fn entry(&self, user: &User, patience: Duration) -> Result<Option<FileEntry>, StoreError> {
        self.entry_with(user, patience, LaterVersion::Refuse)
    }

    fn entry_to_withdraw(&self, user: &User, patience: Duration) -> Result<Option<FileEntry>, StoreError> {
        self.entry_with(user, patience, LaterVersion::TreatAsDamaged)
    }
}

impl FilesStore {
    fn entry_with(
        &self,
        user: &User,
        patience: Duration,
        later: LaterVersion,
    ) -> Result<Option<FileEntry>, StoreError> {
        let dirs = self.dirs()?;
        if later == LaterVersion::Refuse {
            self.generation.check()?;
        }
        let component = user.component();
        let deadline = Instant::now().checked_add(patience);
        loop {
            let Some(fd) = dirs.ledgers.file(&component, OFlag::O_RDWR)? else {
                dirs.create_ledger(&component)?;
                continue;
            };
            match lock(fd, &dirs.ledgers.path.join(&component), deadline)? {
                Lock::Locked(file) => return self.opened(dirs, user, (component, later), file).map(Some),
                Lock::Gone => {}
                Lock::Busy => return Ok(None),
            }
        }
    }

    fn opened(
        &self,
        dirs: StateDirs,
        user: &User,
        (component, later): (String, LaterVersion),
        file: Locked,
    ) -> Result<FileEntry, StoreError> {
        let credential = readable(dirs.credential(user, &component))?;
        let path = dirs.ledgers.path.join(&component);
        let bytes = read_ledger(&file, &path, later)?;
        let slots = Slots::of(&bytes);
        let found = match &credential {
            Some(Ok(credential)) => match slots.newest_of(credential, &**self.keys()) {
                Ok(found) => found,
                Err(OpenLedgerError::Ledger(LedgerError::MissingKey(_) | LedgerError::Edited)) => None,
                Err(error) if later == LaterVersion::Refuse => return Err(unusable(&path, error)),
                Err(_) => None,
            },
            Some(Err(_)) | None => None,
        };
        // After the ledger was verified: that reads the keyring anew where keys were rotated since.
        let key = match (self.keys().active_ledger_key(), later) {
            (Ok(key), _) => Some(key),
            // What is to be withdrawn is not read, and the ledger of nobody is written without a key.
            (Err(_), LaterVersion::TreatAsDamaged) => None,
            (Err(error), LaterVersion::Refuse) => return Err(error),
        };
        let file = LedgerFile { file, path, user: user.clone() };
        let store = self.clone();
        Ok(FileEntry { store, dirs, component, later, file, key, credential, found })
    }
}

/// A user held by a command; dropping it unlocks the ledger.
pub struct FileEntry {
    pub(crate) store: FilesStore,
    pub(crate) dirs: StateDirs,
    pub(crate) component: String,
    pub(crate) later: LaterVersion,
    pub(crate) file: LedgerFile,
    /// The key of the ledger's MAC; `None`: there is no keyring, so only a ledger of nobody can be written.
    pub(crate) key: Option<LedgerKey>,
    pub(crate) credential: Option<Result<Credential, DocumentError>>,
    pub(crate) found: Option<(Ledger, NextSlot)>,
}

impl FileEntry {
    pub(crate) fn write(&self, ledger: &Ledger, slot: NextSlot) -> Result<(), FileError> {
        self.file.write(ledger, slot, self.key.as_ref())
    }

    fn write_twin(&self, ledger: &Ledger, slot: NextSlot) -> Result<(), FileError> {
        self.file.write_twin(ledger, slot, self.key.as_ref())
    }

    fn draft(&self) -> String {
        format!("{DRAFT}{}", self.component)
    }

    fn name(&self) -> String {
        format!("{}.toml", self.component)
    }

    /// If a slot is of a later version, the other one. Whatever stops the write, the slot of the later version still refuses logins.
    fn slot_beside_later_version(&self) -> Result<Option<NextSlot>, FileError> {
        if self.later == LaterVersion::Refuse {
            return Ok(None);
        }
        let bytes = read_whole(&self.file.file, &self.file.path)?;
        Ok(Slots::of(&bytes).beside_newer())
    }

    /// The slot to write: not the one in use. A damaged ledger has none in use.
    pub(crate) fn next_slot(&self) -> Result<NextSlot, FileError> {
        if let Some(slot) = self.slot_beside_later_version()? {
            return Ok(slot);
        }
        if let Some((_, slot)) = self.found {
            return Ok(slot);
        }
        // Nobody is enrolled, or the ledger is damaged: keep a slot that says "nobody", if there is one.
        let bytes = read_ledger(&self.file.file, &self.file.path, self.later)?;
        Ok(Slots::of(&bytes).beside_other())
    }

    fn write_draft(&self, credential: &Credential) -> Result<(), FileError> {
        let directory = &self.dirs.credentials;
        let text = credential.to_document(&directory.path.join(self.name()))?;
        directory.write_new(&self.draft(), text.as_bytes())
    }

    /// Whether `credential` continues the stored enrolment, with a change.
    fn continues_as(&self, credential: &Credential) -> bool {
        matches!(&self.credential, Some(Ok(old)) if old.owner().id == credential.owner().id)
    }

    fn put_in_place(&self) -> Result<(), FileError> {
        self.dirs.credentials.put_in_place(&self.draft(), &self.name())
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
        let slot = self.next_slot()?;
        // The old credential keeps its slot until the new credential is renamed into place: whichever of the two a kill leaves, its
        // slot is there.
        self.write(ledger, slot)?;
        self.file.sync()?;
        self.dirs.ledgers.sync()?;
        self.write_draft(credential)?;
        self.dirs.credentials.sync_file(&self.draft())?;
        self.put_in_place()?;
        self.dirs.credentials.sync()?;
        self.write_twin(ledger, slot)?;
        if !self.continues_as(credential) {
            // A reset of the old enrolment is void from here on, even if its file cannot be removed.
            let _ = self.dirs.forget_reset(&self.component);
        }
        self.store.generation.move_on();
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
        let slot = self.next_slot()?;
        self.write(ledger, slot)?;
        self.file.sync()?;
        self.write_twin(ledger, slot)?;
        self.found = Some((ledger.clone(), slot.other().other()));
        Ok(())
    }

    fn record(mut self, ledger: &Ledger) -> Result<(), StoreError> {
        self.note(ledger)
    }

    fn commit_all(batch: Vec<(Self, Credential, Ledger)>) -> Result<(), StoreError> {
        // The steps of `commit`, each for all entries before the next step, so that each step syncs once.
        let Some((first, ..)) = batch.first() else { return Ok(()) };
        let next_slots = batch.iter().map(|(entry, ..)| entry.next_slot()).collect::<Result<Vec<_>, _>>()?;
        for ((entry, _, ledger), slot) in batch.iter().zip(&next_slots) {
            entry.write(ledger, *slot)?;
        }
        first.dirs.ledgers.sync_everything()?;
        for (entry, credential, _) in &batch {
            entry.write_draft(credential)?;
        }
        first.dirs.credentials.sync_everything()?;
        batch.iter().try_for_each(|(entry, ..)| entry.put_in_place())?;
        first.dirs.credentials.sync()?;
        if first.dirs.has_resets()? {
            for (entry, ..) in batch.iter().filter(|(entry, new, _)| !entry.continues_as(new)) {
                let _ = entry.dirs.forget_reset(&entry.component);
            }
        }
        let mut twins = batch.iter().zip(next_slots);
        twins.try_for_each(|((entry, _, ledger), slot)| entry.write(ledger, slot.other()))?;
        first.dirs.ledgers.sync_everything()?;
        first.store.generation.move_on();
        Ok(())
    }

    fn withdraw(self) -> Result<(), StoreError> {
        // First a slot that says "nobody": the missing credential is then not taken for a loss.
        let slot = self.next_slot()?;
        self.write(&Ledger::default(), slot)?;
        self.file.sync()?;
        self.dirs.credentials.remove(&self.name())?;
        self.dirs.credentials.sync()?;
        self.dirs.ledgers.remove(&self.component)?;
        Ok(self.dirs.ledgers.sync()?)
    }
}

impl StateDirs {
    /// Creates an empty ledger, completely or not at all; one that exists meanwhile stays.
    fn create_ledger(&self, component: &str) -> Result<(), FileError> {
        let directory = &self.ledgers;
        // With the process id: two commands may create the same ledger at once.
        let draft = format!("{DRAFT}{}.{component}", std::process::id());
        directory.write_new(&draft, &slots::blank())?;
        directory.name(&draft, component).map(drop)
    }

    fn keep_reset(&self, component: &str, reset: &Reset) -> Result<(), FileError> {
        make_directory(&self.state.path.join(RESETS), Mode::S_IRWXU)?;
        let directory = self.state.inner(RESETS, Access::RootOnly)?;
        let (name, draft) = (format!("{component}.toml"), format!("{DRAFT}{component}"));
        let text = reset.to_document(&directory.path.join(&name))?;
        directory.write_new(&draft, text.as_bytes())?;
        let kept = directory.sync_file(&draft).and_then(|()| directory.put_in_place(&draft, &name));
        if kept.is_err() {
            // The first error is the one to report.
            let _ = directory.remove(&draft);
        }
        kept?;
        directory.sync()
    }

    /// Leaves the mark by which the reset is called off. Nobody is held: the draft has the number of this process.
    pub(crate) fn call_off(&self, component: &str, cancellation: Cancellation) -> Result<(), FileError> {
        make_directory(&self.state.path.join(CANCELLED), Mode::S_IRWXU)?;
        let directory = self.state.inner(CANCELLED, Access::RootOnly)?;
        let draft = format!("{DRAFT}{}.{component}", std::process::id());
        directory.write_new(&draft, cancellation.to_text().as_bytes())?;
        directory.sync_file(&draft)?;
        directory.put_in_place(&draft, component)?;
        directory.sync()
    }

    fn forget_reset(&self, component: &str) -> Result<bool, FileError> {
        let Some(directory) = self.resets()? else { return Ok(false) };
        let name = format!("{component}.toml");
        // Without a check of owner and mode: a file that is removed does no harm.
        let was_there = std::fs::symlink_metadata(directory.path.join(&name)).is_ok();
        directory.remove(&name)?;
        directory.sync()?;
        if let Some(cancelled) = if_exists(self.state.inner(CANCELLED, Access::RootOnly))? {
            // Of the reset that is gone; one that stays is of no other.
            let _ = cancelled.remove(component);
        }
        Ok(was_there)
    }

    fn has_resets(&self) -> Result<bool, FileError> {
        Ok(self.resets()?.is_some())
    }
}

/// Hands on the error of an unreadable credential as a value, because it may be replaced or withdrawn. Other errors stay errors.
fn readable(
    credential: Result<Option<Credential>, FileError>,
) -> Result<Option<Result<Credential, DocumentError>>, FileError> {
    match credential {
        Ok(credential) => Ok(credential.map(Ok)),
        Err(FileError::Document(error)) => Ok(Some(Err(error))),
        Err(error @ (FileError::System { .. } | FileError::Unsafe { .. } | FileError::Busy { .. })) => {
            Err(error)
        }
    }
}
