//! Accounts of this machine and of its directory services: the canonical account of a name, the name of a uid, and groups.

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User as Passwd, getgrouplist};
use std::ffi::CString;
use totp_core::user::Account;
use totp_core::user::User;

/// What a name stands for: `Alice` on a directory that ignores case is `alice`.
#[derive(Debug, Clone)]
pub enum Who {
    /// An account, or a name that the system does not know but the store may.
    Account(Account),
    /// No account can have this name; it is kept for the log.
    Impossible(String),
}

impl Who {
    /// The name for the log.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Account(account) => account.user.as_str(),
            Self::Impossible(name) => name,
        }
    }
}

/// The account database did not answer; that is not the same as "no such account".
#[derive(Debug, thiserror::Error)]
#[error("the account database does not answer (getpwnam_r: {}): check nsswitch.conf and the directory service", .0.desc())]
pub struct AccountError(Errno);

/// Looks the name up with `getpwnam_r(3)`.
///
/// # Errors
/// [`AccountError`], where nobody can tell whether there is such an account.
pub fn canonical(name: &str) -> Result<Who, AccountError> {
    let found = match Passwd::from_name(name) {
        Ok(found) => found,
        // What getpwnam_r(3) also answers for a name that is not there.
        Err(Errno::ENOENT | Errno::ESRCH) => None,
        Err(error) => return Err(AccountError(error)),
    };
    let (canonical, uid) = match &found {
        Some(account) => (account.name.as_str(), Some(account.uid.as_raw())),
        None => (name, None),
    };
    Ok(User::parse(canonical)
        .map_or_else(|_| Who::Impossible(canonical.to_owned()), |user| Who::Account(Account { user, uid })))
}

/// The name of a uid; the uid itself where it has none, or the database does not answer.
#[must_use]
pub fn name_of(uid: u32) -> String {
    let found = Passwd::from_uid(Uid::from_raw(uid)).ok().flatten();
    found.map_or_else(|| format!("uid {uid}"), |account| account.name)
}

/// The groups are not known. That exempts nobody.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// A group that is named in the config does not exist.
    #[error("there is no group \"{0}\": correct require.groups or require.exempt_groups in the config")]
    Unknown(String),
    /// The database gave no answer.
    #[error("the group database does not answer (getgrnam_r: {}): check nsswitch.conf and the directory service", .0.desc())]
    Database(Errno),
    /// The account could not be looked up.
    #[error(
        "the account database does not answer (getpwnam_r): check nsswitch.conf and the directory service"
    )]
    Account,
    /// Nor the list of an account's groups.
    #[error("the groups of the account cannot be listed (getgrouplist: {})", .0.desc())]
    List(Errno),
}

/// Of the groups `names` those that `user` (a canonical name) is in. Each of them has to exist: a directory service that is
/// down must not look like a person without groups.
///
/// # Errors
/// [`GroupError`]; then nothing is known of any of them.
pub fn groups_of<'a>(user: &str, names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, GroupError> {
    let account = Passwd::from_name(user).ok().flatten().ok_or(GroupError::Account)?;
    let name = CString::new(user).map_err(|_| GroupError::Account)?;
    let of_account = getgrouplist(&name, account.gid).map_err(GroupError::List)?;
    let mut found = Vec::new();
    for name in names {
        let group = Group::from_name(name).map_err(GroupError::Database)?;
        let group = group.ok_or_else(|| GroupError::Unknown(name.to_owned()))?;
        if is_member(user, &of_account, &group) {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

/// By either list, because a directory may know members that the list of the account leaves out.
fn is_member(user: &str, of_account: &[Gid], group: &Group) -> bool {
    of_account.contains(&group.gid) || group.mem.iter().any(|member| member == user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_in_its_own_group_and_in_no_other() {
        assert_eq!(groups_of("root", ["root", "daemon"].into_iter()).unwrap(), ["root"]);
    }

    #[test]
    fn whom_either_list_names_is_in_the_group() {
        let (this, other) = (Gid::from_raw(7), Gid::from_raw(8));
        let group = |members: &[&str]| Group {
            name: "staff".to_owned(),
            passwd: CString::default(),
            gid: this,
            mem: members.iter().map(|&member| member.to_owned()).collect(),
        };
        assert!(is_member("alice", &[other, this], &group(&["bob"])));
        assert!(is_member("alice", &[other], &group(&["bob", "alice"])));
        assert!(!is_member("alice", &[other], &group(&["bob"])));
        assert!(!is_member("alice", &[], &group(&[])));
    }

    #[test]
    fn a_group_that_does_not_exist_is_an_error_that_names_it() {
        let error = groups_of("root", ["root", "no-such-group"].into_iter()).unwrap_err();
        assert!(error.to_string().contains("\"no-such-group\""), "{error}");
    }

    #[test]
    fn an_account_that_does_not_exist_has_no_groups_that_are_known() {
        assert!(groups_of("no-such-account", ["root"].into_iter()).is_err());
    }
}
