//! Lists and removes the drafts that killed programs left among credentials and ledgers.

use crate::FilesStore;
use crate::access::system;
use crate::directory::Directory;
use crate::error::FileError;
use crate::state_dirs::DRAFT;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::fstatat;
use std::path::{Path, PathBuf};
use totp_core::store::{StaleDrafts, StoreError};
use totp_core::time::Seconds;

impl StaleDrafts for FilesStore {
    fn stale_drafts(&self, age: Seconds, now: u64) -> Result<Vec<String>, StoreError> {
        let mut left = Vec::new();
        for directory in [self.dirs()?.credentials, self.dirs()?.ledgers] {
            drafts(directory, age, now, &mut left)?;
        }
        left.sort();
        Ok(left.iter().map(|file| file.display().to_string()).collect())
    }

    fn remove_stale_draft(&self, draft: &str) -> Result<(), StoreError> {
        let draft = Path::new(draft);
        let dirs = self.dirs()?;
        let name = draft.file_name().and_then(|name| name.to_str()).filter(|name| name.starts_with(DRAFT));
        let directory = [&dirs.credentials, &dirs.ledgers]
            .into_iter()
            .find(|directory| draft.parent() == Some(directory.path.as_path()));
        match (directory, name) {
            (Some(directory), Some(name)) => Ok(directory.remove(name)?),
            (Some(_) | None, _) => {
                Err(FileError::Unsafe { file: draft.to_owned(), problem: "is not a draft" }.into())
            }
        }
    }
}

fn drafts(directory: Directory, age: Seconds, now: u64, left: &mut Vec<PathBuf>) -> Result<(), FileError> {
    let fd = directory.fd.try_clone().map_err(|error| system(&directory.path, "list", &error))?;
    let (entries, path) = directory.entries()?;
    for entry in entries {
        let entry =
            entry.map_err(|source| FileError::System { file: path.clone(), action: "list", source })?;
        let Some(name) = entry.file_name().to_str().ok().filter(|name| name.starts_with(DRAFT)) else {
            continue;
        };
        let found = match fstatat(&fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            // Renamed into place meanwhile.
            Err(Errno::ENOENT) => continue,
            Err(source) => {
                return Err(FileError::System { file: path.join(name), action: "look at", source });
            }
        };
        let written = u64::try_from(found.st_mtime).unwrap_or(0);
        if now.saturating_sub(written) >= age.0 {
            left.push(path.join(name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use std::fs;

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
