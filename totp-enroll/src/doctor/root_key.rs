//! Whether root has an SSH key to log in with.

use super::sshd_program::EffectiveOptions;
use nix::unistd::{Uid, User};
use std::fs;
use std::path::{Path, PathBuf};

/// Whether one of the files that sshd would look in for root (sshd_config(5), `AuthorizedKeysFile`) has a line with a key.
pub(super) fn is_there(login: &EffectiveOptions) -> bool {
    let Ok(Some(root)) = User::from_uid(Uid::from_raw(0)) else { return false };
    let values = login.get("authorizedkeysfile").map(Vec::as_slice).unwrap_or_default();
    let patterns = values.iter().flat_map(|value| value.split_ascii_whitespace());
    patterns
        .filter(|pattern| *pattern != "none")
        .any(|pattern| has_key(&path(pattern, &root.name, &root.dir)))
}

/// A pattern with its tokens replaced; a relative path is in the home.
fn path(pattern: &str, name: &str, home: &Path) -> PathBuf {
    let whole = pattern
        .replace("%h", &home.display().to_string())
        .replace("%u", name)
        .replace("%U", "0")
        .replace("%%", "%");
    home.join(whole)
}

fn has_key(path: &Path) -> bool {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_of_a_pattern_are_roots() {
        let of = |pattern: &str| path(pattern, "root", Path::new("/root"));
        assert_eq!(of(".ssh/authorized_keys"), Path::new("/root/.ssh/authorized_keys"));
        assert_eq!(of("%h/k%%"), Path::new("/root/k%"));
        assert_eq!(of("/etc/keys/%u.%U"), Path::new("/etc/keys/root.0"));
    }
}
