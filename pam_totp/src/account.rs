//! The canonical account of the name that somebody gave: `Alice` on a directory that ignores case is `alice`.

use nix::errno::Errno;
use totp_core::account::Account;
use totp_core::user::User;

/// What the name stands for.
#[derive(Clone)]
pub(crate) enum Who {
    /// An account, or a name that the system does not know but the store may.
    Account(Account),
    /// No account can have this name; it is kept for the log.
    Impossible(String),
}

/// The account database did not answer; that is not the same as "no such account".
#[derive(Debug, thiserror::Error)]
#[error("the account database does not answer (getpwnam_r: {}): check nsswitch.conf and the directory service", .0.desc())]
pub(crate) struct NoDatabase(Errno);

/// Looks the name up with `getpwnam_r(3)`.
pub(crate) fn canonical(name: &str) -> Result<Who, NoDatabase> {
    let found = match nix::unistd::User::from_name(name) {
        Ok(found) => found,
        // What getpwnam_r(3) also answers for a name that is not there.
        Err(Errno::ENOENT | Errno::ESRCH) => None,
        Err(error) => return Err(NoDatabase(error)),
    };
    let (canonical, uid) = match &found {
        Some(account) => (account.name.as_str(), Some(account.uid.as_raw())),
        None => (name, None),
    };
    Ok(User::parse(canonical)
        .map_or_else(|_| Who::Impossible(canonical.to_owned()), |user| Who::Account(Account { user, uid })))
}

/// What a uid is called; the uid itself where it has no name, or nobody can tell.
pub(crate) fn name_of(uid: u32) -> String {
    let found = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
    found.map_or_else(|| format!("uid {uid}"), |account| account.name)
}

impl Who {
    /// The name for the log.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Account(account) => account.user.as_str(),
            Self::Impossible(name) => name,
        }
    }
}
