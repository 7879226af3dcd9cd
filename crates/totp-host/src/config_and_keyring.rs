//! Reads and checks the config file and the keyring, with the same messages for every front end.
//!
//! The keyring is in the clear beside the config, or sealed there with systemd-creds and opened into the runtime directory when the
//! machine starts.

use crate::documents::{Access, read_document};
use nix::errno::Errno;
use nix::sys::stat::lstat;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use totp_core::config::{Config, DEFAULT_FILE, Paths};
use totp_core::keyring::{Keyring, LedgerKey};
use totp_core::random::Secret;
use totp_core::store::{LedgerKeys, StoreError};
use totp_store::timestamp_records::TIMESTAMPS;

/// The log socket if even the built-in defaults cannot be read.
const LOG_SOCKET: &str = "/dev/log";

/// The config of `service`, or, without one, the part that holds for every service. The default file may be missing; a file that was
/// `named` must exist.
///
/// # Errors
/// [`SettingsError`], also for a file that another user than root could have changed.
pub fn read_config(named: Option<&Path>, service: Option<&str>) -> Result<Config, SettingsError> {
    let file = named.unwrap_or(Path::new(DEFAULT_FILE));
    match (read_document(file, Access::RootWrites)?, named) {
        (Some(text), _) => Ok(Config::parse(file, text.expose(), service).map_err(StoreError::from)?),
        (None, None) => Ok(Config::defaults().map_err(StoreError::from)?),
        (None, Some(_)) => Err(SettingsError::ConfigMissing(file.to_owned())),
    }
}

/// The log socket for a message about unusable settings: the one of the config if it can be read, else the default.
#[must_use]
pub fn log_socket(named: Option<&Path>, service: Option<&str>) -> PathBuf {
    read_config(named, service)
        .or_else(|_| Config::defaults().map_err(|error| SettingsError::Store(error.into())))
        .map_or_else(|_| PathBuf::from(LOG_SOCKET), |config| config.paths.syslog)
}

/// Whether a login leaves a timestamp record: its config asks for freshness, or another login did since the boot. True if that is
/// unknown; leaving one then fails with the reason.
#[must_use]
pub fn leaves_timestamps(config: &Config) -> bool {
    // One system call; `Path::exists` may make a second one.
    config.asks_for_freshness || lstat(&config.paths.runtime.join(TIMESTAMPS)) != Err(Errno::ENOENT)
}

/// The keyring in force.
///
/// # Errors
/// [`SettingsError`] if there is none, or it cannot be used.
pub fn read_keyring(paths: &Paths) -> Result<Keyring, SettingsError> {
    let (file, text) = read_keyring_text(paths)?;
    Ok(Keyring::parse(&file, text.expose()).map_err(StoreError::from)?)
}

/// The keyring in force, read when it is first asked for and kept: for the rules, and for the store, which verifies ledgers
/// with it.
pub struct KeyringReader {
    paths: Paths,
    read: Mutex<Option<Arc<Keyring>>>,
}

impl KeyringReader {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(paths: &Paths) -> Arc<Self> {
        Arc::new(Self { paths: paths.clone(), read: Mutex::new(None) })
    }

    /// The keyring as it was read last.
    ///
    /// # Errors
    /// As [`read_keyring`].
    pub fn keyring(&self) -> Result<Arc<Keyring>, SettingsError> {
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.map_or_else(|| self.reread(), Ok)
    }

    /// The keyring as it is now.
    ///
    /// # Errors
    /// As [`read_keyring`].
    pub fn reread(&self) -> Result<Arc<Keyring>, SettingsError> {
        let keyring = Arc::new(read_keyring(&self.paths)?);
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&keyring));
        Ok(keyring)
    }
}

impl LedgerKeys for KeyringReader {
    fn ledger_key(&self, id: &str) -> Result<Option<LedgerKey>, StoreError> {
        if let Some(key) = self.keyring()?.ledger_key(id) {
            return Ok(Some(key.clone()));
        }
        Ok(self.reread()?.ledger_key(id).cloned())
    }

    fn active_ledger_key(&self) -> Result<LedgerKey, StoreError> {
        LedgerKeys::active_ledger_key(&*self.keyring()?)
    }
}

/// The text of the keyring in force, and the file that it was read from.
///
/// # Errors
/// [`SettingsError`] if there is none, or it cannot be read or trusted.
pub fn read_keyring_text(paths: &Paths) -> Result<(PathBuf, Secret), SettingsError> {
    let files = KeyringFiles::of(paths);
    if let Some((file, text)) = files.read()? {
        return Ok((file.to_owned(), text));
    }
    Err(if files.is_sealed() {
        SettingsError::KeyringSealed(files.sealed())
    } else {
        SettingsError::KeyringMissing(files.clear)
    })
}

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

/// Why the settings cannot be used. `Display` says what is wrong and what to do, without the file.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read, trusted or understood.
    #[error("{}", .0.problem())]
    Store(#[from] StoreError),
    /// The config that was named does not exist.
    #[error(
        "the config is missing: create it, or correct the path that names it (conf= in the service file, --config)"
    )]
    ConfigMissing(PathBuf),
    /// There is no keyring.
    #[error(
        "the keyring is missing: restore it with \"totp-enroll keys restore FILE\"; on a new machine, where nobody is enrolled, run \"totp-enroll keys init\""
    )]
    KeyringMissing(PathBuf),
    /// There is a sealed keyring, which was not opened yet.
    #[error(
        "the keys are not open yet: the keyring is sealed and was not opened since this machine started; \"systemctl status \
         pam-totp-keyring\" says why, and \"totp-enroll keys open\" tries again"
    )]
    KeyringSealed(PathBuf),
}

impl SettingsError {
    /// The file that it is about.
    #[must_use]
    pub fn about(&self) -> String {
        match self {
            Self::Store(error) => error.about().to_owned(),
            Self::ConfigMissing(file) | Self::KeyringMissing(file) | Self::KeyringSealed(file) => {
                file.display().to_string()
            }
        }
    }

    /// The line, if it is known.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Store(error) => error.line(),
            Self::ConfigMissing(_) | Self::KeyringMissing(_) | Self::KeyringSealed(_) => None,
        }
    }
}

impl From<SettingsError> for StoreError {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Store(error) => error,
            SettingsError::ConfigMissing(_)
            | SettingsError::KeyringMissing(_)
            | SettingsError::KeyringSealed(_) => {
                Self::Corrupt { about: error.about(), line: None, problem: error.to_string() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn paths(directory: &Path) -> Paths {
        let mut paths = Config::defaults().unwrap().paths;
        paths.keyring = directory.join("keyring.toml");
        paths.runtime = directory.join("runtime");
        paths
    }

    #[test]
    fn a_named_config_must_exist() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        let error = read_config(Some(&file), None).unwrap_err();
        assert!(matches!(error, SettingsError::ConfigMissing(_)), "{error}");
        assert_eq!((error.about(), error.line()), (file.display().to_string(), None));
    }

    #[test]
    fn a_config_with_a_mistake_names_its_file_and_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        fs::write(&file, "[paths]\nsyslog = \"/run/log\"\nwat = 1\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let error = read_config(Some(&file), None).unwrap_err();
        assert_eq!((error.about(), error.line()), (file.display().to_string(), Some(3)), "{error}");
        assert_eq!(log_socket(Some(&file), None), Path::new(LOG_SOCKET));
    }

    #[test]
    fn timestamps_are_left_from_the_first_request_until_the_boot() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::defaults().unwrap();
        config.paths = paths(directory.path());
        let runtime = config.paths.runtime.clone();
        assert!(!leaves_timestamps(&config));
        fs::create_dir(&runtime).unwrap();
        assert!(!leaves_timestamps(&config));
        crate::store::timestamp_records(&config.paths).ask_for_timestamps().unwrap();
        assert!(leaves_timestamps(&config));
        fs::remove_dir_all(&runtime).unwrap();
        assert!(!leaves_timestamps(&config));
        // What cannot be used is no reason to leave none; leaving one gives the reason.
        fs::create_dir(&runtime).unwrap();
        std::os::unix::fs::symlink("/nowhere", runtime.join(TIMESTAMPS)).unwrap();
        assert!(leaves_timestamps(&config));
        fs::remove_dir_all(&runtime).unwrap();
        config.asks_for_freshness = true;
        assert!(leaves_timestamps(&config));
    }

    #[test]
    fn a_missing_keyring_and_a_sealed_one_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let paths = paths(directory.path());
        assert!(matches!(read_keyring(&paths), Err(SettingsError::KeyringMissing(_))));
        let sealed = directory.path().join("keyring.cred");
        fs::write(&sealed, "sealed").unwrap();
        let error = read_keyring(&paths).err().unwrap();
        assert!(
            matches!(error, SettingsError::KeyringSealed(_)) && error.about() == sealed.display().to_string(),
            "{error}"
        );
    }

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
