//! The fixture of the tests, with the store in a directory of its own.

use crate::FilesStore;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use totp_core::store::Engine;

pub(crate) use totp_core::fixture::*;

pub(crate) struct Fixture {
    directory: tempfile::TempDir,
    fixture: totp_core::fixture::Fixture<FilesStore>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "files must belong to root: run the tests as root");
        let directory = tempfile::tempdir().unwrap();
        let files = FilesStore::new(
            directory.path(),
            &directory.path().join("run"),
            &directory.path().join("keyring.toml"),
            Arc::new(AllKeys::default()),
        );
        files.prepare().unwrap();
        Self { directory, fixture: totp_core::fixture::Fixture::of(files) }
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }
}

impl Deref for Fixture {
    type Target = totp_core::fixture::Fixture<FilesStore>;

    fn deref(&self) -> &Self::Target {
        &self.fixture
    }
}

impl DerefMut for Fixture {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.fixture
    }
}

/// Waits until a thread of this process sleeps, as it does between two tries for a lock.
pub(crate) fn until_it_sleeps(thread: nix::unistd::Pid) {
    let stat = format!("/proc/self/task/{thread}/stat");
    // The state follows the name in parentheses: proc_pid_stat(5).
    while !std::fs::read_to_string(&stat).unwrap().contains(") S ") {
        std::thread::yield_now();
    }
}
