//! The account database, believed only as far as it can be: "does not answer" is not "gone".

use crate::failure::Failure;
use nix::unistd::User as Passwd;
use std::fs;

/// What the account database says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nobody has it.
    Nobody,
    /// An account of this uid has it.
    Uid(u32),
}

/// Looks a name up. Every error refuses, also those that elsewhere stand for an unknown name: a source that is down, last in
/// nsswitch.conf, ends in whatever errno its connection left, and ENOENT is the usual one (no socket).
pub(super) fn lookup(name: &str) -> Result<Known, Failure> {
    match Passwd::from_name(name) {
        Ok(None) => Ok(Known::Nobody),
        Ok(Some(account)) => Ok(Known::Uid(account.uid.as_raw())),
        Err(error) => Err(Failure::refused(format!(
            "the account database does not answer ({}), so nobody can be said to be gone; nothing was removed",
            error.desc()
        ))),
    }
}

/// The sources of accounts beyond this machine that nsswitch.conf(5) names.
pub(super) fn remote_sources() -> Vec<String> {
    let text = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    remote_in(&text)
}

fn remote_in(text: &str) -> Vec<String> {
    // As the C library reads it: a blank before the colon, or in its place, is as good.
    let of_accounts = |line: &str| {
        let behind = line.trim_start().strip_prefix("passwd")?;
        behind.starts_with([':', ' ', '\t']).then(|| behind.trim_start_matches([':', ' ', '\t']).to_owned())
    };
    let line = text.lines().find_map(of_accounts).unwrap_or_default();
    let line = line.split('#').next().unwrap_or_default();
    let words = line.split_whitespace().filter(|word| !word.starts_with('[') && !word.ends_with(']'));
    // systemd's are users of this machine's services.
    words.filter(|word| !matches!(*word, "files" | "compat" | "systemd")).map(str::to_owned).collect()
}

/// The names in /etc/passwd.
pub(super) fn local_names() -> Vec<String> {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_beyond_this_machine_are_told_from_its_own() {
        for (text, remote) in [
            ("", &[][..]),
            ("passwd: files systemd\n", &[]),
            ("group: ldap\npasswd:         files\n", &[]),
            ("# passwd: ldap\npasswd: compat # sss\n", &[]),
            ("passwd: files sss\n", &["sss"]),
            ("passwd: sss [NOTFOUND=continue] files ldap", &["sss", "ldap"]),
            ("passwd : files sss\n", &["sss"]),
            (" passwd\tfiles sss\n", &["sss"]),
            ("passwd_compat: nis\npasswd: compat\n", &[]),
        ] {
            assert_eq!(remote_in(text), remote, "{text}");
        }
    }
}
