//! A model of how libpam reads `/etc/pam.d` and combines the return codes of the modules in a stack.
//!
//! ```text
//!  line -> load -> walk       text -> the lines of a stack -> every path through it
//!  control                    what a return code does to the stack
//!  return_code                the codes and their names, and which ones a module can return
//!  libpam                     which libpam is installed, and where its modules are
//! ```
//!
//! The model follows the sources of Linux-PAM 1.5.2 and 1.7.0 with the patches of Debian 12 and 13. The acceptance tests compare it
//! with the real library on thousands of random stacks (`tests/tests/doctor_stack.rs`).
//!
//! Deliberately absent: the arguments of pam_totp.so, and what a stack means for one-time codes; both belong to the caller. No
//! module is loaded and nothing is changed: [`InstalledFiles`] reads files, everything else is values in, values out.

#![forbid(unsafe_code)]

pub mod control;
pub mod libpam;
pub mod line;
mod load;
pub mod return_code;
#[cfg(test)]
mod tests;
pub mod walk;

pub use libpam::{Libpam, module_directories, module_file, module_name};
pub use load::{Facility, Handler, LineKind, LoadError, Location, ServiceFiles, Stack, load};

use load::DIRECTORIES;
use std::path::Path;

/// The service files of this machine, as its libpam reads them.
pub struct InstalledFiles(Libpam);

impl InstalledFiles {
    /// One value for each libpam that may be in use: exactly one, unless the installed release cannot be recognised.
    pub fn candidates() -> Vec<Self> {
        Libpam::candidates().into_iter().map(Self).collect()
    }
}

impl ServiceFiles for InstalledFiles {
    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        // libpam can open a directory, and reads nothing from it.
        if path.is_dir() { Some(Vec::new()) } else { std::fs::read(path).ok() }
    }

    fn libpam(&self) -> Libpam {
        self.0
    }
}

/// The names of all services that have a file, sorted.
pub fn services() -> Vec<String> {
    let entries =
        DIRECTORIES.iter().flat_map(|directory| std::fs::read_dir(directory).into_iter().flatten().flatten());
    let files = entries
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = files.filter(|name| !is_backup(name)).collect();
    names.sort();
    names.dedup();
    names
}

/// Backup copies of editors and package managers are not services.
fn is_backup(name: &str) -> bool {
    let suffixes = ["~", ".rpmnew", ".rpmsave", ".rpmorig", ".bak", ".orig", ".pam-old"];
    let infixes = [".dpkg-", ".ucf-"];
    name.starts_with('.')
        || suffixes.iter().any(|suffix| name.ends_with(suffix))
        || infixes.iter().any(|infix| name.contains(infix))
}

/// The names that the auth lines of a service file include, as written.
pub fn included(text: &[u8], libpam: Libpam) -> Vec<String> {
    let (lines, _) = line::lines(text, libpam.release);
    let target = |line: &line::LogicalLine| {
        let words = line::words(&line.text);
        let at = |index: usize| words.get(index).map(|word| word.to_ascii_lowercase()).unwrap_or_default();
        match (at(0).trim_start_matches('-'), at(1).as_str()) {
            ("@include", _) => words.get(1).cloned(),
            ("auth", "include" | "substack") => words.get(2).cloned(),
            (_, _) => None,
        }
    };
    lines.iter().filter_map(target).collect()
}
