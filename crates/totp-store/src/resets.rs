//! Resets as files: `resets/NAME.toml`. They are read and written while the user is held, except for a listing.
//!
//! The directory is created with the first reset; without it there is no reset.

use crate::FilesStore;
use crate::directory::{Access, Directory, make_directory, read_opened};
use crate::error::FileError;
use crate::state_dirs::{DRAFT, RESETS, StateDirs};
use crate::users::Names;
use nix::errno::Errno;
use nix::fcntl::{OFlag, renameat};
use nix::sys::stat::Mode;
use totp_core::account_recovery::Reset;
use totp_core::store::{Resets, StoreError};
use totp_core::user::User;

impl Resets for FilesStore {
    type Names = Names;

    fn reset(&self, user: &User) -> Result<Option<Reset>, StoreError> {
        Ok(self.dirs()?.reset(&user.component())?)
    }

    fn resets(&self) -> Result<Option<Names>, StoreError> {
        let foreign = "is not a reset file: move it away";
        Ok(self.dirs()?.resets()?.map(|resets| Names::of(resets, ".toml", foreign)).transpose()?)
    }
}

impl StateDirs {
    pub(crate) fn reset(&self, component: &str) -> Result<Option<Reset>, FileError> {
        let Some(directory) = self.resets()? else { return Ok(None) };
        let name = name(component);
        let path = directory.path.join(&name);
        let Some(fd) = directory.file(&name, OFlag::O_RDONLY)? else { return Ok(None) };
        let text = read_opened(&fd, &path, Access::RootOnly)?;
        let Some(user) = User::from_component(component) else {
            return Err(FileError::Unsafe { file: path, problem: "is not a reset file: move it away" });
        };
        Ok(Some(Reset::parse(&path, text.expose(), &user)?))
    }

    pub(crate) fn keep_reset(&self, component: &str, reset: &Reset) -> Result<(), FileError> {
        make_directory(&self.state.path.join(RESETS), Mode::S_IRWXU)?;
        let directory = self.state.inner(RESETS, Access::RootOnly)?;
        let (name, draft) = (name(component), format!("{DRAFT}{component}"));
        let path = directory.path.join(&name);
        let text = reset.to_document(&path)?;
        directory.write_new(&draft, text.as_bytes())?;
        let kept = directory.sync_file(&draft).and_then(|()| {
            renameat(&directory.fd, draft.as_str(), &directory.fd, name.as_str())
                .map_err(|source| FileError::System { file: path, action: "put in place", source })
        });
        if kept.is_err() {
            // The first error is the one to report.
            let _ = directory.remove(&draft);
        }
        kept?;
        directory.sync()
    }

    pub(crate) fn forget_reset(&self, component: &str) -> Result<bool, FileError> {
        let Some(directory) = self.resets()? else { return Ok(false) };
        let name = name(component);
        // Without a check of owner and mode: a file that is removed does no harm.
        let was_there = std::fs::symlink_metadata(directory.path.join(&name)).is_ok();
        directory.remove(&name)?;
        directory.sync()?;
        Ok(was_there)
    }

    pub(crate) fn has_resets(&self) -> Result<bool, FileError> {
        Ok(self.resets()?.is_some())
    }

    pub(crate) fn resets(&self) -> Result<Option<Directory>, FileError> {
        match self.state.inner(RESETS, Access::RootOnly) {
            Ok(directory) => Ok(Some(directory)),
            Err(FileError::System { source: Errno::ENOENT, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn name(component: &str) -> String {
    format!("{component}.toml")
}
