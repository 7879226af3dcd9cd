//! What a disk takes to replace a small file for good: the others do that at each login, so how much quicker than they one is
//! depends on it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// About what google-authenticator keeps of a person, in bytes.
const LENGTH: usize = 96;

/// Replaces a file in `directory` so many times: written anew, synced, renamed into place. How long each took.
pub(crate) fn replacing(directory: &Path, times: usize) -> Vec<Duration> {
    let [draft, file] = ["sync.new", "sync"].map(|name| directory.join(name));
    let replace = |_| {
        let begun = Instant::now();
        let mut written = File::create_new(&draft).unwrap();
        written.write_all(&[b'x'; LENGTH]).unwrap();
        written.sync_all().unwrap();
        fs::rename(&draft, &file).unwrap();
        begun.elapsed()
    };
    (0..times).map(replace).collect()
}
