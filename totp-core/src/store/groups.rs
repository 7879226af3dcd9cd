//! Which of the groups that the policy names somebody is in: the system's group database.

use nix::errno::Errno;
use nix::unistd::{Gid, Group, User, getgrouplist};
use std::ffi::CString;

/// The groups are not known. That exempts nobody.
#[derive(Debug, thiserror::Error)]
pub enum NoGroups {
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
/// [`NoGroups`]; then nothing is known of any of them.
pub fn of<'a>(user: &str, names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, NoGroups> {
    let account = User::from_name(user).ok().flatten().ok_or(NoGroups::Account)?;
    let name = CString::new(user).map_err(|_| NoGroups::Account)?;
    let of_account = getgrouplist(&name, account.gid).map_err(NoGroups::List)?;
    let mut found = Vec::new();
    for name in names {
        let group = Group::from_name(name).map_err(NoGroups::Database)?;
        let group = group.ok_or_else(|| NoGroups::Unknown(name.to_owned()))?;
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
        assert_eq!(of("root", ["root", "daemon"].into_iter()).unwrap(), ["root"]);
    }

    #[test]
    fn whom_either_list_names_is_in_the_group() {
        let (ours, other) = (Gid::from_raw(7), Gid::from_raw(8));
        let group = |members: &[&str]| Group {
            name: "ours".to_owned(),
            passwd: CString::default(),
            gid: ours,
            mem: members.iter().map(|&member| member.to_owned()).collect(),
        };
        assert!(is_member("alice", &[other, ours], &group(&["bob"])));
        assert!(is_member("alice", &[other], &group(&["bob", "alice"])));
        assert!(!is_member("alice", &[other], &group(&["bob"])));
        assert!(!is_member("alice", &[], &group(&[])));
    }

    #[test]
    fn a_group_that_does_not_exist_is_an_error_that_names_it() {
        let error = of("root", ["root", "no-such-group"].into_iter()).unwrap_err();
        assert!(error.to_string().contains("\"no-such-group\""), "{error}");
    }

    #[test]
    fn an_account_that_does_not_exist_has_no_groups_that_are_known() {
        assert!(of("no-such-account", ["root"].into_iter()).is_err());
    }
}
