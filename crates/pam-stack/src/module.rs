//! Where modules are installed, and which return codes the well-known ones have.

use crate::return_code::{self, COUNT, ReturnCode};
use std::path::{Path, PathBuf};

/// Services of setuid programs: pam_rootok.so checks the real uid there, so it answers for the caller.
const SETUID: [&str; 8] = ["su", "su-l", "runuser", "runuser-l", "chsh", "chfn", "passwd", "polkit-1"];

/// The codes that a module with these arguments can return at `service`.
pub fn return_codes(module: &str, arguments: &[String], service: &str) -> Vec<ReturnCode> {
    let any = || (0..COUNT).collect();
    match name(module) {
        "pam_permit.so" => vec![return_code::SUCCESS],
        "pam_deny.so" => vec![return_code::AUTH_ERR],
        "pam_warn.so" => vec![return_code::IGNORE],
        // It succeeds only for root, who needs no code.
        "pam_rootok.so" if SETUID.contains(&service) => vec![return_code::AUTH_ERR],
        "pam_debug.so" => {
            // The first argument for the event decides, also where it names no code (observed with libpam 1.5).
            let configured = arguments.iter().find_map(|word| word.strip_prefix("auth="));
            vec![configured.and_then(return_code::named).unwrap_or(return_code::SUCCESS)]
        }
        _ => any(),
    }
}

/// The file name of a module.
pub fn name(module: &str) -> &str {
    module.rsplit('/').next().unwrap_or(module)
}

/// Where Debian's libpam looks next for a module that is not beside its own (patch `lib_security_multiarch_compat`).
const FALLBACK: [&str; 2] = ["/lib/security", "/usr/lib/security"];

/// The file of a module; `None`: libpam does not find one.
pub fn file(module: &str) -> Option<PathBuf> {
    if module.starts_with('/') {
        return Some(PathBuf::from(module)).filter(|path| path.is_file());
    }
    let directories = libpam_directories().into_iter().chain(FALLBACK.map(PathBuf::from));
    directories.map(|directory| directory.join(module)).find(|path| path.is_file())
}

/// The directory of libpam's own modules, where it looks first. More than one if that cannot be decided.
pub fn libpam_directories() -> Vec<PathBuf> {
    with_libpams_own(directories())
}

/// Those of `directories` that hold libpam's own modules; all of them if none does.
fn with_libpams_own(directories: Vec<PathBuf>) -> Vec<PathBuf> {
    let has_its_own = |directory: &&PathBuf| {
        ["pam_permit.so", "pam_unix.so"].iter().any(|module| directory.join(module).is_file())
    };
    let found: Vec<PathBuf> = directories.iter().filter(has_its_own).cloned().collect();
    if found.is_empty() { directories } else { found }
}

/// The module directories of every distribution that exist here.
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
    fn the_first_argument_of_pam_debug_for_the_event_decides() {
        let codes = |words: &[&str]| {
            return_codes(
                "pam_debug.so",
                &words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>(),
                "app",
            )
        };
        assert_eq!(codes(&["auth=auth_err", "auth", "auth=success"]), [return_code::AUTH_ERR]);
        assert_eq!(codes(&["auth=nonsense", "auth=auth_err"]), [return_code::SUCCESS]);
        assert_eq!(codes(&["acct=auth_err"]), [return_code::SUCCESS]);
    }

    #[test]
    fn libpam_looks_where_its_own_modules_are() {
        let root = tempfile::tempdir().unwrap();
        let (own, other) = (root.path().join("own"), root.path().join("other"));
        for directory in [&own, &other] {
            std::fs::create_dir(directory).unwrap();
        }
        let both = vec![other, own.clone()];
        assert_eq!(with_libpams_own(both.clone()), both);
        std::fs::write(own.join("pam_permit.so"), "").unwrap();
        assert_eq!(with_libpams_own(both), [own]);
    }
}
