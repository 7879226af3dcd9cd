//! What is around a login, and costs beside the modules.

use crate::accounts;
use crate::log::Reader;
use crate::person::Person;
use acceptance::login::Login;

/// Where a login is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surroundings {
    /// As sshd's are: whoever logs in has an account, libpam is told of a remote host, which its line for the kernel's audit
    /// looks up, and somebody reads the log.
    Site,
    /// None of that: what is left is libpam's and the module's.
    Alone,
}

impl Surroundings {
    /// How the rows of the tables begin.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Site => "",
            Self::Alone => "alone, ",
        }
    }

    /// Does something with the log as it is there.
    pub(crate) fn within<T>(self, log: &Reader, work: impl FnOnce() -> T) -> T {
        match self {
            Self::Site => work(),
            Self::Alone => log.aside(work),
        }
    }

    /// Gives accounts to whoever has one there.
    pub(crate) fn admit(self, people: &[Person]) {
        match self {
            Self::Site => accounts::give(people),
            Self::Alone => accounts::give(&[]),
        }
    }

    /// What the application says of itself.
    pub(crate) fn introduce(self, login: &mut Login) {
        if self == Self::Site {
            login.rhost = Some(b"192.0.2.7".to_vec());
            login.tty = Some(b"ssh".to_vec());
        }
    }
}
