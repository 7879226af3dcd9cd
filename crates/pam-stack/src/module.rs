//! What is known of modules: where they are, and what they can answer.

use crate::code::{self, COUNT, Code};
use std::path::{Path, PathBuf};

/// Services whose program runs as anyone who called it, so that pam_rootok answers for the caller.
const SETUID: [&str; 8] = ["su", "su-l", "runuser", "runuser-l", "chsh", "chfn", "passwd", "polkit-1"];

/// What a module with these arguments can answer at `service`.
pub fn answers(module: &str, arguments: &[String], service: &str) -> Vec<Code> {
    let any = || (0..COUNT).collect();
    match name(module) {
        "pam_permit.so" => vec![code::SUCCESS],
        "pam_deny.so" => vec![code::AUTH_ERR],
        "pam_warn.so" => vec![code::IGNORE],
        // Anyone who calls su as root is root already.
        "pam_rootok.so" if SETUID.contains(&service) => vec![code::AUTH_ERR],
        "pam_debug.so" => {
            let said = arguments.iter().rev().find_map(|word| word.strip_prefix("auth="));
            vec![said.and_then(code::named).unwrap_or(code::SUCCESS)]
        }
        _ => any(),
    }
}

/// The file name of a module.
pub fn name(module: &str) -> &str {
    module.rsplit('/').next().unwrap_or(module)
}

/// Where Debian's libpam looks for a module that is not beside its own (patch `lib_security_multiarch_compat`).
const SECOND: [&str; 2] = ["/lib/security", "/usr/lib/security"];

/// Where a module lies; `None`: nowhere that libpam looks.
pub fn file(module: &str) -> Option<PathBuf> {
    if module.starts_with('/') {
        return Some(PathBuf::from(module)).filter(|path| path.is_file());
    }
    let directories = of_libpam().into_iter().chain(SECOND.map(PathBuf::from));
    directories.map(|directory| directory.join(module)).find(|path| path.is_file())
}

/// Where libpam's own modules are, which is where it looks first.
pub fn of_libpam() -> Vec<PathBuf> {
    looked_in(directories())
}

/// Of these, where libpam looks: where its own modules lie. Without any of those it cannot be told.
fn looked_in(directories: Vec<PathBuf>) -> Vec<PathBuf> {
    let has_its_own = |directory: &&PathBuf| {
        ["pam_permit.so", "pam_unix.so"].iter().any(|module| directory.join(module).is_file())
    };
    let found: Vec<PathBuf> = directories.iter().filter(has_its_own).cloned().collect();
    if found.is_empty() { directories } else { found }
}

/// The directories of modules, on any distribution.
pub fn directories() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for root in ["/lib", "/usr/lib"] {
        let inner = std::fs::read_dir(root).into_iter().flatten().flatten();
        found.extend(inner.map(|entry| entry.path().join("security")).filter(|path| path.is_dir()));
    }
    let plain = ["/lib/security", "/lib64/security", "/usr/lib64/security"].map(PathBuf::from);
    found.extend(plain.into_iter().filter(|path: &PathBuf| Path::is_dir(path)));
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_counts_where_libpams_own_lie() {
        let root = tempfile::tempdir().unwrap();
        let (own, other) = (root.path().join("own"), root.path().join("other"));
        for directory in [&own, &other] {
            std::fs::create_dir(directory).unwrap();
        }
        let both = vec![other, own.clone()];
        assert_eq!(looked_in(both.clone()), both);
        std::fs::write(own.join("pam_permit.so"), "").unwrap();
        assert_eq!(looked_in(both), [own]);
    }
}
