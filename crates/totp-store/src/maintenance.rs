//! Checks the directories of the store, and lists and removes the drafts that killed programs left in them.

use crate::FilesStore;
use crate::error::FileError;
use crate::files_store::{LEDGERS, STATE_DIRECTORIES, TOKENS};
use crate::generation::GENERATION;
use crate::trusted_files::{Access, DRAFT, Directory, if_exists};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::fstatat;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use totp_core::ledger::slots::LENGTH_V1;
use totp_core::store::{Maintenance, StorageProblem, StoreError};
use totp_core::time::Seconds;

impl Maintenance for FilesStore {
    fn check(&self, age: Seconds, now: u64) -> Vec<StorageProblem> {
        let unusable = match self.dirs() {
            Ok(dirs) => STATE_DIRECTORIES.iter().filter_map(|name| untrusted(&dirs.state, name)).collect(),
            Err(error) => vec![error],
        };
        let name = |entry: DirEntry| entry.path().display().to_string();
        let is_foreign = |entry: &DirEntry| {
            !STATE_DIRECTORIES.iter().chain([&GENERATION]).any(|known| entry.file_name() == *known)
        };
        let foreign = entries(self.state()).filter(is_foreign).map(name);
        let drafts = STATE_DIRECTORIES.iter().flat_map(|directory| entries(&self.state().join(directory)));
        let stale = drafts.filter(|entry| is_stale_draft(entry, age, now)).map(name);
        let unusable = unusable.into_iter().map(|error| StorageProblem::Unusable(error.into()));
        unusable
            .chain(foreign.map(StorageProblem::Foreign))
            .chain(stale.map(StorageProblem::StaleDraft))
            .chain(self.of_earlier_version())
            .chain(self.generation.problem())
            .collect()
    }

    fn is_restored(&self) -> Result<bool, StoreError> {
        self.generation.is_restored()
    }

    fn accept_restored(&self) -> Result<(), StoreError> {
        self.generation.accept_restored()
    }

    fn stale_drafts(&self, age: Seconds, now: u64) -> Result<Vec<String>, StoreError> {
        let mut left = Vec::new();
        let dirs = self.dirs()?;
        // `check` reports one that cannot be trusted. It keeps no enrolment from being pruned.
        let tokens = dirs.state.inner(TOKENS, Access::RootOnly).ok();
        for directory in [&dirs.credentials, &dirs.ledgers].into_iter().chain(&tokens) {
            drafts(directory, age, now, &mut left)?;
        }
        left.sort();
        Ok(left.iter().map(|file| file.display().to_string()).collect())
    }

    fn remove_stale_draft(&self, draft: &str) -> Result<(), StoreError> {
        let draft = Path::new(draft);
        let dirs = self.dirs()?;
        let name = draft.file_name().and_then(|name| name.to_str()).filter(|name| name.starts_with(DRAFT));
        let tokens = if_exists(dirs.state.inner(TOKENS, Access::RootOnly))?;
        let directory = [&dirs.credentials, &dirs.ledgers]
            .into_iter()
            .chain(&tokens)
            .find(|directory| draft.parent() == Some(directory.path.as_path()));
        match (directory, name) {
            (Some(directory), Some(name)) => Ok(directory.remove(name)?),
            (Some(_) | None, _) => {
                Err(FileError::Unsafe { file: draft.to_owned(), problem: "is not a draft" }.into())
            }
        }
    }
}

/// A directory that is missing is made when it is needed.
fn untrusted(state: &Directory, name: &str) -> Option<FileError> {
    if_exists(state.inner(name, Access::RootOnly)).err()
}

/// The entries of a directory, trusted or not; none if it cannot be read, which [`untrusted`] says.
impl FilesStore {
    /// A ledger of version 1 is known by its length.
    fn of_earlier_version(&self) -> Option<StorageProblem> {
        let is_earlier = |entry: &DirEntry| {
            let is_draft = entry.file_name().to_string_lossy().starts_with(DRAFT);
            !is_draft && entry.metadata().is_ok_and(|data| data.len() == LENGTH_V1 as u64)
        };
        let count = entries(&self.state().join(LEDGERS)).filter(is_earlier).count();
        (count > 0).then_some(StorageProblem::EarlierVersion(count))
    }
}

fn entries(directory: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    fs::read_dir(directory).into_iter().flatten().flatten()
}

fn is_stale_draft(entry: &DirEntry, age: Seconds, now: u64) -> bool {
    let is_draft = entry.file_name().to_string_lossy().starts_with(DRAFT);
    is_draft && entry.metadata().is_ok_and(|data| is_stale(data.mtime(), age, now))
}

fn is_stale(written: i64, age: Seconds, now: u64) -> bool {
    now.saturating_sub(u64::try_from(written).unwrap_or(0)) >= age.0
}

fn drafts(directory: &Directory, age: Seconds, now: u64, left: &mut Vec<PathBuf>) -> Result<(), FileError> {
    for name in directory.names()? {
        let name = name?;
        if !name.starts_with(DRAFT) {
            continue;
        }
        let path = directory.path.join(&name);
        let found = match fstatat(&directory.fd, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            // Renamed into place meanwhile.
            Err(Errno::ENOENT) => continue,
            Err(source) => {
                return Err(FileError::System { file: path, action: "look at", source });
            }
        };
        if is_stale(found.st_mtime, age, now) {
            left.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_wrong_with_the_directories_is_found() {
        let fixture = Fixture::new();
        let check = |age| fixture.store.check(Seconds(age), u64::MAX);
        let name = |file: &str| fixture.file(file).display().to_string();
        assert_eq!(check(0), []);
        fs::create_dir(fixture.file("backup")).unwrap();
        fs::create_dir(fixture.file("spool")).unwrap();
        fs::set_permissions(fixture.file("spool"), fs::Permissions::from_mode(0o755)).unwrap();
        for draft in ["credentials/.new.alice", "spool/.new.x"] {
            fs::write(fixture.file(draft), b"half").unwrap();
        }
        let found = check(0);
        let [StorageProblem::Unusable(error), rest @ ..] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(error.about(), name("spool"));
        assert_eq!(
            rest,
            [
                StorageProblem::Foreign(name("backup")),
                StorageProblem::StaleDraft(name("credentials/.new.alice")),
                StorageProblem::StaleDraft(name("spool/.new.x")),
            ]
        );
        assert_eq!(check(u64::MAX).len(), 2, "young drafts may belong to a running command");
        fs::set_permissions(fixture.file("ledgers"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(
            matches!(check(u64::MAX).as_slice(), [StorageProblem::Unusable(error), StorageProblem::Foreign(_)] if error.about() == name("ledgers"))
        );
    }

    #[test]
    fn drafts_are_listed_beside_an_inventory_that_cannot_be_trusted() {
        let fixture = Fixture::new();
        fs::create_dir(fixture.file("tokens")).unwrap();
        for draft in ["credentials/.new.alice", "tokens/.new.F1"] {
            fs::write(fixture.file(draft), b"half").unwrap();
        }
        let listed = || fixture.store.stale_drafts(Seconds(0), u64::MAX).unwrap();
        fs::set_permissions(fixture.file("tokens"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(listed(), ["credentials/.new.alice", "tokens/.new.F1"].map(|name| fixture.file(name)));
        fs::set_permissions(fixture.file("tokens"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(listed(), [fixture.file("credentials/.new.alice")]);
    }

    #[test]
    fn old_drafts_are_listed_and_removed_and_nothing_else_is() {
        let mut fixture = Fixture::new();
        fixture.enrol(crate::fixture::PHONE);
        for name in ["credentials/.new.alice", "credentials/.new.%.alice", "ledgers/.new.7.alice"] {
            fs::write(fixture.file(name), b"half").unwrap();
        }
        let now = fs::metadata(fixture.file("ledgers/.new.7.alice")).unwrap();
        let now = u64::try_from(std::os::unix::fs::MetadataExt::mtime(&now)).unwrap();
        let day = Seconds(86400);
        assert_eq!(fixture.store.stale_drafts(day, now + 86_000).unwrap(), Vec::<PathBuf>::new());
        let left = fixture.store.stale_drafts(day, now + 86_400).unwrap();
        assert_eq!(
            left,
            ["credentials/.new.%.alice", "credentials/.new.alice", "ledgers/.new.7.alice"]
                .map(|name| fixture.file(name))
        );
        for draft in &left {
            fixture.store.remove_stale_draft(draft).unwrap();
            assert!(!Path::new(draft).exists());
        }
        assert_eq!(fixture.store.stale_drafts(day, now + 86_400).unwrap(), Vec::<PathBuf>::new());
        for other in ["credentials/alice.toml", "ledgers/alice", "keyring/.new.x", ".new.alice"] {
            assert!(
                fixture.store.remove_stale_draft(fixture.file(other).to_str().unwrap()).is_err(),
                "{other}"
            );
        }
        assert!(fixture.file("credentials/alice.toml").exists() && fixture.file("ledgers/alice").exists());
    }
}
