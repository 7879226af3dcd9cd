//! Where the keyring is: in the clear beside the config; or sealed by systemd-creds there, and opened into the runtime directory
//! when the machine starts.

use crate::documents::read_document;
use crate::guard::Guard;
use std::path::{Path, PathBuf};
use totp_core::config::Paths;
use totp_core::secret::Secret;
use totp_core::store::StoreError;

/// The files that a keyring may be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringFiles {
    /// `paths.keyring` of the config. Where it is there, it is in force.
    pub clear: PathBuf,
    /// What was opened of it, below `paths.runtime`: in force where there is no clear one.
    pub opened: PathBuf,
}

impl KeyringFiles {
    /// Nothing is opened yet.
    #[must_use]
    pub fn of(paths: &Paths) -> Self {
        let Paths { keyring, runtime, .. } = paths;
        Self { clear: keyring.clone(), opened: runtime.join("keyring.toml") }
    }

    /// The sealed one, beside the clear one: `keyring.cred` for `keyring.toml`.
    #[must_use]
    pub fn sealed(&self) -> PathBuf {
        self.clear.with_extension("cred")
    }

    /// The keyring in force, and the file that it was read from; `None`: provably none.
    ///
    /// # Errors
    /// [`StoreError`] for a file that is there and cannot be read or trusted.
    pub fn read(&self) -> Result<Option<(&Path, Secret)>, StoreError> {
        // The clear one once more at the end: while a keyring is unsealed it comes before the opened one goes.
        for file in [&self.clear, &self.opened, &self.clear] {
            if let Some(text) = read_document(file, Guard::Secret)? {
                return Ok(Some((file, text)));
            }
        }
        Ok(None)
    }

    /// Whether there is a sealed keyring, which only has to be opened.
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
    fn the_sealed_one_lies_beside_the_clear_one_and_the_opened_one_in_the_runtime_directory() {
        let files = KeyringFiles::of(&Config::defaults().unwrap().paths);
        assert_eq!(files.clear, Path::new("/etc/pam_totp/keyring.toml"));
        assert_eq!(files.sealed(), Path::new("/etc/pam_totp/keyring.cred"));
        assert_eq!(files.opened, Path::new("/run/pam_totp/keyring.toml"));
    }

    #[test]
    fn the_clear_one_is_in_force_before_the_opened_one_and_trouble_is_not_absence() {
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
        assert!(read().is_err(), "a keyring that others can read is not passed over");
        assert!(!files.is_sealed());
        write(&files.sealed(), 0o600);
        assert!(files.is_sealed());
    }
}
