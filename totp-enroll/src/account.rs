//! Identifies the operator who runs the command, and looks up accounts.

use crate::command_error::CommandError;
use nix::unistd::{Uid, User as Passwd, getuid};
use totp_core::account_recovery::Person;
use totp_core::lockout::Source;
use totp_core::user::{Account, User};
use totp_host::machine::{self, Who};

/// The person who runs the command.
pub(crate) struct Operator {
    /// The name of the account, or its uid if it has none.
    pub(crate) name: String,
    uid: Uid,
    /// The kernel's login uid of this process (pam_loginuid(8)); `None`: not set.
    login: Option<Uid>,
}

impl Operator {
    /// The user who called sudo or doas, else the real user. sudo sets `SUDO_USER` and `SUDO_UID`, doas sets `DOAS_USER`;
    /// apart from them only root can set these.
    ///
    /// # Errors
    /// If the variables do not name one account.
    pub(crate) fn present() -> Result<Self, CommandError> {
        let variable = |name| std::env::var(name).ok().filter(|_| getuid().is_root());
        let caller = CallerVariables {
            sudo_user: variable("SUDO_USER"),
            sudo_uid: variable("SUDO_UID"),
            doas_user: variable("DOAS_USER"),
        };
        let uid = caller.uid()?.unwrap_or_else(getuid);
        Ok(Self { name: name_of(uid), uid, login: loginuid() })
    }

    /// The login uid, for the log.
    pub(crate) fn login(&self) -> Option<u32> {
        self.login.map(Uid::as_raw)
    }

    /// The operator as one person, for steps that need two persons. For root without sudo it is the user who logged in.
    ///
    /// # Errors
    /// If sudo names one account and the login was another's: one person may be using both (su).
    pub(crate) fn person(&self) -> Result<Person, CommandError> {
        match one_person(self.uid, self.login) {
            Some(uid) => Ok(Person { uid: uid.as_raw(), name: name_of(uid) }),
            None => {
                let login = self.login.map_or_else(String::new, name_of);
                let problem = format!(
                    "sudo was called by {}, but {login} logged in; log in as yourself and use sudo",
                    self.name
                );
                Err(CommandError::not_permitted(problem))
            }
        }
    }

    /// Whether the operator is root itself, without sudo: a root shell or a maintainer script.
    pub(crate) fn is_root(&self) -> bool {
        self.uid.is_root()
    }

    /// Whether the operator owns the account: through sudo, or in a root shell below the owner's login.
    pub(crate) fn is_owner_of(&self, account: &Account) -> bool {
        self.is(account) && !self.is_root() || account.uid.is_some() && self.login() == account.uid
    }

    /// Where the codes that the operator types come from.
    pub(crate) fn source(&self) -> Source {
        Source::Local(self.uid.as_raw())
    }

    /// Whether the operator's uid is that of the account.
    pub(crate) fn is(&self, account: &Account) -> bool {
        account.uid == Some(self.uid.as_raw())
    }
}

/// `None`: the uids may be two accounts of one person.
fn one_person(operator: Uid, login: Option<Uid>) -> Option<Uid> {
    match login {
        None => Some(operator),
        Some(login) if operator.is_root() || login == operator => Some(login),
        Some(_) => None,
    }
}

/// The login uid: the kernel keeps it across changes of uid. All ones: never set.
fn loginuid() -> Option<Uid> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX).map(Uid::from_raw)
}

/// The name of the account with this uid, or the uid if there is none.
pub(crate) fn name_of(uid: Uid) -> String {
    machine::name_of(uid.as_raw())
}

/// The variables in which sudo and doas name their caller.
struct CallerVariables {
    sudo_user: Option<String>,
    sudo_uid: Option<String>,
    doas_user: Option<String>,
}

impl CallerVariables {
    /// The caller's uid; `None`: none is set. sudo inside doas, or the reverse, sets both: they must name one account.
    fn uid(&self) -> Result<Option<Uid>, CommandError> {
        let sudo_uid = self.sudo_uid.as_deref();
        match (&self.sudo_user, &self.doas_user) {
            (None, None) => Ok(None),
            (Some(user), None) | (None, Some(user)) => caller_uid(user, sudo_uid).map(Some),
            (Some(sudo), Some(doas)) => {
                let (uid, other) = (caller_uid(sudo, sudo_uid)?, caller_uid(doas, None)?);
                if uid == other {
                    return Ok(Some(uid));
                }
                let problem = "SUDO_USER and DOAS_USER name different accounts; log in as yourself and use only one of sudo and doas";
                Err(CommandError::not_permitted(problem))
            }
        }
    }
}

fn caller_uid(user: &str, sudo_uid: Option<&str>) -> Result<Uid, CommandError> {
    let known = Passwd::from_name(user).ok().flatten().map(|account| account.uid);
    match (known, sudo_uid.map(str::parse)) {
        (Some(known), None) => Ok(known),
        (Some(known), Some(Ok(uid))) if known == Uid::from_raw(uid) => Ok(known),
        (None | Some(_), _) => {
            let problem = "SUDO_USER and SUDO_UID do not name the same account; run the command with sudo, or in a root shell";
            Err(CommandError::not_permitted(problem))
        }
    }
}

/// What to do with an account that the system does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Refused,
    /// It is bound by name, without a uid.
    Allowed,
}

impl From<bool> for Unknown {
    fn from(allow_unknown: bool) -> Self {
        if allow_unknown { Self::Allowed } else { Self::Refused }
    }
}

/// The canonical account of `name`.
pub(crate) fn canonical(name: &str, unknown: Unknown) -> Result<Account, CommandError> {
    match machine::canonical(name)? {
        Who::Account(Account { uid: None, .. }) if unknown == Unknown::Refused => Err(CommandError::refused(
            format!("there is no account \"{}\" on this system", name.escape_debug()),
        )),
        Who::Account(account) => Ok(account),
        Who::Impossible(name) => User::parse(&name)
            .map(|user| Account { user, uid: None })
            .map_err(|error| CommandError::refused(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_of_sudo_is_the_operator() {
        assert_eq!(caller_uid("daemon", Some("1")).ok(), Some(Uid::from_raw(1)));
        assert_eq!(caller_uid("daemon", None).ok(), Some(Uid::from_raw(1)));
    }

    #[test]
    fn sudo_and_doas_must_name_one_account() {
        let uid = |sudo: Option<&str>, doas: Option<&str>| {
            let [sudo_user, doas_user] = [sudo, doas].map(|name| name.map(str::to_owned));
            CallerVariables { sudo_user, doas_user, sudo_uid: None }.uid().ok()
        };
        let [daemon, bin] = [1, 2].map(|uid| Some(Some(Uid::from_raw(uid))));
        assert_eq!(uid(None, None), Some(None));
        assert_eq!([uid(Some("daemon"), None), uid(None, Some("bin"))], [daemon, bin]);
        assert_eq!(uid(Some("bin"), Some("bin")), bin);
        assert_eq!(uid(Some("daemon"), Some("bin")), None);
    }

    #[test]
    fn the_caller_of_sudo_and_the_login_must_be_one_person() {
        let uid = Uid::from_raw;
        for (operator, login, expected) in [
            (1001, None, Some(1001)),
            (1001, Some(1001), Some(1001)),
            (1001, Some(1002), None),
            (1001, Some(0), None),
            (0, None, Some(0)),
            (0, Some(0), Some(0)),
            (0, Some(1002), Some(1002)),
        ] {
            assert_eq!(one_person(uid(operator), login.map(uid)), expected.map(uid), "{operator} {login:?}");
        }
    }

    #[test]
    fn a_name_and_a_uid_of_two_accounts_are_refused() {
        for (user, uid) in [("daemon", "0"), ("daemon", "one"), ("no-such-account", "1")] {
            assert!(caller_uid(user, Some(uid)).is_err(), "{user} {uid}");
        }
    }
}
