//! Credentials replaced by others that say the same, sealed anew. They are drafted and synced while nobody waits, and put in
//! place one by one, each held for the moment of its rename and only where nobody changed it since: a login never meets a
//! lock that waits for the disk, and no change by a desk is undone.

use super::StoreError;
use super::files::{CredentialText, DRAFT, Files, Rooms, broken};
use super::lock::{Lock, lock};
use crate::credential::Credential;
use crate::secret::Secret;
use crate::user::User;
use nix::fcntl::{OFlag, renameat};
use std::time::{Duration, Instant};

/// What a draft of ours is called before the user's component, which never starts like that: a desk that changes the same
/// user meanwhile has a draft of its own.
const OURS: &str = ".new.%.";

/// Credentials on their way. One at a time: whoever rotates has the turn to ([`Files::turn_to_rotate`]).
pub struct Rewriting {
    rooms: Rooms,
    drafted: Vec<Found>,
}

/// A credential as it was found.
pub struct Found {
    user: User,
    text: Secret,
    /// What it says.
    pub credential: Credential,
}

/// What became of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    /// It is in place.
    InPlace,
    /// The credential is no longer what was found: look again.
    Changed,
    /// Somebody else held the user all the time.
    Busy,
}

impl Files {
    /// Begins; takes away what a rotation that was killed has left behind.
    ///
    /// # Errors
    /// [`StoreError`] where the directories cannot be trusted, read or cleaned.
    pub fn rewriting(&self) -> Result<Rewriting, StoreError> {
        let rooms = self.rooms()?;
        let (entries, path) = self.rooms()?.credentials.entries()?;
        for entry in entries {
            let entry =
                entry.map_err(|source| StoreError::System { file: path.clone(), action: "list", source })?;
            if let Some(left) = entry.file_name().to_str().ok().filter(|name| name.starts_with(OURS)) {
                rooms.credentials.remove(left)?;
            }
        }
        Ok(Rewriting { rooms, drafted: Vec::new() })
    }
}

impl Rewriting {
    /// The credential of `user` as it stands; `None`: not enrolled. Nobody is held.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read or trusted.
    pub fn find(&self, user: &User) -> Result<Option<Found>, StoreError> {
        let Some(CredentialText { path, text, .. }) = self.rooms.credential_text(&user.component())? else {
            return Ok(None);
        };
        let credential = Credential::parse(&path, text.expose(), user)?;
        Ok(Some(Found { user: user.clone(), text, credential }))
    }

    /// Writes what is to replace `found`, beside it.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written, as on a full disk; then nothing of it is left.
    pub fn draft(&mut self, found: Found, credential: &Credential) -> Result<(), StoreError> {
        let directory = &self.rooms.credentials;
        let draft = draft_of(&found.user);
        let text = credential.to_document(&directory.path.join(&draft))?;
        directory.write_new(&draft, text.as_bytes())?;
        self.drafted.push(found);
        Ok(())
    }

    /// How many drafts wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.drafted.len()
    }

    /// Puts the drafts in place, each held at most for `patience`, and tells what became of each. When it returns, what is
    /// in place outlasts a crash.
    ///
    /// # Errors
    /// [`StoreError`] where a sync fails; some are then in place and some are not.
    pub fn put_in_place(
        &mut self,
        patience: Duration,
        mut tell: impl FnMut(User, Result<Rewritten, StoreError>),
    ) -> Result<(), StoreError> {
        if self.drafted.is_empty() {
            return Ok(());
        }
        self.rooms.credentials.sync_everything()?;
        while let Some(found) = self.drafted.pop() {
            let rewritten = self.put_one_in_place(&found, patience);
            if !matches!(rewritten, Ok(Rewritten::InPlace)) {
                self.rooms.credentials.remove(&draft_of(&found.user))?;
            }
            tell(found.user, rewritten);
        }
        self.rooms.credentials.sync()
    }

    /// Takes the drafts that still wait away, and says whose they were.
    #[must_use]
    pub fn give_up(self) -> Vec<User> {
        self.drafted.iter().map(|found| found.user.clone()).collect()
    }

    fn put_one_in_place(&self, found: &Found, patience: Duration) -> Result<Rewritten, StoreError> {
        let Rooms { credentials, ledgers, .. } = &self.rooms;
        let component = found.user.component();
        let path = ledgers.path.join(&component);
        let Some(fd) = ledgers.file(&component, OFlag::O_RDWR)? else {
            return match self.rooms.credential_text(&component)? {
                Some(_) => Err(broken(&path, "is missing though the user is enrolled")),
                None => Ok(Rewritten::Changed),
            };
        };
        let held = match lock(fd, &path, Instant::now().checked_add(patience))? {
            Lock::Locked(held) => held,
            Lock::Gone => return Ok(Rewritten::Changed),
            Lock::Busy => return Ok(Rewritten::Busy),
        };
        let Some(now) = self.rooms.credential_text(&component)? else { return Ok(Rewritten::Changed) };
        if now.text.expose() != found.text.expose() {
            return Ok(Rewritten::Changed);
        }
        let (draft, name) = (draft_of(&found.user), format!("{component}.toml"));
        let renamed = renameat(&credentials.fd, draft.as_str(), &credentials.fd, name.as_str());
        drop(held);
        // Only now the last of the old file goes, which may take a disk milliseconds (discard).
        drop(now);
        renamed.map(|()| Rewritten::InPlace).map_err(|source| StoreError::System {
            file: credentials.path.join(&name),
            action: "put in place",
            source,
        })
    }
}

impl Drop for Rewriting {
    fn drop(&mut self) {
        for found in &self.drafted {
            // The next rotation tries again.
            let _ = self.rooms.credentials.remove(&draft_of(&found.user));
        }
    }
}

fn draft_of(user: &User) -> String {
    debug_assert!(OURS.starts_with(DRAFT), "a listing leaves drafts out");
    format!("{OURS}{}", user.component())
}
