//! What a program had written and not synced when it answered, read from its system calls: what a crash would undo although it
//! was reported as done.

use crate::strace::Trace;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// An output of a program, to the log or to its caller.
#[derive(Clone, Debug)]
pub struct Output {
    /// The call, as strace shows it.
    pub said: String,
    /// Which files' contents and which directories' names a crash would have taken back at that moment.
    pub unsynced: BTreeSet<PathBuf>,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was said while a crash would have taken back {:?}", self.said, self.unsynced)
    }
}

/// The outputs after the first change below `root`.
///
/// # Panics
/// When nothing was: then nothing was shown.
#[must_use]
pub fn outputs_after_a_change(trace: &Trace, root: &Path) -> Vec<Output> {
    let mut pending = Pending { root, changed: false, unsynced: BTreeSet::new() };
    let mut words = Vec::new();
    for line in trace.text().lines() {
        let said = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let Some(call) = Call::parse(said) else { continue };
        if ["sendto", "write", "writev"].contains(&call.name) && !call.names(root) {
            // A line that announces a change does not say that it was made.
            if pending.changed && !said.contains("phase=begun") {
                words.push(Output { said: said.to_owned(), unsynced: pending.unsynced.clone() });
            }
        } else {
            pending.follow(&call);
        }
    }
    assert!(pending.changed, "nothing was changed:\n{}", trace.text());
    words
}

struct Pending<'a> {
    root: &'a Path,
    changed: bool,
    unsynced: BTreeSet<PathBuf>,
}

impl Pending<'_> {
    fn follow(&mut self, call: &Call<'_>) {
        match call.name {
            "pwrite64" | "write" | "writev" | "ftruncate" | "fallocate" => {
                let file = call.paths.first();
                file.into_iter().for_each(|file| self.change(file));
            }
            "openat" if call.arguments.contains("O_CREAT") => self.change_names(&call.named(0)),
            "mkdir" | "mkdirat" => self.change_names(&call.named(0)),
            "unlink" | "unlinkat" => {
                self.unsynced.remove(&call.named(0));
                self.change_names(&call.named(0));
            }
            "rename" | "renameat" | "renameat2" => {
                let (from, to) = (call.named(0), call.named(1));
                if self.unsynced.remove(&from) {
                    self.change(&to);
                }
                self.change_names(&from);
                self.change_names(&to);
            }
            "fsync" | "fdatasync" => {
                call.paths.first().map(|path| self.unsynced.remove(path));
            }
            "sync" | "syncfs" => self.unsynced.clear(),
            _ => {}
        }
    }

    fn change(&mut self, path: &Path) {
        if path.starts_with(self.root) {
            self.changed = true;
            self.unsynced.insert(path.to_owned());
        }
    }

    /// What a file is called is kept by its directory.
    fn change_names(&mut self, path: &Path) {
        path.parent().into_iter().for_each(|directory| self.change(directory));
    }
}

/// A call that succeeded.
struct Call<'a> {
    name: &'a str,
    arguments: &'a str,
    /// What its file descriptors are of, in order.
    paths: Vec<PathBuf>,
    /// The names that it gives, in order.
    names: Vec<&'a str>,
}

impl<'a> Call<'a> {
    /// `pwrite64(5</a/b>, "..."..., 2048, 0) = 2048`.
    fn parse(line: &'a str) -> Option<Self> {
        let (call, result) = line.rsplit_once(" = ")?;
        let (name, arguments) = call.split_once('(')?;
        if result.starts_with('-') || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return None;
        }
        let quoted = arguments.split('"').skip(1).step_by(2).collect();
        let descriptors = arguments.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
        let paths = descriptors.map(|(path, _)| PathBuf::from(path)).collect();
        Some(Self { name, arguments, paths, names: quoted })
    }

    /// The file of its first or second name, which lies in the directory of the first or second descriptor.
    fn named(&self, which: usize) -> PathBuf {
        let directory = self.paths.get(which).cloned().unwrap_or_default();
        directory.join(self.names[which])
    }

    fn names(&self, root: &Path) -> bool {
        self.paths.first().is_some_and(|path| path.starts_with(root))
    }
}

#[cfg(test)]
mod tests {
    use super::Call;

    #[test]
    fn a_call_is_taken_apart() {
        let line = r#"renameat2(4</s/l>, ".new.7.a", 5</s/m>, "a", RENAME_NOREPLACE) = 0"#;
        let call = Call::parse(line).unwrap();
        assert_eq!(
            (call.name, call.named(0), call.named(1)),
            ("renameat2", "/s/l/.new.7.a".into(), "/s/m/a".into())
        );
        assert!(
            Call::parse(r#"unlinkat(4</s/l>, "a", 0) = -1 ENOENT (No such file or directory)"#).is_none()
        );
    }
}
