//! The PAM stack of a service: read and gone through as libpam does it, to find out how the code can be left out.
//!
//! ```text
//!  line -> load -> walk -> gaps        text -> lines of the stack -> ways through it -> sentences
//!      control  dispatch · code        what becomes of an answer
//!      module   arguments              what is known of modules; the words behind ours
//! ```

mod arguments;
pub(crate) mod code;
pub(crate) mod control;
mod dispatch;
pub(crate) mod gaps;
pub(crate) mod libpam;
pub(crate) mod line;
pub(crate) mod load;
mod module;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use arguments::{Said, config_file, read as read_arguments};
pub(crate) use load::{Handler, Kind, ServiceFiles, Stack};
pub(crate) use module::{Nature, directories, file as module_file, name as module_name};

use libpam::Libpam;
use load::DIRECTORIES;
use std::path::Path;

/// The service files of this machine, as its libpam reads them.
pub(crate) struct Installed(Libpam);

impl Installed {
    /// Once for each libpam that may be in use: one, unless that cannot be told.
    pub(crate) fn candidates() -> Vec<Self> {
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
pub(crate) fn services() -> Vec<String> {
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
pub(crate) fn included(text: &[u8], libpam: Libpam) -> Vec<String> {
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

/// Whether a service that is there has no line of ours.
pub(crate) fn asks_nothing(name: &str) -> bool {
    Installed::candidates().iter().any(|installed| {
        installed.open(name).is_some()
            && load::load(installed, name).is_ok_and(|stack| ours(&stack).next().is_none())
    })
}

/// The lines of ours.
pub(crate) fn ours(stack: &Stack) -> impl Iterator<Item = &Handler> {
    stack.handlers.iter().filter(|handler| is_ours(handler))
}

pub(crate) fn is_ours(handler: &Handler) -> bool {
    handler.kind == Kind::Module && Nature::of(handler) == Nature::Ours
}
