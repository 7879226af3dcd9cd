//! Resets on their way, as files: `resets/NAME.toml`. Read and written while the user is held, but for listing.
//!
//! The directory is made with the first reset; where it is missing there is none.

use super::StoreError;
use super::directory::{Directory, Room, make_directory};
use super::files::{DRAFT, Files, Rooms};
use super::guard::{Guard, read_opened};
use super::layout::RESETS;
use crate::reset::Reset;
use crate::user::User;
use nix::errno::Errno;
use nix::fcntl::{OFlag, renameat};
use nix::sys::stat::Mode;
use std::path::PathBuf;

impl Files {
    /// A user's reset as it stands, read without holding anybody; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read or trusted.
    pub fn reset(&self, user: &User) -> Result<Option<Reset>, StoreError> {
        self.rooms()?.reset(&user.component())
    }

    /// Where a user's reset lies, for messages about it.
    #[must_use]
    pub fn reset_file(&self, user: &User) -> PathBuf {
        self.state().join(RESETS).join(name(&user.component()))
    }
}

impl Rooms {
    pub(super) fn reset(&self, component: &str) -> Result<Option<Reset>, StoreError> {
        let Some(directory) = self.resets()? else { return Ok(None) };
        let name = name(component);
        let path = directory.path.join(&name);
        let Some(fd) = directory.file(&name, OFlag::O_RDONLY)? else { return Ok(None) };
        let text = read_opened(&fd, &path, Guard::Secret)?;
        let Some(user) = User::from_component(component) else {
            return Err(StoreError::Unsafe { file: path, problem: "is not a reset of ours: move it away" });
        };
        Ok(Some(Reset::parse(&path, text.expose(), &user)?))
    }

    pub(super) fn keep_reset(&self, component: &str, reset: &Reset) -> Result<(), StoreError> {
        make_directory(&self.state.path.join(RESETS), Mode::S_IRWXU)?;
        let directory = self.state.inner(RESETS, Room::Private)?;
        let (name, draft) = (name(component), format!("{DRAFT}{component}"));
        let path = directory.path.join(&name);
        let text = reset.to_document(&path)?;
        directory.write_new(&draft, text.as_bytes())?;
        let kept = directory.sync_file(&draft).and_then(|()| {
            renameat(&directory.fd, draft.as_str(), &directory.fd, name.as_str())
                .map_err(|source| StoreError::System { file: path, action: "put in place", source })
        });
        if kept.is_err() {
            // The error that matters is the first.
            let _ = directory.remove(&draft);
        }
        kept?;
        directory.sync()
    }

    pub(super) fn forget_reset(&self, component: &str) -> Result<bool, StoreError> {
        let Some(directory) = self.resets()? else { return Ok(false) };
        let name = name(component);
        // Also one that is not as it must be: what goes cannot harm.
        let was_there = std::fs::symlink_metadata(directory.path.join(&name)).is_ok();
        directory.remove(&name)?;
        directory.sync()?;
        Ok(was_there)
    }

    pub(super) fn has_resets(&self) -> Result<bool, StoreError> {
        Ok(self.resets()?.is_some())
    }

    pub(super) fn resets(&self) -> Result<Option<Directory>, StoreError> {
        match self.state.inner(RESETS, Room::Private) {
            Ok(directory) => Ok(Some(directory)),
            Err(StoreError::System { source: Errno::ENOENT, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn name(component: &str) -> String {
    format!("{component}.toml")
}
