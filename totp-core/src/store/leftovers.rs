//! What a program that was killed has left behind: drafts that nobody will put in place.

use super::StoreError;
use super::directory::Directory;
use super::files::{DRAFT, Files};
use crate::time::Seconds;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::fstatat;
use std::path::{Path, PathBuf};

impl Files {
    /// The drafts among credentials and ledgers that nobody has written to for `age`; `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError`] where the directories cannot be trusted or read.
    pub fn leftovers(&self, age: Seconds, now: u64) -> Result<Vec<PathBuf>, StoreError> {
        let mut left = Vec::new();
        for directory in [self.rooms()?.credentials, self.rooms()?.ledgers] {
            drafts(directory, age, now, &mut left)?;
        }
        left.sort();
        Ok(left)
    }

    /// Removes a draft that [`Files::leftovers`] has named.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be removed, or is none.
    pub fn remove_leftover(&self, draft: &Path) -> Result<(), StoreError> {
        let rooms = self.rooms()?;
        let name = draft.file_name().and_then(|name| name.to_str()).filter(|name| name.starts_with(DRAFT));
        let directory = [&rooms.credentials, &rooms.ledgers]
            .into_iter()
            .find(|directory| draft.parent() == Some(directory.path.as_path()));
        match (directory, name) {
            (Some(directory), Some(name)) => directory.remove(name),
            (Some(_) | None, _) => Err(StoreError::Unsafe { file: draft.to_owned(), problem: "is no draft" }),
        }
    }
}

fn drafts(directory: Directory, age: Seconds, now: u64, left: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    let fd =
        directory.fd.try_clone().map_err(|error| super::guard::system(&directory.path, "list", &error))?;
    let (entries, path) = directory.entries()?;
    for entry in entries {
        let entry =
            entry.map_err(|source| StoreError::System { file: path.clone(), action: "list", source })?;
        let Some(name) = entry.file_name().to_str().ok().filter(|name| name.starts_with(DRAFT)) else {
            continue;
        };
        let found = match fstatat(&fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            // Put in place meanwhile.
            Err(Errno::ENOENT) => continue,
            Err(source) => {
                return Err(StoreError::System { file: path.join(name), action: "look at", source });
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
    use crate::scene::Scene;
    use std::fs;

    #[test]
    fn drafts_that_are_old_enough_are_left_over_and_nothing_else_is() {
        let mut scene = Scene::new();
        scene.enrol(crate::scene::PHONE);
        for name in ["credentials/.new.alice", "credentials/.new.%.alice", "ledgers/.new.7.alice"] {
            fs::write(scene.file(name), b"half").unwrap();
        }
        let now = fs::metadata(scene.file("ledgers/.new.7.alice")).unwrap();
        let now = u64::try_from(std::os::unix::fs::MetadataExt::mtime(&now)).unwrap();
        let day = Seconds(86400);
        assert_eq!(scene.files.leftovers(day, now + 86_000).unwrap(), Vec::<PathBuf>::new());
        let left = scene.files.leftovers(day, now + 86_400).unwrap();
        assert_eq!(
            left,
            ["credentials/.new.%.alice", "credentials/.new.alice", "ledgers/.new.7.alice"]
                .map(|name| scene.file(name))
        );
        for draft in &left {
            scene.files.remove_leftover(draft).unwrap();
            assert!(!draft.exists());
        }
        assert_eq!(scene.files.leftovers(day, now + 86_400).unwrap(), Vec::<PathBuf>::new());
        for other in ["credentials/alice.toml", "ledgers/alice", "keyring/.new.x", ".new.alice"] {
            assert!(scene.files.remove_leftover(&scene.file(other)).is_err(), "{other}");
        }
        assert!(scene.file("credentials/alice.toml").exists() && scene.file("ledgers/alice").exists());
    }
}
