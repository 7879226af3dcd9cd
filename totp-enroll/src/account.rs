//! Who asks, and for whom.

use crate::failure::Failure;
use nix::unistd::{Uid, User as Passwd, getuid};
use totp_core::account_recovery::Person;
use totp_core::user::Account;
use totp_core::user::User;
use totp_host::accounts::{self, Who};

/// Who is in the command.
pub(crate) struct Operator {
    /// The account's name, or its uid where it has none.
    pub(crate) name: String,
    uid: Uid,
    /// Whose login the process descends from, by the kernel's word (`pam_loginuid`); `None`: nobody's, or it was not set.
    login: Option<Uid>,
}

impl Operator {
    /// The person behind sudo or doas, else the real user. sudo sets `SUDO_USER` and `SUDO_UID` itself, doas `DOAS_USER`;
    /// only root can have set them otherwise. Where they do not name one account nobody's word is taken.
    pub(crate) fn present() -> Result<Self, Failure> {
        let variable = |name| std::env::var(name).ok().filter(|_| getuid().is_root());
        let behind = Behind {
            sudo: variable("SUDO_USER"),
            claimed: variable("SUDO_UID"),
            doas: variable("DOAS_USER"),
        };
        let uid = behind.person()?.unwrap_or_else(getuid);
        Ok(Self { name: name_of(uid), uid, login: loginuid() })
    }

    /// The uid that the login behind this process had, for the log.
    pub(crate) fn login(&self) -> Option<u32> {
        self.login.map(Uid::as_raw)
    }

    /// The one person who asks, for what takes two. Where sudo names one account and the login was another's, the same
    /// person may sit behind both (su), and counts as neither. Behind root without sudo stands anyone who logged in.
    pub(crate) fn person(&self) -> Result<Person, Failure> {
        match person(self.uid, self.login) {
            Some(uid) => Ok(Person { uid: uid.as_raw(), name: name_of(uid) }),
            None => {
                let login = self.login.map_or_else(String::new, name_of);
                let problem = format!(
                    "sudo names {}, and the login is {login}'s: do this from a login of your own, through sudo",
                    self.name
                );
                Err(Failure::not_permitted(problem))
            }
        }
    }

    /// Whether nobody stands behind root: a root shell, a maintainer script.
    pub(crate) fn is_root(&self) -> bool {
        self.uid.is_root()
    }

    /// Whether the owner of the account sits here, by sudo's word or in a root shell of their own login.
    pub(crate) fn is_owner_of(&self, account: &Account) -> bool {
        self.is(account) && !self.is_root() || account.uid.is_some() && self.login() == account.uid
    }

    /// Whether this person acts for themselves.
    pub(crate) fn is(&self, account: &Account) -> bool {
        account.uid == Some(self.uid.as_raw())
    }
}

/// `None`: two accounts that are not one person.
fn person(operator: Uid, login: Option<Uid>) -> Option<Uid> {
    match login {
        None => Some(operator),
        Some(login) if operator.is_root() || login == operator => Some(login),
        Some(_) => None,
    }
}

/// The kernel keeps it from the login on, whatever uid the process takes. All ones: never set.
fn loginuid() -> Option<Uid> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX).map(Uid::from_raw)
}

/// The account's name, or its uid where it has none.
pub(crate) fn name_of(uid: Uid) -> String {
    accounts::name_of(uid.as_raw())
}

/// What sudo and doas say.
struct Behind {
    sudo: Option<String>,
    claimed: Option<String>,
    doas: Option<String>,
}

impl Behind {
    /// `None`: they say nothing. One of them inside the other leaves both names; where these differ, one person sits behind two
    /// accounts.
    fn person(&self) -> Result<Option<Uid>, Failure> {
        let claimed = self.claimed.as_deref();
        match (&self.sudo, &self.doas) {
            (None, None) => Ok(None),
            (Some(user), None) | (None, Some(user)) => behind_sudo(user, claimed).map(Some),
            (Some(sudo), Some(doas)) => {
                let (uid, other) = (behind_sudo(sudo, claimed)?, behind_sudo(doas, None)?);
                if uid == other {
                    return Ok(Some(uid));
                }
                let problem = "SUDO_USER and DOAS_USER name two accounts; run it through one of them, from a login of your own";
                Err(Failure::not_permitted(problem))
            }
        }
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
    match accounts::canonical(name)? {
        Who::Account(Account { uid: None, .. }) if unknown == Unknown::Refused => {
            Err(Failure::refused(format!("the system knows no account \"{}\"", name.escape_debug())))
        }
        Who::Account(account) => Ok(account),
        Who::Impossible(name) => User::parse(&name)
            .map(|user| Account { user, uid: None })
            .map_err(|error| Failure::refused(error.to_string())),
    }
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
    fn sudo_and_doas_name_one_account_or_nobody_is_behind_them() {
        let person = |sudo: Option<&str>, doas: Option<&str>| {
            let [sudo, doas] = [sudo, doas].map(|name| name.map(str::to_owned));
            Behind { sudo, doas, claimed: None }.person().ok()
        };
        let [daemon, bin] = [1, 2].map(|uid| Some(Some(Uid::from_raw(uid))));
        assert_eq!(person(None, None), Some(None));
        assert_eq!([person(Some("daemon"), None), person(None, Some("bin"))], [daemon, bin]);
        assert_eq!(person(Some("bin"), Some("bin")), bin);
        assert_eq!(person(Some("daemon"), Some("bin")), None);
    }

    #[test]
    fn one_person_is_behind_sudo_and_the_login_or_none_is() {
        let uid = Uid::from_raw;
        for (operator, login, who) in [
            (1001, None, Some(1001)),
            (1001, Some(1001), Some(1001)),
            (1001, Some(1002), None),
            (1001, Some(0), None),
            (0, None, Some(0)),
            (0, Some(0), Some(0)),
            (0, Some(1002), Some(1002)),
        ] {
            assert_eq!(person(uid(operator), login.map(uid)), who.map(uid), "{operator} {login:?}");
        }
    }

    #[test]
    fn a_name_and_a_uid_of_two_accounts_are_nobody() {
        for (user, uid) in [("daemon", "0"), ("daemon", "one"), ("no-such-account", "1")] {
            assert!(behind_sudo(user, Some(uid)).is_err(), "{user} {uid}");
        }
    }
}
