//! Looks up accounts for `prune`: an account database that does not answer is not taken for a missing account.

use crate::failure::Failure;
use nix::unistd::User as Passwd;
use std::fs;

/// What the account database says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountLookup {
    /// There is no such account.
    Nobody,
    /// The account has this uid.
    Uid(u32),
}

/// Looks up a name. Every error refuses, also those that usually mean an unknown name: if the last source in nsswitch.conf is down,
/// errno is that of its failed connection, usually ENOENT (no socket).
pub(super) fn lookup(name: &str) -> Result<AccountLookup, Failure> {
    match Passwd::from_name(name) {
        Ok(None) => Ok(AccountLookup::Nobody),
        Ok(Some(account)) => Ok(AccountLookup::Uid(account.uid.as_raw())),
        Err(error) => Err(Failure::refused(format!(
            "the account database does not answer ({}); nothing was removed: try again when it does",
            error.desc()
        ))),
    }
}

/// The remote sources of accounts that nsswitch.conf(5) names.
pub(super) fn remote_sources() -> Vec<String> {
    let text = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    remote_in(&text)
}

fn remote_in(text: &str) -> Vec<String> {
    // The C library also accepts a blank before the colon, or instead of it.
    let of_accounts = |line: &str| {
        let rest = line.trim_start().strip_prefix("passwd")?;
        rest.starts_with([':', ' ', '\t']).then(|| rest.trim_start_matches([':', ' ', '\t']).to_owned())
    };
    let line = text.lines().find_map(of_accounts).unwrap_or_default();
    let line = line.split('#').next().unwrap_or_default();
    let words = line.split_whitespace().filter(|word| !word.starts_with('[') && !word.ends_with(']'));
    // systemd's accounts are those of services on this machine.
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
    fn remote_sources_are_distinguished_from_local_ones() {
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
