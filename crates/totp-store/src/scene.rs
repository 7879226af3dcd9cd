//! The fixtures of the tests, with the store in a directory of its own.

use crate::FilesStore;
use std::ops::{Deref, DerefMut};
use totp_core::store::Engine;

pub(crate) use totp_core::scene::*;

pub(crate) struct Scene {
    directory: tempfile::TempDir,
    scene: totp_core::scene::Scene<FilesStore>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "files must belong to root: run the tests as root");
        let directory = tempfile::tempdir().unwrap();
        let files = FilesStore::new(directory.path(), &directory.path().join("run"));
        files.prepare().unwrap();
        Self { directory, scene: totp_core::scene::Scene::of(files) }
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }
}

impl Deref for Scene {
    type Target = totp_core::scene::Scene<FilesStore>;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.scene
    }
}
