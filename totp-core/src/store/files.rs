//! The store as files on one machine: `credentials/NAME.toml` and `ledgers/NAME` under one directory.
//!
//! A lock on the ledger's file is a lock on the user. The file is never replaced by another (a lock on a file that is
//! renamed over excludes nobody); it is created whole under another name and linked into place, and removed only while
//! locked, which whoever waits for it notices.

use super::guard::{Directory, Guard, Room, make_directory, read_opened, system};
use super::layout::{CREDENTIALS, LEDGERS};
use super::lock::{Lock, Locked, lock};
use super::{Durability, Entry, Held, Hold, Store, StoreError};
use crate::credential::Credential;
use crate::document::DocumentError;
use crate::in_place::InPlace;
use crate::ledger::Ledger;
use crate::page::{self, PAGE};
use crate::pages::{self, LENGTH, Pages, Place};
use crate::reset::Reset;
use crate::secret::Secret;
use crate::user::User;
use nix::errno::Errno;
use nix::fcntl::{OFlag, renameat};
use nix::sys::stat::Mode;
use nix::unistd::fdatasync;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The store under one directory, `paths.state` of the config.
#[derive(Debug, Clone)]
pub struct Files {
    state: PathBuf,
}

impl Files {
    /// Nothing is opened or made yet.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// Makes the directories that are missing, each 0700, to last through a crash.
    ///
    /// # Errors
    /// [`StoreError`] names the directory that could not be made or is not as it must be.
    pub fn prepare(&self) -> Result<(), StoreError> {
        for path in [&self.state, &self.state.join(CREDENTIALS), &self.state.join(LEDGERS)] {
            make_directory(path, Mode::S_IRWXU)?;
        }
        self.rooms().map(drop)
    }

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

    /// The users who have a credential, sorted by name.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be read, or holds a file that is none of ours.
    pub fn users(&self) -> Result<Vec<User>, StoreError> {
        let mut users = self.enrolled()?.collect::<Result<Vec<_>, _>>()?;
        users.sort();
        Ok(users)
    }

    /// A user's credential as it stands, read without holding anybody; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read or trusted.
    pub fn credential(&self, user: &User) -> Result<Option<Credential>, StoreError> {
        self.rooms()?.credential(user, &user.component())
    }

    /// Makes the credentials that are in place, whoever put them there, outlast a crash.
    ///
    /// # Errors
    /// [`StoreError`] where the sync fails.
    pub fn sync_credentials(&self) -> Result<(), StoreError> {
        self.rooms()?.credentials.sync()
    }

    /// What is in place for a user now; a later change is permitted over that alone.
    ///
    /// # Errors
    /// [`StoreError`] where the files cannot be trusted.
    pub fn in_place(&self, user: &User) -> Result<InPlace, StoreError> {
        readable(self.credential(user)).map(InPlace::of)
    }

    /// Where a user's credential lies, for messages about it.
    #[must_use]
    pub fn credential_file(&self, user: &User) -> PathBuf {
        self.state.join(CREDENTIALS).join(format!("{}.toml", user.component()))
    }

    /// Where a user's ledger lies, for messages about it.
    #[must_use]
    pub fn ledger_file(&self, user: &User) -> PathBuf {
        self.state.join(LEDGERS).join(user.component())
    }

    /// Whether a directory of [`super::layout::ROOMS`] can be used; one that was not needed yet is missing, which is no error here.
    ///
    /// # Errors
    /// [`StoreError`] where owner or mode is not as it must be.
    pub fn check_room(&self, name: &str) -> Result<(), StoreError> {
        match self.rooms()?.state.inner(name, Room::Private) {
            Ok(_) | Err(StoreError::System { source: Errno::ENOENT, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    pub(super) fn rooms(&self) -> Result<Rooms, StoreError> {
        let state = Directory::open(&self.state, Room::Place)?;
        Ok(Rooms {
            credentials: state.inner(CREDENTIALS, Room::Private)?,
            ledgers: state.inner(LEDGERS, Room::Private)?,
            state,
        })
    }
}

impl Store for Files {
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

/// A user's place in the store while the desk holds it.
pub struct FileEntry {
    rooms: Rooms,
    component: String,
    newer: Newer,
    file: Locked,
    credential: Option<Result<Credential, DocumentError>>,
    found: Option<(Ledger, Place)>,
}

impl FileEntry {
    fn ledger_path(&self) -> PathBuf {
        self.rooms.ledgers.path.join(&self.component)
    }

    fn write(&self, ledger: &Ledger, place: Place) -> Result<(), StoreError> {
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
    fn place(&self) -> Result<Place, StoreError> {
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

/// What a file is called while it is written; no component starts with a dot.
pub(super) const DRAFT: &str = ".new.";

pub(super) struct Rooms {
    pub(super) state: Directory,
    pub(super) credentials: Directory,
    pub(super) ledgers: Directory,
}

impl Rooms {
    fn credential(&self, user: &User, component: &str) -> Result<Option<Credential>, StoreError> {
        let Some(CredentialText { path, text, .. }) = self.credential_text(component)? else {
            return Ok(None);
        };
        Ok(Some(Credential::parse(&path, text.expose(), user)?))
    }

    pub(super) fn credential_text(&self, component: &str) -> Result<Option<CredentialText>, StoreError> {
        let name = format!("{component}.toml");
        let path = self.credentials.path.join(&name);
        let Some(fd) = self.credentials.file(&name, OFlag::O_RDONLY)? else { return Ok(None) };
        let text = read_opened(&fd, &path, Guard::Secret)?;
        Ok(Some(CredentialText { path, text, _fd: fd }))
    }

    /// Makes a ledger in which nobody is enrolled; whole, or not at all. Somebody else may have been quicker.
    fn create_ledger(&self, component: &str) -> Result<(), StoreError> {
        let directory = &self.ledgers;
        // Named after the process: two desks may create the same user's ledger at once.
        let draft = format!("{DRAFT}{}.{component}", std::process::id());
        directory.write_new(&draft, &pages::blank())?;
        directory.name(&draft, component).map(drop)
    }
}

/// A credential as it was read, and its file, which stays open.
pub(super) struct CredentialText {
    pub(super) path: PathBuf,
    pub(super) text: Secret,
    _fd: OwnedFd,
}

/// Parts what cannot be read from what cannot be trusted: the first may be replaced or withdrawn.
fn readable(
    credential: Result<Option<Credential>, StoreError>,
) -> Result<Option<Result<Credential, DocumentError>>, StoreError> {
    match credential {
        Ok(credential) => Ok(credential.map(Ok)),
        Err(StoreError::Document(error)) => Ok(Some(Err(error))),
        Err(error @ (StoreError::System { .. } | StoreError::Unsafe { .. })) => Err(error),
    }
}

/// What a page of a later version is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Newer {
    /// It knows of codes that were used, which nobody here can read.
    Refused,
    /// No page of the ledger is used, and the page stays until the ledger goes.
    Broken,
}

fn read_ledger(file: &File, path: &Path, newer: Newer) -> Result<Vec<u8>, StoreError> {
    let bytes = read_whole(file, path)?;
    match (Pages::of(&bytes).newer(), newer) {
        (None, _) => Ok(bytes),
        (Some(_), Newer::Broken) => Ok(Vec::new()),
        (Some(version), Newer::Refused) => Err(too_new(path, version)),
    }
}

/// The bytes of a ledger's file, as [`Pages`] takes them; none of them where a page is of a later version.
fn read_file(file: &File, path: &Path) -> Result<Vec<u8>, StoreError> {
    read_ledger(file, path, Newer::Refused)
}

fn too_new(path: &Path, newer: u32) -> StoreError {
    let known = page::version();
    let problem = format!(
        "version {newer} is newer than this program reads ({known}): upgrade it; a repair would forget which codes were used; \
         where no later version ever ran here it is damaged: \"totp-enroll reset\" or \"totp-enroll disable USER\" help"
    );
    StoreError::Document(DocumentError::new(path, problem))
}

fn read_whole(file: &File, path: &Path) -> Result<Vec<u8>, StoreError> {
    // One byte more, so that a file that is too long is seen.
    let mut bytes = vec![0; LENGTH + 1];
    let mut filled = 0;
    // Nothing came for that one: the file has ended, and no further call need say so.
    while let Some(free @ [_, _, ..]) = bytes.get_mut(filled..) {
        match file.read_at(free, filled as u64) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(system(path, "read", &error)),
        }
    }
    Ok(match filled {
        // A crash came between the making of the file and its first sync, and no credential is put in place before
        // that: nobody was enrolled by it.
        0 => pages::blank(),
        LENGTH => bytes,
        // No page of it checks; the caller knows what that means.
        _ => Vec::new(),
    })
}

fn write_page(file: &File, path: &Path, ledger: &Ledger, place: Place) -> Result<(), StoreError> {
    let offset = place.spare.saturating_mul(PAGE) as u64;
    let page = page::encode(ledger, place.sequence);
    file.write_all_at(&page, offset).map_err(|error| system(path, "write", &error))
}

/// Writes and syncs the other page too, after the one at `place` is safe: two logins later both are written over, and a
/// block torn by a crash then must not leave a page from before.
fn write_twin(file: &File, path: &Path, ledger: &Ledger, place: Place) -> Result<(), StoreError> {
    write_page(file, path, ledger, place.other())?;
    sync_data(file, path)
}

fn sync_data(file: &File, path: &Path) -> Result<(), StoreError> {
    fdatasync(file).map_err(|source| StoreError::System { file: path.to_owned(), action: "sync", source })
}

pub(super) fn broken(path: &Path, what: &str) -> StoreError {
    let problem =
        format!("{what}; \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes");
    StoreError::Document(DocumentError::new(path, problem))
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
