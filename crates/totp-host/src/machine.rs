//! What the operating system tells every front end: the time, random bytes, accounts and groups.

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Gid, Group, Uid, User as Passwd, getgrouplist};
use std::ffi::CString;
use totp_core::random::{Entropy, EntropyError};
use totp_core::time::Created;
use totp_core::time::Now;
use totp_core::user::Account;
use totp_core::user::User;

/// Why there is no time to go by.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The system call failed.
    #[error("the clock cannot be read (clock_gettime: {})", .0.desc())]
    System(Errno),
    /// `CLOCK_REALTIME` is negative.
    #[error("the system clock is before 1970: correct it")]
    Before1970,
    /// The year is after 9999, which RFC 3339 cannot write.
    #[error("the system clock is out of range: correct it")]
    OutOfRange,
}

/// Reads `CLOCK_REALTIME` and `CLOCK_BOOTTIME`, in whole seconds.
///
/// # Errors
/// [`ClockError`] if a clock cannot be read or is before 1970.
pub fn now() -> Result<Now, ClockError> {
    // In this order: a pause in between makes the boot instant later, and the boot rule then refuses more codes, not fewer.
    let boottime = seconds(ClockId::CLOCK_BOOTTIME)?;
    Ok(Now { realtime: seconds(ClockId::CLOCK_REALTIME)?, boottime })
}

/// The same moment in the form that documents have it in.
///
/// # Errors
/// [`ClockError::OutOfRange`] if it cannot be written.
pub fn created(now: Now) -> Result<Created, ClockError> {
    Created::at(now.realtime).ok_or(ClockError::OutOfRange)
}

fn seconds(clock: ClockId) -> Result<u64, ClockError> {
    let time = clock_gettime(clock).map_err(ClockError::System)?;
    u64::try_from(time.tv_sec()).map_err(|_| ClockError::Before1970)
}

/// getrandom(2).
#[derive(Debug, Clone, Copy)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}

/// The account that a name belongs to: with a directory service that ignores case, `Alice` is `alice`.
#[derive(Debug, Clone)]
pub enum Who {
    /// An account, or a name that the system does not know but the store may.
    Account(Account),
    /// A name that no account can have, kept for the log.
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

/// What is not known of an account or its groups. Never the same as "no such account", and it exempts nobody.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The account database did not answer.
    #[error("the account database does not answer (getpwnam_r: {}): check nsswitch.conf and the directory service", .0.desc())]
    Database(Errno),
    /// The account, which was there at the start of the login, was not found again.
    #[error(
        "the account database does not answer (getpwnam_r): check nsswitch.conf and the directory service"
    )]
    Gone,
    /// A group that is named in the config does not exist.
    #[error("there is no group \"{0}\": correct require.groups or require.exempt_groups in the config")]
    UnknownGroup(String),
    /// The group database did not answer.
    #[error("the group database does not answer (getgrnam_r: {}): check nsswitch.conf and the directory service", .0.desc())]
    GroupDatabase(Errno),
    /// The list of the account's groups could not be read.
    #[error("the groups of the account cannot be listed (getgrouplist: {})", .0.desc())]
    GroupList(Errno),
}

/// Looks the name up with `getpwnam_r(3)`.
///
/// # Errors
/// [`AccountError`] if it is unknown whether there is such an account.
pub fn canonical(name: &str) -> Result<Who, AccountError> {
    let found = match Passwd::from_name(name) {
        Ok(found) => found,
        // getpwnam_r(3) may return these for an unknown name as well.
        Err(Errno::ENOENT | Errno::ESRCH) => None,
        Err(error) => return Err(AccountError::Database(error)),
    };
    let (canonical, uid) = match &found {
        Some(account) => (account.name.as_str(), Some(account.uid.as_raw())),
        None => (name, None),
    };
    Ok(User::parse(canonical)
        .map_or_else(|_| Who::Impossible(canonical.to_owned()), |user| Who::Account(Account { user, uid })))
}

/// The name of a uid, or `uid NUMBER` if it has none or the database does not answer.
#[must_use]
pub fn name_of(uid: u32) -> String {
    account_name(uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// The name of a uid; `None`: it has none, or the database does not answer.
#[must_use]
pub fn account_name(uid: u32) -> Option<String> {
    let found = Passwd::from_uid(Uid::from_raw(uid)).ok().flatten();
    found.map(|account| account.name)
}

/// Those of the groups `names` that `user` (a canonical name) is a member of. Each group has to exist: a directory service that is
/// down must not look like an account without groups.
///
/// # Errors
/// [`AccountError`]; then membership of no group is known.
pub fn groups_of<'a>(user: &str, names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, AccountError> {
    let account = Passwd::from_name(user).ok().flatten().ok_or(AccountError::Gone)?;
    let name = CString::new(user).map_err(|_| AccountError::Gone)?;
    let of_account = getgrouplist(&name, account.gid).map_err(AccountError::GroupList)?;
    let mut found = Vec::new();
    for name in names {
        let group = Group::from_name(name).map_err(AccountError::GroupDatabase)?;
        let group = group.ok_or_else(|| AccountError::UnknownGroup(name.to_owned()))?;
        if is_member(user, &of_account, &group) {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

/// The account's list of groups and the group's list of members both count: a directory service may fill in only one of them.
fn is_member(user: &str, of_account: &[Gid], group: &Group) -> bool {
    of_account.contains(&group.gid) || group.mem.iter().any(|member| member == user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_after_9999_is_out_of_range() {
        let at = |realtime| created(Now { realtime, boottime: 0 });
        assert_eq!(at(1_800_000_000).unwrap().to_string(), "2027-01-15T08:00:00Z");
        assert!(matches!(at(253_402_300_800), Err(ClockError::OutOfRange)));
    }

    #[test]
    fn root_is_in_its_own_group_and_in_no_other() {
        assert_eq!(groups_of("root", ["root", "daemon"].into_iter()).unwrap(), ["root"]);
    }

    #[test]
    fn a_member_by_either_list_is_a_member() {
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
    fn the_groups_of_an_unknown_account_are_an_error() {
        assert!(groups_of("no-such-account", ["root"].into_iter()).is_err());
    }
}
