//! Who asks, and for whom.

use crate::failure::Failure;
use nix::errno::Errno;
use nix::unistd::{Uid, User as Passwd, getuid};
use totp_core::login::Account;
use totp_core::user::User;

/// Who is at the desk.
pub(crate) struct Operator {
    /// The account's name, or its uid where it has none.
    pub(crate) name: String,
    uid: Uid,
}

impl Operator {
    /// The person behind sudo or doas, else the real user. sudo sets `SUDO_USER` and `SUDO_UID` itself, doas `DOAS_USER`;
    /// only root can have set them otherwise. Where they do not name one account nobody's word is taken.
    pub(crate) fn present() -> Result<Self, Failure> {
        let variable = |name| std::env::var(name).ok().filter(|_| getuid().is_root());
        let uid = match (variable("SUDO_USER").or_else(|| variable("DOAS_USER")), variable("SUDO_UID")) {
            (None, _) => getuid(),
            (Some(user), claimed) => behind_sudo(&user, claimed.as_deref())?,
        };
        let name =
            Passwd::from_uid(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |account| account.name);
        Ok(Self { name, uid })
    }

    /// Whether nobody stands behind root: a root shell, a maintainer script.
    pub(crate) fn is_root(&self) -> bool {
        self.uid.is_root()
    }

    /// Whether this person acts for themselves.
    pub(crate) fn is(&self, account: &Account) -> bool {
        account.uid == Some(self.uid.as_raw())
    }
}

fn behind_sudo(user: &str, claimed: Option<&str>) -> Result<Uid, Failure> {
    let known = Passwd::from_name(user).ok().flatten().map(|account| account.uid);
    match (known, claimed.map(str::parse)) {
        (Some(known), None) => Ok(known),
        (Some(known), Some(Ok(claimed))) if known == Uid::from_raw(claimed) => Ok(known),
        (None | Some(_), _) => {
            let problem =
                "SUDO_USER and SUDO_UID do not name one account; run it through sudo, or as root itself";
            Err(Failure::not_permitted(problem))
        }
    }
}

/// Names that the system does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// They are refused.
    Refused,
    /// They are bound by name alone.
    Allowed,
}

/// The canonical account of `name`.
pub(crate) fn canonical(name: &str, unknown: Unknown) -> Result<Account, Failure> {
    let found = match Passwd::from_name(name) {
        Ok(found) => found,
        Err(Errno::ENOENT | Errno::ESRCH) => None,
        Err(error) => {
            let problem =
                format!("the account database does not answer ({}); check nsswitch.conf", error.desc());
            return Err(Failure::refused(problem));
        }
    };
    let uid = found.as_ref().map(|account| account.uid.as_raw());
    if uid.is_none() && unknown == Unknown::Refused {
        return Err(Failure::refused(format!("the system knows no account \"{}\"", name.escape_debug())));
    }
    let user = User::parse(found.as_ref().map_or(name, |account| account.name.as_str()))
        .map_err(|error| Failure::refused(error.to_string()))?;
    Ok(Account { user, uid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_behind_sudo_is_the_operator() {
        assert_eq!(behind_sudo("daemon", Some("1")).ok(), Some(Uid::from_raw(1)));
        assert_eq!(behind_sudo("daemon", None).ok(), Some(Uid::from_raw(1)));
    }

    #[test]
    fn a_name_and_a_uid_of_two_accounts_are_nobody() {
        for (user, uid) in [("daemon", "0"), ("daemon", "one"), ("no-such-account", "1")] {
            assert!(behind_sudo(user, Some(uid)).is_err(), "{user} {uid}");
        }
    }
}
