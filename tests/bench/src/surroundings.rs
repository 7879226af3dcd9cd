//! What is around a login, and costs whatever the module is.

use crate::contestant::Contestant;
use crate::fixture::Fixture;
use crate::person::Person;
use acceptance::login::Login;

/// What the application and the machine bring along.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surroundings {
    /// As sshd's are: libpam is told of a remote host, which its line for the kernel's audit looks up, and someone reads the log.
    Sshd,
    /// Neither.
    Alone,
}

impl Surroundings {
    /// How the rows of the tables begin.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Sshd => "",
            Self::Alone => "alone, ",
        }
    }
}

/// A contestant's module in a fixture.
#[derive(Clone, Copy)]
pub(crate) struct Service<'a> {
    pub(crate) fixture: &'a Fixture,
    pub(crate) contestant: Contestant,
    pub(crate) surroundings: Surroundings,
}

impl Service<'_> {
    /// A login with the present code.
    pub(crate) fn login(self, person: Person) -> Login {
        let mut login = self.fixture.login(self.contestant, person);
        if self.surroundings == Surroundings::Sshd {
            login.rhost = Some(b"192.0.2.7".to_vec());
            login.tty = Some(b"ssh".to_vec());
        }
        login
    }
}
