//! The inventory of tokens as files: `tokens/SERIAL.toml`, below the state. The lock on the directory is the hold of the inventory.
//!
//! Drafts are written and synced before the first one gets its name. So a full disk stops an import before any token is stored, and a
//! killed import leaves only complete tokens. Every draft that is found under the lock was left by a command that was killed.

use crate::FilesStore;
use crate::error::FileError;
use crate::files_store::TOKENS;
use crate::generation::GenerationCopies;
use crate::trusted_file_changes::{EntryNames, make_directory};
use crate::trusted_files::{
    Access, DRAFT, Directory, LockMode, Locked, if_exists, lock_directory, read_opened,
};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use totp_core::store::{Inventory, LedgerKeys, StoreError, Tokens};
use totp_core::token::{Serial, Token};

impl Tokens for FilesStore {
    type Serials = Serials;
    type Inventory = FilesInventory;

    fn serials(&self) -> Result<Serials, StoreError> {
        let directory = self.tokens()?;
        let names = directory.map(|directory| directory.names()).transpose()?;
        Ok(Serials { names, directory: self.state().join(TOKENS) })
    }

    fn token(&self, serial: &Serial) -> Result<Option<Token>, StoreError> {
        let Some(directory) = self.tokens()? else { return Ok(None) };
        let name = name_of(serial);
        let path = directory.path.join(&name);
        let Some(fd) = directory.file(&name, OFlag::O_RDONLY)? else { return Ok(None) };
        let text = read_opened(&fd, &path, Access::RootOnly)?;
        Ok(Some(Token::parse(&path, text.expose(), serial)?))
    }

    fn name_of_token(&self, serial: &Serial) -> String {
        self.state().join(TOKENS).join(name_of(serial)).display().to_string()
    }

    fn hold_tokens(&self, patience: Duration) -> Result<Option<FilesInventory>, StoreError> {
        self.generation.check()?;
        self.hold_tokens_to_withdraw(patience)
    }

    fn hold_tokens_to_withdraw(&self, patience: Duration) -> Result<Option<FilesInventory>, StoreError> {
        let (state, generation) = (self.state().to_owned(), self.generation.clone());
        let keys = Arc::clone(self.keys());
        // Without the directory there is nothing to lock yet. Only one process can make it.
        let Some(to_lock) = self.tokens()? else {
            return Ok(Some(FilesInventory { state, generation, keys, patience, lock: None }));
        };
        let lock = lock_directory(to_lock, LockMode::Exclusive, Instant::now().checked_add(patience))?;
        Ok(lock.map(|lock| FilesInventory { state, generation, keys, patience, lock: Some(lock) }))
    }
}

impl FilesStore {
    fn tokens(&self) -> Result<Option<Directory>, FileError> {
        open(self.state())
    }
}

/// The directory; `None`: there never was a token.
fn open(state: &Path) -> Result<Option<Directory>, FileError> {
    let Some(state) = if_exists(Directory::open(state, Access::RootWrites))? else { return Ok(None) };
    if_exists(state.inner(TOKENS, Access::RootOnly))
}

fn name_of(serial: &Serial) -> String {
    format!("{serial}.toml")
}

fn draft_of(token: &Token) -> String {
    format!("{DRAFT}{}", token.serial())
}

/// The serial numbers of a listing. A foreign file is an error, and the iteration goes on after it.
pub struct Serials {
    /// `None`: there is no directory.
    names: Option<EntryNames>,
    directory: PathBuf,
}

impl Iterator for Serials {
    type Item = Result<Serial, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let name = match self.names.as_mut()?.next()? {
                Ok(name) if name.starts_with(DRAFT) => continue,
                Ok(name) => name,
                Err(error) => return Some(Err(error.into())),
            };
            let serial = name.strip_suffix(".toml").and_then(|serial| Serial::parse(serial).ok());
            let foreign = || FileError::Unsafe {
                file: self.directory.join(&name),
                problem: "is not the file of a token: move it away",
            };
            return Some(serial.ok_or_else(|| foreign().into()));
        }
    }
}

/// The inventory, held.
pub struct FilesInventory {
    state: PathBuf,
    generation: GenerationCopies,
    /// For the MAC of each document.
    keys: Arc<dyn LedgerKeys>,
    patience: Duration,
    /// `None`: there is no directory yet.
    lock: Option<Locked>,
}

impl FilesInventory {
    /// The directory, made and locked if there was none.
    fn directory(&mut self) -> Result<Directory, StoreError> {
        if self.lock.is_none() {
            make_directory(&self.state.join(TOKENS), Mode::S_IRWXU)?;
            let deadline = Instant::now().checked_add(self.patience);
            let made = open(&self.state)?.map(|made| lock_directory(made, LockMode::Exclusive, deadline));
            self.lock = made.transpose()?.flatten();
        }
        let busy = || StoreError::Busy {
            about: self.state.join(TOKENS).display().to_string(),
            problem: "another command is changing the tokens: try again".to_owned(),
        };
        if self.lock.is_none() {
            return Err(busy());
        }
        open(&self.state)?.ok_or_else(busy)
    }

    /// Writes a draft of each token, and syncs all of them. On an error there is no draft.
    fn draft(&self, directory: &Directory, tokens: &[Token]) -> Result<(), StoreError> {
        remove_drafts(directory);
        let mut written = Ok(());
        for token in tokens {
            written = token
                .to_document(&directory.path.join(name_of(token.serial())), &*self.keys)
                .and_then(|text| Ok(directory.write_new(&draft_of(token), text.as_bytes())?));
            if written.is_err() {
                break;
            }
        }
        let synced = written.and_then(|()| match tokens {
            [] => Ok(()),
            [token] => Ok(directory.sync_file(&draft_of(token))?),
            [_, _, ..] => Ok(directory.sync_everything()?),
        });
        if synced.is_err() {
            remove_drafts(directory);
        }
        synced
    }

    fn name_new(directory: &Directory, tokens: &[Token]) -> Result<(), FileError> {
        for token in tokens {
            let name = name_of(token.serial());
            if !directory.name(&draft_of(token), &name)? {
                let file = directory.path.join(name);
                return Err(FileError::Unsafe { file, problem: "exists: a token has one document" });
            }
        }
        directory.sync()
    }
}

/// Under the lock, every draft is of this command or of one that was killed. The first error is the one to report.
fn remove_drafts(directory: &Directory) {
    let Ok(names) = directory.names() else { return };
    for name in names.flatten().filter(|name| name.starts_with(DRAFT)) {
        let _ = directory.remove(&name);
    }
}

impl Inventory for FilesInventory {
    fn add(&mut self, tokens: &[Token]) -> Result<(), StoreError> {
        let directory = self.directory()?;
        for token in tokens {
            let name = name_of(token.serial());
            if directory.file(&name, OFlag::O_RDONLY)?.is_some() {
                let file = directory.path.join(name);
                return Err(FileError::Unsafe { file, problem: "exists: a token has one document" }.into());
            }
        }
        self.draft(&directory, tokens)?;
        if let Err(error) = Self::name_new(&directory, tokens) {
            for token in tokens {
                let _ = directory.remove(&name_of(token.serial()));
            }
            remove_drafts(&directory);
            return Err(error.into());
        }
        self.generation.move_on();
        Ok(())
    }

    fn replace(&mut self, tokens: &[Token]) -> Result<(), StoreError> {
        let directory = self.directory()?;
        self.draft(&directory, tokens)?;
        for token in tokens {
            directory.put_in_place(&draft_of(token), &name_of(token.serial()))?;
        }
        directory.sync()?;
        // A restored state could bring back a token that was revoked. Assignments are in the credentials, whose commit does this.
        if tokens.iter().any(|token| token.revoked_at().is_some()) {
            self.generation.move_on();
        }
        Ok(())
    }

    fn remove(&mut self, serials: &[Serial]) -> Result<(), StoreError> {
        let directory = self.directory()?;
        serials.iter().try_for_each(|serial| directory.remove(&name_of(serial)))?;
        directory.sync()?;
        self.generation.move_on();
        Ok(())
    }
}
