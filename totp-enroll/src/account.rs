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
    /// The person behind sudo, else the real user. sudo sets `SUDO_UID` itself; only root can have set it otherwise.
    pub(crate) fn present() -> Self {
        let behind_sudo = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok()).map(Uid::from_raw);
        let uid = behind_sudo.filter(|_| getuid().is_root()).unwrap_or_else(getuid);
        let name =
            Passwd::from_uid(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |account| account.name);
        Self { name, uid }
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
