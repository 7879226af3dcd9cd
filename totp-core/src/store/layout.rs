//! What the store's directories are called: one list, so that whoever looks at a whole state knows each of them.

use super::StoreError;
use super::files::Files;
use super::guard::Room;
use nix::errno::Errno;

pub(super) const CREDENTIALS: &str = "credentials";
pub(super) const LEDGERS: &str = "ledgers";
pub(super) const RESETS: &str = "resets";
pub(super) const SPOOL: &str = "spool";

/// All that is below `paths.state`.
pub const ROOMS: [&str; 4] = [CREDENTIALS, LEDGERS, RESETS, SPOOL];

impl Files {
    /// Whether a directory of [`ROOMS`] can be used; one that was not needed yet is missing, which is no error here.
    ///
    /// # Errors
    /// [`StoreError`] where owner or mode is not as it must be.
    pub fn check_room(&self, name: &str) -> Result<(), StoreError> {
        match self.rooms()?.state.inner(name, Room::Private) {
            Ok(_) | Err(StoreError::System { source: Errno::ENOENT, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
