//! The files below a directory, to assert that nothing changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Everything below some directory: owner, mode and contents of each thing.
#[derive(Clone, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, Entry>);

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    mode: u32,
    owner: (u32, u32),
    links: u64,
    inode: u64,
    contents: Vec<u8>,
}

impl Files {
    /// Reads everything below `root`.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        let mut entries = BTreeMap::new();
        collect(root, &mut entries);
        Self(entries)
    }

    /// Asserts that nothing was added, removed or changed since.
    ///
    /// # Panics
    /// With the names of the files that did.
    pub fn assert_unchanged(&self, root: &Path) {
        let now = Self::below(root);
        let differs = |path: &&PathBuf| self.0.get(*path) != now.0.get(*path);
        let mut changed: Vec<&PathBuf> = self.0.keys().chain(now.0.keys()).filter(differs).collect();
        changed.dedup();
        assert!(changed.is_empty(), "changed on the disk: {changed:?}");
    }

    /// Does any file hold these bytes?
    #[must_use]
    pub fn hold(&self, bytes: &[u8]) -> bool {
        self.0.values().any(|entry| entry.contents.windows(bytes.len()).any(|window| window == bytes))
    }

    /// The names of the files, without those of directories.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let file = |(path, entry): (&PathBuf, &Entry)| {
            (entry.mode & 0o170_000 != 0o040_000)
                .then(|| path.file_name().unwrap().to_string_lossy().into_owned())
        };
        self.0.iter().filter_map(file).collect()
    }
}

fn collect(path: &Path, entries: &mut BTreeMap<PathBuf, Entry>) {
    let meta = fs::symlink_metadata(path).unwrap();
    let contents = if meta.is_file() {
        fs::read(path).unwrap()
    } else if meta.is_symlink() {
        fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
    } else {
        Vec::new()
    };
    let links = if meta.is_dir() { 0 } else { meta.nlink() };
    let owner = (meta.uid(), meta.gid());
    entries.insert(path.to_owned(), Entry { mode: meta.mode(), owner, links, inode: meta.ino(), contents });
    if meta.is_dir() {
        for child in fs::read_dir(path).unwrap() {
            let child = child.unwrap().path();
            // The generation moves with the days, whatever a login does.
            if !child.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(b"generation")) {
                collect(&child, entries);
            }
        }
    }
}
