//! The files of the keyring: in the clear beside the config, or sealed there with systemd-creds and opened into the runtime
//! directory when the machine starts.

use crate::access::Access;
use crate::documents::read_document;
use std::path::{Path, PathBuf};
use totp_core::config::Paths;
use totp_core::secret::Secret;
use totp_core::store::StoreError;

/// The files that the keyring may be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringFiles {
    /// The clear keyring, `paths.keyring` of the config. It is the one in force if it exists.
    pub clear: PathBuf,
    /// The opened keyring, below `paths.runtime`. It is in force if there is no clear one.
    pub opened: PathBuf,
}

impl KeyringFiles {
    /// The files that a config names; opens nothing.
    #[must_use]
    pub fn of(paths: &Paths) -> Self {
        let Paths { keyring, runtime, .. } = paths;
        Self { clear: keyring.clone(), opened: runtime.join("keyring.toml") }
    }

    /// The sealed keyring, beside the clear one: `keyring.cred` for `keyring.toml`.
    #[must_use]
    pub fn sealed(&self) -> PathBuf {
        self.clear.with_extension("cred")
    }

    /// The keyring in force, and the file that it was read from; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`] for a file that exists and cannot be read or trusted.
    pub fn read(&self) -> Result<Option<(&Path, Secret)>, StoreError> {
        // The clear one again at the end: unsealing creates it before it removes the opened one.
        for file in [&self.clear, &self.opened, &self.clear] {
            if let Some(text) = read_document(file, Access::RootOnly)? {
                return Ok(Some((file, text)));
            }
        }
        Ok(None)
    }

    /// Whether there is a sealed keyring.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed().symlink_metadata().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use totp_core::config::Config;

    #[test]
    fn the_keyring_files_are_named_after_the_config() {
        let files = KeyringFiles::of(&Config::defaults().unwrap().paths);
        assert_eq!(files.clear, Path::new("/etc/pam_totp/keyring.toml"));
        assert_eq!(files.sealed(), Path::new("/etc/pam_totp/keyring.cred"));
        assert_eq!(files.opened, Path::new("/run/pam_totp/keyring.toml"));
    }

    #[test]
    fn the_clear_keyring_goes_first_and_an_unreadable_one_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let files = KeyringFiles { clear: file("a.toml"), opened: file("b.toml") };
        let read =
            || files.read().map(|found| found.map(|(file, text)| (file.to_owned(), text.expose().to_vec())));
        let write = |path: &Path, mode| {
            fs::write(path, path.file_name().unwrap().as_encoded_bytes()).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        assert_eq!(read().unwrap(), None);
        write(&files.opened, 0o600);
        assert_eq!(read().unwrap(), Some((files.opened.clone(), b"b.toml".to_vec())));
        write(&files.clear, 0o600);
        assert_eq!(read().unwrap(), Some((files.clear.clone(), b"a.toml".to_vec())));
        write(&files.clear, 0o644);
        assert!(read().is_err(), "a keyring that others can read is refused");
        assert!(!files.is_sealed());
        write(&files.sealed(), 0o600);
        assert!(files.is_sealed());
    }
}
