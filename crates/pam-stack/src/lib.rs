//! A model of libpam's service files, by version: what it reads in `/etc/pam.d` and what it makes of the answers of modules.
//!
//! ```text
//!  line -> load -> walk     text -> lines of the stack -> ways through it
//!      control  dispatch · code     what becomes of an answer
//!      libpam   module              which libpam is installed; where its modules are and what they answer
//! ```
//!
//! The sources of Linux-PAM 1.5.2 and 1.7.0 with the patches of Debian 12 and 13 are what is modelled; the acceptance tests compare
//! it with the real library on thousands of random stacks (`tests/tests/doctor_stack.rs`).
//!
//! Deliberately absent: the words behind pam_totp.so, and what a stack means for the code; those are the caller's. Nothing is
//! loaded, asked or changed: [`Installed`] reads files, everything else is values in, values out.

#![forbid(unsafe_code)]

pub mod code;
pub mod control;
mod dispatch;
pub mod libpam;
pub mod line;
mod load;
pub mod module;
#[cfg(test)]
mod tests;
pub mod walk;

pub use libpam::Libpam;
pub use load::{Handler, Kind, Place, ServiceFiles, Stack, Unloadable, load};

use load::DIRECTORIES;
use std::path::Path;

/// The service files of this machine, as its libpam reads them.
pub struct Installed(Libpam);

impl Installed {
    /// Once for each libpam that may be in use: one, unless that cannot be told.
    pub fn candidates() -> Vec<Self> {
        Libpam::candidates().into_iter().map(Self).collect()
    }
}

impl ServiceFiles for Installed {
    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        // A directory can be opened, and has nothing to read.
        if path.is_dir() { Some(Vec::new()) } else { std::fs::read(path).ok() }
    }

    fn libpam(&self) -> Libpam {
        self.0
    }
}

/// The names of all services that have a file.
pub fn services() -> Vec<String> {
    let entries =
        DIRECTORIES.iter().flat_map(|directory| std::fs::read_dir(directory).into_iter().flatten().flatten());
    let files = entries
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = files.filter(|name| !is_left_behind(name)).collect();
    names.sort();
    names.dedup();
    names
}

/// What editors, people and package managers leave behind is nobody's service.
fn is_left_behind(name: &str) -> bool {
    let ends = ["~", ".rpmnew", ".rpmsave", ".rpmorig", ".bak", ".orig", ".pam-old"];
    let parts = [".dpkg-", ".ucf-"];
    name.starts_with('.')
        || ends.iter().any(|end| name.ends_with(end))
        || parts.iter().any(|part| name.contains(part))
}

/// The files that a service's auth lines include, as they are written.
pub fn included(text: &[u8], libpam: Libpam) -> Vec<String> {
    let (lines, _) = line::lines(text, libpam.release);
    let target = |line: &line::Line| {
        let words = line::words(&line.text);
        let at = |place: usize| words.get(place).map(|word| word.to_ascii_lowercase()).unwrap_or_default();
        match (at(0).trim_start_matches('-'), at(1).as_str()) {
            ("@include", _) => words.get(1).cloned(),
            ("auth", "include" | "substack") => words.get(2).cloned(),
            (_, _) => None,
        }
    };
    lines.iter().filter_map(target).collect()
}
